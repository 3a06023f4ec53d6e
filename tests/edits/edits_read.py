"""Edits of annotations and docstrings, which count where code reads them."""

from __future__ import annotations

from edits_case import Case, real

ONE = ("return 1", "return 2")

READ: list[Case] = [
    real(
        "get_type_hints",
        "import typing\nclass In:\n    k = 1\nclass Un:\n    k = 1\ndef h(a: 'In') -> int:\n    return 1\n",
        "n + typing.get_type_hints(h)['a'].k",
        ("class In:\n    k = 1", "class In:\n    k = 2"),
    ),
    real(
        "get_type_hints unquoted",
        "import typing\nclass In:\n    k = 1\ndef h(a: In) -> int:\n    return 1\n",
        "n + typing.get_type_hints(h)['a'].k",
        ("class In:\n    k = 1", "class In:\n    k = 2"),
    ),
    real(
        "annotations unquoted",
        "class In:\n    k = 1\ndef h(a: In) -> int:\n    return 1\n",
        "n + h.__annotations__['a'].k",
        ("class In:\n    k = 1", "class In:\n    k = 2"),
    ),
    real(
        "signature generic",
        "import inspect\nclass In:\n    k = 1\ndef h(a: In) -> int:\n    return 1\ndef g(f):\n    return inspect.signature(f).parameters['a'].annotation.k\n",
        "n + g(h)",
        ("class In:\n    k = 1", "class In:\n    k = 2"),
    ),
    real(
        "get_type_hints method",
        "import typing\nclass In:\n    k = 1\nclass A:\n    def h(self, a: 'In') -> int:\n        return 1\n",
        "n + typing.get_type_hints(A.h)['a'].k",
        ("class In:\n    k = 1", "class In:\n    k = 2"),
    ),
    real(
        "get_type_hints in helper module",
        "import tools\nclass In:\n    k = 1\ndef h(a: 'In') -> int:\n    return 1\n",
        "n + tools.hints(h)['a'].k",
        ("class In:\n    k = 1", "class In:\n    k = 2"),
        files={"tools.py": "import typing\ndef hints(f):\n    return typing.get_type_hints(f)\n"},
    ),
    real(
        "annotation unread",
        "class In:\n    k = 1\ndef h(a: 'In') -> int:\n    return 1\n",
        "n + h(1)",
        ("class In:\n    k = 1", "class In:\n    k = 2"),
        "",
    ),
    real(
        "late quoted annotation",
        "",
        "from tools import go\n    return n + go()",
        None,
        "one",
        files={
            "tools.py": "import typing\nclass In:\n    k = 1\nclass A:\n    x: 'In'\ndef go():\n    return typing.get_type_hints(A)['x'].k\n"
        },
        edits={"tools.py": ("k = 1", "k = 2")},
    ),
    real(
        "late quoted annotation dataclass",
        "",
        "import typing\n    from tools import A\n    return n + typing.get_type_hints(A)['x'].__args__[0].k",
        None,
        "one",
        files={
            "tools.py": "from dataclasses import dataclass\nimport typing\nclass In:\n    k = 1\n@dataclass\nclass A:\n    x: 'list[In]'\n"
        },
        edits={"tools.py": ("k = 1", "k = 2")},
    ),
    real(
        "late get_type_hints of function",
        "",
        "import typing\n    from tools import h\n    return n + typing.get_type_hints(h)['a'].k",
        None,
        "one",
        files={"tools.py": "import typing\nclass In:\n    k = 1\ndef h(a: 'In'):\n    return 1\n"},
        edits={"tools.py": ("k = 1", "k = 2")},
    ),
    real(
        "late annotation of function decorated",
        "",
        "from tools import h\n    return n + h.k",
        None,
        "one",
        files={
            "tools.py": "import typing\nclass In:\n    k = 1\ndef deco(f):\n    f.k = typing.get_type_hints(f)['a'].k\n    return f\n@deco\ndef h(a: 'In'):\n    return 1\n"
        },
        edits={"tools.py": ("k = 1", "k = 2")},
    ),
    real(
        "pydantic nested future",
        "from pydantic import BaseModel\nclass In(BaseModel):\n    k: int = 1\nclass M(BaseModel):\n    a: 'In' = None\n    def go(self):\n        return type(self).model_fields['a'].annotation().k\n",
        "n + M().go()",
        ("k: int = 1", "k: int = 2"),
    ),
    real(
        "late annotation doc only",
        "",
        "from tools import h\n    return n + h(1)",
        None,
        "",
        files={"tools.py": "class In:\n    k = 1\ndef h(a: In) -> int:\n    return 1\n"},
        edits={"tools.py": ("k = 1", "k = 2")},
    ),
    real(
        "late doc read",
        "",
        "from tools import h\n    return n + len(h.__doc__)",
        None,
        files={"tools.py": "def h(a):\n    '''doc'''\n    return 1\n"},
        edits={"tools.py": ("doc", "docs")},
    ),
    real(
        "getdoc via getattr",
        "def h():\n    '''d'''\n",
        "n + len(getattr(h, '__doc__'))",
        ("'''d'''", "'''dd'''"),
    ),
    real("class doc read", "class A:\n    '''d'''\n", "n + len(A.__doc__)", ("'''d'''", "'''dd'''")),
    real(
        "method doc read",
        "class A:\n    def go(self):\n        '''d'''\n",
        "n + len(A.go.__doc__)",
        ("'''d'''", "'''dd'''"),
    ),
    real(
        "module doc read",
        "import tools\n",
        "n + len(tools.__doc__)",
        None,
        files={"tools.py": "'''d'''\n"},
        edits={"tools.py": ("'''d'''", "'''dd'''")},
    ),
    real(
        "own module doc read",
        "",
        "n + len(__doc__ or '')",
        ("from interlock import data", "'''x'''\nfrom interlock import data"),
    ),
    real(
        "singledispatch register call annotation",
        "from functools import singledispatch\nclass B:\n    pass\n@singledispatch\ndef area(x):\n    return 0\ndef go(x: B):\n    return 1\narea.register(go)\n",
        "n + area(B())",
        ONE,
    ),
    real(
        "type annotation change helper",
        "def h(n):\n    return n\n",
        "h(n)",
        ("def h(n):", "def h(n: int) -> int:"),
        "",
    ),
]
