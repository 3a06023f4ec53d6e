"""Edits of classes: methods, bases, attributes, dataclasses, enums, descriptors, instances in constants."""

from __future__ import annotations

from edits_case import Case, case

ONE = """
@step
def one(n: int) -> int:
    return {}
"""

PLAIN = """
class Base:
    size = 2
    def shift(self, n):
        return n + 1

class Model(Base):
    def predict(self, n):
        return super().shift(n) * self.size
    @property
    def half(self):
        return self.size / 2
    @staticmethod
    def fixed():
        return 5
    @classmethod
    def kind(cls):
        return 6
    def unused(self):
        return 7
""" + ONE.format("int(Model().predict(n) + Model().half + Model.fixed() + Model.kind())")

DATACLASS = """
from dataclasses import dataclass, field
@dataclass
class Options:
    a: int = 1
    b: int = 2
    names: list = field(default_factory=list)
    def __post_init__(self):
        self.c = self.a + self.b
""" + ONE.format("Options().c + n")

ENUM = """
from enum import Enum, auto
class Mode(Enum):
    FAST = 1
    SLOW = 2
    def factor(self):
        return self.value * 10
DEFAULT = Mode.FAST
""" + ONE.format("DEFAULT.factor() + n")

QUOTED = """
from pydantic import BaseModel, field_validator
class Outer(BaseModel):
    inner: {}
class Inner(BaseModel):
    k: int
    @field_validator('k')
    @classmethod
    def check(cls, k):
        return k + 1
"""

INSTANCE = """
class Adder:
    def __init__(self, k):
        self.k = k
    def __add__(self, n):
        return self.k + n
    def __call__(self, n):
        return n * self.k
adder = Adder(2)
TABLE = {"a": [adder]}
""" + ONE.format("TABLE['a'][0](n) + (adder + n)")

DESCRIPTOR = """
class Scaled:
    def __init__(self, by):
        self.by = by
    def __set_name__(self, owner, name):
        self.name = name
    def __get__(self, instance, owner=None):
        return 10 * self.by
class Thing:
    size = Scaled(2)
""" + ONE.format("Thing().size + n")

META = """
class Meta(type):
    def __call__(cls, *args):
        return super().__call__(*args)
    def made(cls):
        return 1
class Thing(metaclass=Meta):
    pass
""" + ONE.format("Thing.made() + n")

HOOKED = """
class Base:
    known = {}
    def __init_subclass__(cls, **more):
        Base.known[cls.__name__] = cls
class First(Base):
    def go(self):
        return 1
""" + ONE.format("Base.known['First']().go() + n")

SUBCLASSES = """
class Base:
    pass
class First(Base):
    def go(self):
        return 1
""" + ONE.format("sum(one().go() for one in Base.__subclasses__()) + n")

TUPLE = """
from typing import NamedTuple
from collections import namedtuple
class Point(NamedTuple):
    x: int
    y: int = 2
    def total(self):
        return self.x + self.y
Pair = namedtuple("Pair", "a b", defaults=[3])
""" + ONE.format("Point(n).total() + Pair(1).b")

