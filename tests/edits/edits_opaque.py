"""Edits of what hides: opaque values, libraries that wrap or keep code, modules that bind names in odd ways."""

from __future__ import annotations

from edits_case import Case, case

STEP = """
@step
def one(n: int) -> int:
    return {}
"""
LATE = """
@step
def one(n: int) -> int:
    from tools import {}
    return {}
"""


def hidden(name: str, text: str, use: str, edit: tuple[str, str], ran: str = "one", **more: object) -> Case:
    """Build a case of one module."""
    return case(name, f"{text}\n" + STEP.format(use), edit, ran=ran, **more)  # type: ignore[arg-type]


def odd(
    name: str, tools: str, edit: tuple[str, str], ran: str = "one", what: str = "K", use: str = "n + K"
) -> Case:
    """Build a case of a module that is imported when the step runs."""
    return case(name, LATE.format(what, use), ran=ran, files={"tools.py": tools}, edits={"tools.py": edit})


WRAP = "def wrap(f, k=1):\n    def inner(n):\n        return f(n) * k\n    return inner\n"

OPAQUE: list[Case] = [
    hidden(
        "a read-only dict",
        "from types import MappingProxyType\nK = MappingProxyType({'a': 1})",
        "n + K['a']",
        ("'a': 1", "'a': 2"),
    ),
    hidden(
        "a read-only dict in a closure",
        "from types import MappingProxyType\ndef make(k):\n    return lambda n: n + k['a']\nK = make(MappingProxyType({'a': 1}))",
        "K(n)",
        ("'a': 1", "'a': 2"),
    ),
    hidden(
        "a generator kept as a constant", "K = (m for m in range(3))", "n + sum(K)", ("range(3)", "range(4)")
    ),
    hidden(
        "what a generator kept as a constant calls",
        "def h():\n    return 1\ndef gen():\n    while True:\n        yield h()\nK = gen()",
        "n + next(K)",
        ("return 1", "return 2"),
    ),
    hidden(
        "what a generator expression calls",
        "def h(m):\n    return m\nK = [(h(m) for m in range(3))]",
        "n + sum(K[0])",
        ("return m", "return -m"),
    ),
    hidden(
        "what a generator calls that another one has begun to go through",
        "def h():\n    return 1\ndef gen():\n    while True:\n        yield h()\ndef over():\n    yield from gen()\ndef begun():\n    k = over()\n    next(k)\n    return k\nK = begun()",
        "n + next(K)",
        ("return 1", "return 2"),
    ),
    hidden(
        "what a generator imports when it runs",
        "def gen():\n    from tools import h\n    yield h()\nK = gen()",
        "n + next(K)",
        ("yield h()", "yield h()  # once"),
        ran="one",
        files={"tools.py": "def h():\n    return 1\n"},
        edits={"tools.py": ("return 1", "return 2")},
    ),
    hidden(
        "what a generator in a closure calls",
        "def h():\n    return 1\ndef make(k):\n    return lambda n: n + next(k)\nK = make(h() for _ in range(3))",
        "K(n)",
        ("return 1", "return 2"),
    ),
    hidden(
        "what a generator holds in a closure",
        "def make(k):\n    def gen():\n        yield k()\n    return gen()\ndef h():\n    return 1\nK = make(h)",
        "n + next(K)",
        ("return 1", "return 2"),
    ),
    hidden(
        "a comment in a generator kept as a constant",
        "def h():\n    return 1\ndef gen():\n    yield h()\nK = gen()",
        "n + next(K)",
        ("yield h()", "# one\n    yield h()"),
        ran="",
    ),
    hidden(
        "what a generator does not call",
        "def h():\n    return 1\ndef spare():\n    return 1\ndef gen():\n    yield h()\nK = gen()",
        "n + next(K)",
        ("def spare():\n    return 1", "def spare():\n    return 2"),
        ran="",
    ),
    hidden(
        "a function in an expression of polars",
        "import polars as pl\ndef clean(m):\n    return m + 1\ndef spare(m):\n    return m + 3\nK = [pl.col('a').map_elements(clean, return_dtype=pl.Int64).alias('f')]",
        "int(pl.DataFrame({'a': [n]}).select(K)['f'][0])",
        ("m + 1", "m + 2"),
        ran="one",
    ),
    hidden(
        "a function that an expression of polars does not call",
        "import polars as pl\ndef clean(m):\n    return m + 1\ndef spare(m):\n    return m + 3\nK = [pl.col('a').map_elements(clean, return_dtype=pl.Int64).alias('f')]",
        "int(pl.DataFrame({'a': [n]}).select(K)['f'][0])",
        ("m + 3", "m + 4"),
        ran="",
    ),
    hidden(
        "a comment in a function in an expression of polars",
        "import polars as pl\ndef clean(m):\n    return m + 1\ndef spare(m):\n    return m + 3\nK = [pl.col('a').map_elements(clean, return_dtype=pl.Int64).alias('f')]",
        "int(pl.DataFrame({'a': [n]}).select(K)['f'][0])",
        ("return m + 1", "# one\n    return m + 1"),
        ran="",
    ),
    hidden(
        "a function in an expression of polars that a function makes",
        "import polars as pl\ndef clean(m):\n    return m + 1\ndef spare(m):\n    return m + 3\ndef make(name):\n    return pl.col(name).map_elements(clean, return_dtype=pl.Int64).alias('f')\nK = make('a')",
        "int(pl.DataFrame({'a': [n]}).select(K)['f'][0])",
        ("m + 1", "m + 2"),
        ran="one",
    ),
    hidden(
        "an imported function in an expression of polars",
        "import polars as pl\nfrom tools import clean\nK = [pl.col('a').map_elements(clean, return_dtype=pl.Int64).alias('f')]",
        "int(pl.DataFrame({'a': [n]}).select(K)['f'][0])",
        ("int(", "int("),
        ran="one",
        files={"tools.py": "def clean(m):\n    return m + 1\n"},
        edits={"tools.py": ("m + 1", "m + 2")},
    ),
    hidden(
        "a number in an expression of polars",
        "import polars as pl\nK = (pl.col('a') + 1).alias('f')",
        "int(pl.DataFrame({'a': [n]}).select(K)['f'][0])",
        ("+ 1", "+ 2"),
        ran="one",
    ),
    hidden(
        "a function in a lazy table of polars",
        "import polars as pl\ndef clean(m):\n    return m + 1\ndef spare(m):\n    return m + 3\nK = pl.LazyFrame({'a': [1]}).select(pl.col('a').map_elements(clean, return_dtype=pl.Int64))",
        "int(K.collect()['a'][0]) + n",
        ("m + 1", "m + 2"),
        ran="one",
    ),
    hidden(
        "an attribute that __reduce__ leaves out",
        "class A:\n    def __init__(self, k):\n        self.k = k\n    def __reduce__(self):\n        return A, (0,)\nK = A(1)",
        "n + K.k",
        ("A(1)", "A(2)"),
    ),
    hidden(
        "an attribute that __getstate__ leaves out",
        "class A:\n    def __init__(self, k):\n        self.k = k\n    def __getstate__(self):\n        return {}\nK = A(1)",
        "n + K.k",
        ("A(1)", "A(2)"),
    ),
    hidden(
        "a slot that __reduce__ leaves out",
        "class A:\n    __slots__ = ('k', 'unset')\n    def __init__(self, k):\n        self.k = k\n    def __reduce__(self):\n        return A, (0,)\nK = A(1)",
        "n + K.k",
        ("A(1)", "A(2)"),
    ),
    hidden(
        "an attribute that the pickling of a base leaves out",
        "class B:\n    def __getstate__(self):\n        return {}\nclass A(B):\n    def __init__(self, k):\n        self.k = k\nK = A(1)",
        "n + K.k",
        ("A(1)", "A(2)"),
    ),
    hidden(
        "an object that leaves a lock out, untouched",
        "import threading\nclass A:\n    def __init__(self, k):\n        self.k, self.lock, self.me = k, threading.Lock(), self\n    def __getstate__(self):\n        return {'k': self.k}\nK = A(1)",
        "n + K.k",
        ("A(1)", "A(1)  # one"),
        ran="",
    ),
    hidden(
        "a lambda in an expression of polars in a closure",
        "import polars as pl\ndef make(k):\n    return lambda n: int(pl.DataFrame({'a': [n]}).select(k)['a'][0])\nK = make(pl.col('a').map_elements(lambda m: abs(m) + 1, return_dtype=pl.Int64))",
        "K(n)",
        ("abs(m) + 1", "abs(m) + 2"),
    ),
    hidden("a view of bytes", "K = memoryview(b'ab')", "n + K[0]", ("b'ab'", "b'bb'")),
    hidden(
        "the default of a context variable",
        "from contextvars import ContextVar\nK = ContextVar('K', default=1)",
        "n + K.get()",
        ("default=1", "default=2"),
    ),
    hidden(
        "the size of a pool of threads",
        "from concurrent.futures import ThreadPoolExecutor\nK = ThreadPoolExecutor(1)",
        "n + K._max_workers",
        ("Executor(1)", "Executor(2)"),
    ),
    hidden(
        "a pool of threads, untouched",
        "from concurrent.futures import ThreadPoolExecutor\nK = ThreadPoolExecutor(1)",
        "n + K._max_workers",
        ("Executor(1)", "Executor(1)  # one"),
        ran="",
    ),
    hidden(
        "a function in a numpy function",
        "import numpy as np\ndef base(n):\n    return n + 1\nK = np.frompyfunc(base, 1, 1)",
        "int(K(n))",
        ("n + 1", "n + 2"),
    ),
    hidden(
        "a function in np.vectorize",
        "import numpy as np\ndef base(n):\n    return n + 1\nK = np.vectorize(base)",
        "int(K(n))",
        ("n + 1", "n + 2"),
    ),
    hidden(
        "a slot beside a lock",
        "import threading\nclass S:\n    __slots__ = ('lock', 'k')\n    def __init__(self, k):\n        self.lock, self.k = threading.Lock(), k\nK = S(1)",
        "n + K.k",
        ("S(1)", "S(2)"),
    ),
    hidden(
        "a match on a class",
        "class P:\n    __match_args__ = ('x',)\n    def __init__(self, x):\n        self.x = x + 1\ndef helper(n):\n    match P(n):\n        case P(x):\n            return x\n",
        "helper(n)",
        ("x + 1", "x + 2"),
    ),
    hidden(
        "a generic class",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def get(self):\n        return 1\nclass Int(Box[int]):\n    pass\n",
        "Int().get() + n",
        ("return 1", "return 2"),
    ),
    hidden(
        "a typed dict",
        "from typing import TypedDict\nclass D(TypedDict):\n    a: int\n",
        "len(D.__annotations__) + n",
        ("a: int", "a: int\n    b: int"),
    ),
    hidden(
        "a subclass of dict in a constant",
        "class D(dict):\n    def __missing__(self, key):\n        return 1\nK = D()",
        "K['x'] + n",
        ("return 1", "return 2"),
    ),
    hidden(
        "a single-dispatch method",
        "from functools import singledispatchmethod\nclass A:\n    @singledispatchmethod\n    def go(self, n):\n        return 0\n    @go.register\n    def _(self, n: int):\n        return 1\n",
        "A().go(n)",
        ("return 1", "return 2"),
    ),
    hidden(
        "a class that stands for a function",
        "class helper:\n    def __new__(cls, n):\n        return n + 1\n",
        "helper(n)",
        ("n + 1", "n + 2"),
    ),
    hidden(
        "attributes that are made up",
        "class A:\n    def __getattr__(self, name):\n        return 1\n",
        "A().anything + n",
        ("return 1", "return 2"),
    ),
    hidden(
        "a decorator's default in a closure",
        WRAP + "@wrap\ndef helper(n):\n    return n",
        "helper(n)",
        ("k=1", "k=2"),
    ),
    hidden(
        "a function that two are made of",
        WRAP + "def base(n):\n    return n\nhelper = wrap(wrap(base, 2), 3)",
        "helper(n)",
        ("wrap(base, 2), 3", "wrap(base, 3), 2"),
    ),
    hidden(
        "steps that a loop makes",
        "def make(k):\n    @step(name=f's{k}')\n    def made(n: int) -> int:\n        return n * k\n    return made\na, b = make(1), make(2)\n",
        "n",
        ("make(1), make(2)", "make(1), make(3)"),
        ran="s3",
        main="@pipeline\ndef main():\n    a(1)\n    b(1)\n",
    ),
    hidden(
        "an accessor of pandas",
        "import pandas as pd\n@pd.api.extensions.register_series_accessor('mine')\nclass Mine:\n    def __init__(self, s):\n        self.s = s\n    def go(self):\n        return 1\n",
        "int(pd.Series([n]).mine.go())",
        ("return 1", "return 2"),
        ran="one other",
    ),
    hidden(
        "a function that exec makes",
        "exec('def helper(n):\\n    return n + 1')",
        "helper(n)",
        ("n + 1", "n + 2"),
        ran="one other",
    ),
    hidden("a constant that globals() binds", "globals()['K'] = 1", "n + K", ("= 1", "= 2")),
    hidden(
        "a key that a constant holds twice",
        "A = [1]\nK = {'a': A, 'b': A}",
        "n + K['b'][0]",
        ("A = [1]", "A = [2]"),
    ),
    hidden(
        "a constant that refers to itself",
        "K = {'a': 1}\nK['self'] = K",
        "n + K['self']['a']",
        ("'a': 1", "'a': 2"),
    ),
    hidden(
        "a property that setattr puts into a class",
        "class A:\n    pass\nsetattr(A, 'k', property(lambda self: 1))",
        "A().k + n",
        ("lambda self: 1", "lambda self: 2"),
    ),
    hidden(
        "a class made by type()",
        "A = type('A', (), {'go': lambda self: 1})",
        "A().go() + n",
        ("lambda self: 1", "lambda self: 2"),
    ),
    hidden(
        "a function under two names",
        "def f(n):\n    return n\ng = f\n",
        "g(n)",
        ("def f(n):\n    return n", "def f(n):\n    return -n"),
    ),
    hidden(
        "a helper bound twice",
        "def helper(n):\n    return n\ndef helper(n):\n    return n + 1\n",
        "helper(n)",
        ("n + 1", "n + 2"),
    ),
    hidden(
        "a helper bound twice, the first",
        "def helper(n):\n    return n\ndef helper(n):\n    return n + 1\n",
        "helper(n)",
        ("def helper(n):\n    return n\ndef", "def helper(n):\n    return -n\ndef"),
        ran="",
    ),
    odd(
        "a late constant that a function binds",
        "K = 1\ndef init():\n    global K\n    K = 5\ninit()\n",
        ("K = 5", "K = 6"),
    ),
    odd("a late constant that globals() binds", "K = 1\nglobals()['K'] = 5\n", ("= 5", "= 6")),
    odd("a late constant that only globals() binds", "globals()['K'] = 5\n", ("= 5", "= 6")),
    odd("a late constant that is unpacked", "A, K = 1, 2\n", ("1, 2", "1, 3")),
    odd(
        "a late constant of an if",
        "import sys\nif sys.version_info > (3,):\n    K = 1\nelse:\n    K = 2\n",
        ("K = 1", "K = 3"),
    ),
    odd(
        "a late constant bound in a with",
        "import contextlib\nwith contextlib.nullcontext(1) as K:\n    pass\n",
        ("nullcontext(1)", "nullcontext(2)"),
    ),
    odd("a late constant of a walrus", "print(K := 1)\n", ("K := 1", "K := 2")),
    odd("a late constant added to", "K = 1\nK += 1\n", ("K += 1", "K += 2")),
    odd("a late constant's helper", "def size():\n    return 1\nK = size()\n", ("return 1", "return 2")),
    odd(
        "a late helper's default",
        "D = 1\ndef helper(n, k=D):\n    return n + k\n",
        ("D = 1", "D = 2"),
        what="helper",
        use="helper(n)",
    ),
    odd(
        "a late helper's attribute",
        "def helper(n):\n    return n + helper.k\nhelper.k = 1\n",
        ("k = 1", "k = 2"),
        what="helper",
        use="helper(n)",
    ),
    odd(
        "an annotation of a late helper",
        "def helper(n):\n    return n\n",
        ("(n)", "(n: int) -> int"),
        ran="",
        what="helper",
        use="helper(n)",
    ),
    odd(
        "a late function rebound",
        "def helper(n):\n    return n\ndef twice(f):\n    return lambda n: f(n) * 2\nhelper = twice(helper)\n",
        ("* 2", "* 3"),
        what="helper",
        use="helper(n)",
    ),
    case(
        "a late import in a method",
        "class A:\n    def go(self, n):\n        from tools import K\n        return n + K\n"
        + STEP.format("A().go(n)"),
        ran="one",
        files={"tools.py": "K = 1\n"},
        edits={"tools.py": "K = 2\n"},
    ),
    case(
        "a late import in a nested function",
        STEP.format("n").replace(
            "    return n", "    def go():\n        import tools\n        return tools.K\n    return n + go()"
        ),
        ran="one",
        files={"tools.py": "K = 1\n"},
        edits={"tools.py": "K = 2\n"},
    ),
    case(
        "a late import in a decorator's wrapper",
        "def deco(f):\n    def inner(n):\n        from tools import K\n        return f(n) + K\n    return inner\n@deco\ndef helper(n):\n    return n\n"
        + STEP.format("helper(n)"),
        ran="one",
        files={"tools.py": "K = 1\n"},
        edits={"tools.py": "K = 2\n"},
    ),
    case(
        "an import in the body of a class",
        "class A:\n    from tools import K\n" + STEP.format("A.K + n"),
        ran="one",
        files={"tools.py": "K = 1\n"},
        edits={"tools.py": "K = 2\n"},
    ),
    case(
        "a flag of another module that picks a helper",
        "import tools\nif tools.K:\n    def helper(n):\n        return n\nelse:\n    def helper(n):\n        return -n\n"
        + STEP.format("helper(n)"),
        ran="one",
        files={"tools.py": "K = 1\n"},
        edits={"tools.py": "K = 0\n"},
    ),
    case(
        "the registry's function of another module, called at import",
        "from tools import K, put\nput('a', 1)\n" + STEP.format("K['a'] + n"),
        ("put('a', 1)", "put('a', 2)"),
        ran="one",
        files={"tools.py": "K = {}\ndef put(k, v):\n    K[k] = v\n"},
    ),
    case(
        "a decorator of another module that keeps a list",
        "from tools import K, keep\n@keep\ndef go(n):\n    return n\n" + STEP.format("K[0](n)"),
        ("def go(n):\n    return n", "def go(n):\n    return -n"),
        ran="one",
        files={"tools.py": "K = []\ndef keep(f):\n    K.append(f)\n    return f\n"},
    ),
]
