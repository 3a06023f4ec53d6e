"""Edits seen through modules that a function imports when it runs, and what these leave in others."""

from __future__ import annotations

from edits_case import Case, case

REG = "R = {}\ndef register(f):\n    R[f.__name__] = f\n    return f\ndef twice(f):\n    return lambda n: f(n) * 2\n"
PLUG = "from reg import register\n@register\ndef a(n):\n    return n + 1\ndef spare(n):\n    return n\n"
A = ("n + 1", "n + 2")
SPARE = ("def spare(n):\n    return n", "def spare(n):\n    return -n")
STEP = "from reg import {}\n@step\ndef one(n: int) -> int:\n    {}\n    return {}\n"
USE = STEP.format("R", "import plug", "R['a'](n)")


def acting(
    name: str,
    edit: tuple[str, str],
    ran: str = "one",
    *,
    reg: str = REG,
    plug: str = PLUG,
    body: str = USE,
    file: str = "plug.py",
    more: dict[str, str] | None = None,
) -> Case:
    """Build a case in which `one` imports `plug.py` when it runs, which acts on `reg.py`, that is loaded."""
    files = {"reg.py": reg, "plug.py": plug, **(more or {})}
    return case(name, body, ran=ran, files=files, edits={file: edit})


HELPERS = "def helper(n):\n    return n\ndef spare(n):\n    return n\n"
HELPER = ("def helper(n):\n    return n", "def helper(n):\n    return -n")
AGAIN = "from .. import util\ndef helper(n):\n    return util.helper(n)\n"
COMMENT = ("def spare", "# spare\ndef spare")
GO = """from importlib import import_module
M = "pk.c"
def go(n):
    return import_module(M).helper(n)
"""
CALL = "return import_module({}).helper(n)"
LOOP = "for m in {}:\n        n = import_module(m).helper(n)\n    return n"
NAMED = [
    ("a relative text", "", "", CALL.format("'.c', 'pk'"), "pk/c.py", "one"),
    ("a relative text and a keyword", "", "", CALL.format("'.c', package='pk'"), "pk/c.py", "one"),
    ("a constant", "M = 'pk.c'\n", "", CALL.format("M"), "pk/c.py", "one"),
    ("two constants", "M, P = '.c', 'pk'\n", "", CALL.format("M, P"), "pk/c.py", "one"),
    (
        "a constant and a late importlib",
        "M = 'pk.c'\n",
        "",
        "import importlib\n    return importlib.import_module(M).helper(n)",
        "pk/c.py",
        "one",
    ),
    ("a list", "MS = ['pk.c', 'd']\n", "", LOOP.format("MS"), "d.py", "one"),
    ("a dict", "MS = {'c': 'pk.c'}\n", "", CALL.format("MS['c']"), "pk/c.py", "one"),
    ("a local constant", "", "", "m = 'pk.c'\n    " + CALL.format("m"), "pk/c.py", "one"),
    ("a local list", "", "", LOOP.format("('pk.c', 'd')"), "d.py", "one"),
    ("a default", "def f(n, m='pk.c'):\n    " + CALL.format("m") + "\n", "", "return f(n)", "pk/c.py", "one"),
    ("a default of a step", "", ", m: str = 'pk.c'", CALL.format("m"), "pk/c.py", "one"),
    ("a constant of a late module", "", "", "from go import go\n    return go(n)", "pk/c.py", "one"),
]
BASE = "class Base:\n    k = 1\n"
KINDS = "class Base:\n    R = {}\n    def __init_subclass__(cls):\n        Base.R[cls.__name__] = cls\n"
AREA = "from functools import singledispatch\n@singledispatch\ndef area(n):\n    return 0\n"