CLASSES: list[Case] = [
    case("a method", PLAIN, ("shift(n) * self.size", "shift(n) - self.size"), ran="one"),
    case("a method of the base that super reaches", PLAIN, ("return n + 1", "return n + 2"), ran="one"),
    case("a class attribute", PLAIN, ("size = 2", "size = 3"), ran="one"),
    case("a property", PLAIN, ("self.size / 2", "self.size / 4"), ran="one"),
    case("a static method", PLAIN, ("return 5", "return 6"), ran="one"),
    case("a class method", PLAIN, ("return 6", "return 5"), ran="one"),
    case(
        "a method added that takes the place of a base's",
        PLAIN,
        ("    def unused", "    def shift(self, n):\n        return -n\n    def unused"),
        ran="one",
    ),
    case(
        "another base",
        PLAIN + "\nclass Other:\n    size = 9\n    def shift(self, n):\n        return n\n",
        ("class Model(Base)", "class Model(__import__('pipe').Base if False else Base, object)"),
        ran="one",
    ),
    case(
        "a method that became static",
        PLAIN,
        ("    @classmethod\n    def kind(cls)", "    @staticmethod\n    def kind(cls=0)"),
        ran="one",
    ),
    case(
        "the order of methods",
        PLAIN,
        (
            "    @staticmethod\n    def fixed():\n        return 5\n    @classmethod\n    def kind(cls):\n        return 6\n",
            "    @classmethod\n    def kind(cls):\n        return 6\n    @staticmethod\n    def fixed():\n        return 5\n",
        ),
        ran="",
    ),
    case(
        "the docstring of a class and of a method",
        PLAIN,
        (
            "class Model(Base):\n    def predict(self, n):\n",
            "class Model(Base):\n    'A model.'\n    def predict(self, n):\n        'Predicts.'\n",
        ),
        ran="",
    ),
    case("a comment in a class", PLAIN, ("    size = 2", "    # how large\n    size = 2  # two"), ran=""),
    case(
        "annotations of a method",
        PLAIN,
        ("def predict(self, n):", "def predict(self, n: int) -> float:"),
        ran="",
    ),
    case("a class that nothing uses", PLAIN + "\nclass Spare:\n    x = 1\n", ("x = 1", "x = 2"), ran=""),
    case(
        "a class attribute set from outside",
        PLAIN + "\nModel.size = 4\n",
        ("Model.size = 4", "Model.size = 5"),
        ran="one",
    ),
    case(
        "a method put into a class from outside",
        PLAIN + "\ndef longer(self, n):\n    return n\nModel.predict = longer\n",
        ("def longer(self, n):\n    return n", "def longer(self, n):\n    return -n"),
        ran="one",
    ),
    case("the default of a dataclass field", DATACLASS, ("b: int = 2", "b: int = 3"), ran="one"),
    case("a field added to a dataclass", DATACLASS, ("b: int = 2", "b: int = 2\n    d: int = 2"), ran="one"),
    case(
        "the order of dataclass fields",
        DATACLASS,
        ("a: int = 1\n    b: int = 2", "b: int = 2\n    a: int = 1"),
        ran="one",
    ),
    case("the annotation of a dataclass field", DATACLASS, ("a: int = 1", "a: float = 1"), ran="one"),
    case("the post-init of a dataclass", DATACLASS, ("self.a + self.b", "self.a - self.b"), ran="one"),
    case(
        "an option of the dataclass decorator",
        DATACLASS,
        ("@dataclass\n", "@dataclass(order=True)\n"),
        ran="one",
    ),
    case(
        "a dataclass's default factory",
        "from dataclasses import dataclass, field\ndef fresh():\n    return [1]\n@dataclass\nclass Options:\n    names: list = field(default_factory=fresh)\n"
        + ONE.format("len(Options().names) + n"),
        ("return [1]", "return [1, 2]"),
        ran="one",
    ),
    case(
        "a frozen dataclass instance as a default",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Options:\n    k: int = 1\ndef helper(n, options=Options(k=4)):\n    return n + options.k\n"
        + ONE.format("helper(n)"),
        ("k=4", "k=5"),
        ran="one",
    ),
    case("the value of an enum member", ENUM, ("FAST = 1", "FAST = 3"), ran="one"),
    case(
        "a method of an enum reached through a constant",
        ENUM,
        ("self.value * 10", "self.value * 20"),
        ran="one",
    ),
    case(
        "the enum member that a constant holds",
        ENUM,
        ("DEFAULT = Mode.FAST", "DEFAULT = Mode.SLOW"),
        ran="one",
    ),
    case(
        "a method of an enum whose member is a default",
        ENUM.replace("DEFAULT.factor() + n", "helper(n)").replace(
            "DEFAULT =", "def helper(n, mode=Mode.FAST):\n    return mode.factor() + n\nDEFAULT ="
        ),
        ("self.value * 10", "self.value * 20"),
        ran="one",
    ),
    case(
        "an operator of an instance in a constant",
        INSTANCE,
        ("return self.k + n", "return self.k - n"),
        ran="one",
    ),
    case(
        "the call of an instance in a nested constant",
        INSTANCE,
        ("return n * self.k", "return n + self.k"),
        ran="one",
    ),
    case("the state of an instance in a constant", INSTANCE, ("Adder(2)", "Adder(3)"), ran="one"),
    case("a descriptor's code", DESCRIPTOR, ("10 * self.by", "20 * self.by"), ran="one"),
    case("a descriptor's state", DESCRIPTOR, ("Scaled(2)", "Scaled(3)"), ran="one"),
    case("a method of a metaclass", META, ("return 1", "return 2"), ran="one"),
    case("a class that a hook registers", HOOKED, ("return 1", "return 2"), ran="one"),
    case("a subclass that code asks for", SUBCLASSES, ("return 1", "return 2"), ran="one"),
    case(
        "a subclass added that code asks for",
        SUBCLASSES,
        (
            "@step\ndef one",
            "class Second(First):\n    pass\nclass Third(Base):\n    def go(self):\n        return 2\n@step\ndef one",
        ),
        ran="one",
    ),
    case("a default of a NamedTuple", TUPLE, ("y: int = 2", "y: int = 3"), ran="one"),
    case("a method of a NamedTuple", TUPLE, ("self.x + self.y", "self.x - self.y"), ran="one"),
    case("a default of a namedtuple", TUPLE, ("defaults=[3]", "defaults=[4]"), ran="one"),
    case(
        "a function that a class attribute is computed by, with the same result",
        "def size():\n    return 1 + 1\nclass A:\n    k = size()\n" + ONE.format("A.k + n"),
        ("return 1 + 1", "return 2"),
        ran="one",
    ),
    case(
        "a method inside a nested class",
        "class A:\n    class B:\n        def go(self):\n            return 1\n"
        + ONE.format("A.B().go() + n"),
        ("return 1", "return 2"),
        ran="one",
    ),
    case(
        "a class made in a function",
        "def make():\n    class A:\n        def go(self):\n            return 1\n    return A\nA = make()\n"
        + ONE.format("A().go() + n"),
        ("return 1", "return 2"),
        ran="one",
    ),
    case(
        "a method under a decorator",
        "def twice(f):\n    def wrapper(self):\n        return f(self) * 2\n    return wrapper\nclass A:\n    @twice\n    def go(self):\n        return 1\n"
        + ONE.format("A().go() + n"),
        ("f(self) * 2", "f(self) * 3"),
        ran="one",
    ),
    case(
        "a class decorator",
        "def named(cls):\n    cls.k = 1\n    return cls\n@named\nclass A:\n    pass\n"
        + ONE.format("A.k + n"),
        ("cls.k = 1", "cls.k = 2"),
        ran="one",
    ),
    case(
        "a cached property",
        "from functools import cached_property\nclass A:\n    @cached_property\n    def k(self):\n        return 1\n"
        + ONE.format("A().k + n"),
        ("return 1", "return 2"),
        ran="one",
    ),
    case(
        "a partial method",
        "from functools import partialmethod\nclass A:\n    def add(self, n, k):\n        return n + k\n    add_two = partialmethod(add, k=2)\n"
        + ONE.format("A().add_two(n)"),
        ("k=2", "k=3"),
        ran="one",
    ),
    case(
        "a setting that sits beside a lock",
        "import threading\nclass Settings:\n    def __init__(self, k):\n        self.lock, self.k = threading.Lock(), k\nSETTINGS = Settings(1)\n"
        + ONE.format("SETTINGS.k + n"),
        ("Settings(1)", "Settings(2)"),
        ran="one",
    ),
    case(
        "a bound method kept in a constant",
        "class A:\n    def go(self, n):\n        return n + 1\ngo = A().go\n" + ONE.format("go(n)"),
        ("n + 1", "n + 2"),
        ran="one",
    ),
    case(
        "an abstract method's implementation",
        "import abc\nclass Base(abc.ABC):\n    @abc.abstractmethod\n    def go(self): ...\nclass A(Base):\n    def go(self):\n        return 1\n"
        + ONE.format("A().go() + n"),
        ("return 1", "return 2"),
        ran="one",
    ),
    case(
        "a slot's class",
        "class A:\n    __slots__ = ('k',)\n    def __init__(self):\n        self.k = 1\n"
        + ONE.format("A().k + n"),
        ("self.k = 1", "self.k = 2"),
        ran="one",
    ),
    case(
        "a validator of a pydantic model",
        "from pydantic import BaseModel, field_validator\nclass A(BaseModel):\n    k: int = 1\n    @field_validator('k')\n    @classmethod\n    def check(cls, k):\n        return k + 1\n"
        + ONE.format("A(k=n).k"),
        ("return k + 1", "return k + 2"),
        ran="one",
    ),
    case(
        "a field of a pydantic model",
        "from pydantic import BaseModel\nclass A(BaseModel):\n    k: int = 1\n"
        + ONE.format("int(A().k) + n"),
        ("k: int = 1", "k: float = 1"),
        ran="one",
    ),
    case(
        "nothing, with a pydantic model",
        "from pydantic import BaseModel, Field\nclass B(BaseModel):\n    x: int = 1\nclass A(BaseModel):\n    k: list[B] = Field(default_factory=list)\n"
        + ONE.format("len(A().k) + n"),
        ("x: int = 1", "x: int = 1  # one"),
        ran="",
    ),
    case(
        "a validator of a model that an annotation names in quotes",
        QUOTED.format('"Inner"') + ONE.format("Outer(inner={'k': n}).inner.k"),
        ("return k + 1", "return k + 2"),
        ran="one",
    ),
    case(
        "a validator of a model in a list that an annotation names in quotes",
        QUOTED.format('"list[Inner]"') + ONE.format("Outer(inner=[{'k': n}]).inner[0].k"),
        ("return k + 1", "return k + 2"),
        ran="one",
    ),
    case(
        "a validator of a model in quotes inside of an annotation",
        QUOTED.format('list["Inner"]') + ONE.format("Outer(inner=[{'k': n}]).inner[0].k"),
        ("return k + 1", "return k + 2"),
        ran="one",
    ),
    case(
        "a class that a dataclass names in quotes",
        "import typing\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'B'\nclass B:\n    def go(self):\n        return 1\n"
        + ONE.format("typing.get_type_hints(A)['x']().go() + n"),
        ("return 1", "return 2"),
        ran="one",
    ),
    case(
        "a class that a plain class names in quotes",
        "import typing\nclass A:\n    x: 'typing.Optional[B]'\nclass B:\n    def go(self):\n        return 1\n"
        + ONE.format("typing.get_args(typing.get_type_hints(A)['x'])[0]().go() + n"),
        ("return 1", "return 2"),
        ran="one",
    ),
    case(
        "a class that a decorated function names in quotes",
        "import functools, typing\ndef built(f):\n    @functools.wraps(f)\n    def inner(n):\n        return f(typing.get_type_hints(f)['b']().k + n)\n    return inner\n@built\ndef go(b: 'B'):\n    return b\nclass B:\n    k = 1\n"
        + ONE.format("go(n)"),
        ("k = 1", "k = 2"),
        ran="one",
    ),
    case(
        "a function of the name of a literal, which is no annotation",
        "from dataclasses import dataclass\nfrom typing import Annotated, Literal\ndef fast():\n    return 1\n@dataclass\nclass A:\n    x: Literal['fast'] = 'fast'\n    y: Annotated[int, 'fast'] = 1\n"
        + ONE.format("len(A().x) + n"),
        ("return 1", "return 2"),
        ran="",
    ),
]