LATE: list[Case] = [
    acting("a late plug-in in a loaded registry", A),
    acting("a function beside a late plug-in", SPARE, ran=""),
    acting(
        "what a late plug-in uses",
        ("n + 5", "n + 6"),
        plug="from reg import register\nimport deep\n@register\ndef a(n):\n    return deep.go(n)\n",
        more={"deep.py": "def go(n):\n    return n + 5\n"},
        file="deep.py",
    ),
    acting(
        "a late plug-in that is stored",
        A,
        plug="import reg\ndef a(n):\n    return n + 1\nreg.R['a'] = a\n",
    ),
    acting(
        "a late plug-in under another name of the registry",
        A,
        plug="import reg\ntable = reg.R\ndef a(n):\n    return n + 1\ntable['a'] = a\n",
    ),
    acting(
        "a late plug-in that a function of its module stores",
        A,
        plug="import reg\ndef a(n):\n    return n + 1\ndef fill():\n    reg.R['a'] = a\nfill()\n",
    ),
    acting(
        "a late plug-in that a decorator of its module stores",
        A,
        plug="import reg\ndef keep(f):\n    reg.R['a'] = f\n    return f\n@keep\ndef a(n):\n    return n + 1\n",
    ),
    acting(
        "a late plug-in whose result is kept",
        A,
        plug="import reg\ndef a(n):\n    return n + 1\nb = reg.register(a)\n",
    ),
    acting(
        "a late plug-in by a star",
        A,
        plug=PLUG.replace("import register", "import *"),
    ),
    acting(
        "a late plug-in through a package's re-export",
        A,
        plug=PLUG.replace("from reg ", "from pack "),
        more={
            "pack/__init__.py": "from .core import register\n",
            "pack/core.py": "from reg import register\n",
        },
    ),
    acting(
        "a late package that imports the plug-ins",
        A,
        body=USE.replace("import plug", "import plugs"),
        more={"plugs/__init__.py": "from . import first\n", "plugs/first.py": PLUG},
        file="plugs/first.py",
    ),
    acting(
        "a function beside those of a late package that imports the plug-ins",
        SPARE,
        ran="",
        body=USE.replace("import plug", "import plugs"),
        more={"plugs/__init__.py": "from . import first\n", "plugs/first.py": PLUG},
        file="plugs/first.py",
    ),
    acting(
        "a late module that sets an attribute of a loaded class",
        ("k = 2", "k = 3"),
        reg=BASE,
        plug="import reg\nreg.Base.k = 2\n",
        body=STEP.format("Base", "import plug", "n + Base.k"),
    ),
    acting(
        "a function beside a late setting of an attribute",
        SPARE,
        ran="",
        reg=BASE,
        plug="import reg\nreg.Base.k = 2\ndef spare(n):\n    return n\n",
        body=STEP.format("Base", "import plug", "n + Base.k"),
    ),
    acting(
        "a late singledispatch method",
        A,
        reg=AREA,
        plug="from reg import area\n@area.register\ndef _(n: int):\n    return n + 1\n",
        body=STEP.format("area", "import plug", "area(n)"),
    ),
    acting(
        "a late subclass in the registry of its base",
        A,
        reg=KINDS,
        plug="from reg import Base\nclass A(Base):\n    def go(self, n):\n        return n + 1\n",
        body=STEP.format("Base", "import plug", "Base.R['A']().go(n)"),
    ),
    acting(
        "a late subclass of a subclass in the registry of the base",
        A,
        reg=KINDS,
        plug="from reg import Base\nclass M(Base):\n    pass\nclass A(M):\n    def go(self, n):\n        return n + 1\n",
        body=STEP.format("Base", "import plug", "Base.R['A']().go(n)"),
    ),
    acting(
        "a late subclass of a base that keeps no list",
        A,
        ran="",
        reg=BASE,
        plug="from reg import Base\nclass A(Base):\n    def go(self, n):\n        return n + 1\ndef b(n):\n    return n\n",
        body=STEP.format("Base", "from plug import b", "b(n) + Base.k"),
    ),
    acting(
        "a late function with a decorator that keeps nothing",
        A,
        ran="",
        plug="from reg import twice\n@twice\ndef a(n):\n    return n + 1\ndef b(n):\n    return n\n",
        body=STEP.format("R", "from plug import b", "b(n)"),
    ),
    *(
        case(
            f"{what} of a folder without __init__, by `{how}`",
            f"@step\ndef one(n: int) -> int:\n    {how}\n    return {use}\n",
            ran=ran,
            files={"ns/util.py": HELPERS, "ns/sub/util.py": HELPERS, "ns/sub/again.py": AGAIN},
            edits={edited: edit},
        )
        for how, use, edited in (
            ("from ns import util", "util.helper(n)", "ns/util.py"),
            ("import ns.util", "ns.util.helper(n)", "ns/util.py"),
            ("import ns.util as u", "u.helper(n)", "ns/util.py"),
            ("from ns.util import helper", "helper(n)", "ns/util.py"),
            ("import ns.sub.util", "ns.sub.util.helper(n)", "ns/sub/util.py"),
            ("from ns.sub import util", "util.helper(n)", "ns/sub/util.py"),
            ("from ns import sub; import ns.sub.util", "sub.util.helper(n)", "ns/sub/util.py"),
            ("from ns.sub import again", "again.helper(n)", "ns/util.py"),
        )
        for what, edit, ran in (("a late helper", HELPER, "one"), ("a function beside one", SPARE, ""))
    ),
    case(
        "a folder without __init__ handed on as a value",
        "@step\ndef one(n: int) -> int:\n    import ns.util\n    m = ns\n    return m.util.helper(n)\n",
        ran="one",
        files={"ns/util.py": HELPERS},
        edits={"ns/util.py": HELPER},
    ),
    *(
        case(
            f"{what} of a module imported by {how}",
            f"from importlib import import_module\n{head}@step\ndef one(n: int{more}) -> int:\n    {body}\n",
            ran=ran,
            files={"pk/__init__.py": "", "pk/c.py": HELPERS, "d.py": HELPERS, "go.py": GO},
            edits={edited: edit},
        )
        for how, head, more, body, edited, reruns in NAMED
        for what, edit, ran in (("a helper", HELPER, reruns), ("a comment", COMMENT, ""))
    ),
    case(
        "a helper of a module that no text of the step names",
        "import importlib\nM = 'pk.c'\n@step\ndef one(n: int) -> int:\n"
        "    return importlib.import_module(M).helper(n)\n",
        ran="",
        files={"pk/__init__.py": "", "pk/c.py": HELPERS, "d.py": HELPERS},
        edits={"d.py": HELPER},
    ),
]
