"""Edits seen through imports: other modules, packages, imports inside functions, lazy and patched modules."""

from __future__ import annotations

from edits_case import Case, case

STEP = """
@step
def one(n: int) -> int:
    return {}
"""
INSIDE = """
@step
def one(n: int) -> int:
    {}
    return {}
"""
TOOLS = "K = 1\ndef helper(n):\n    return n\ndef spare(n):\n    return n\n"
PACKAGE = {
    "pack/__init__.py": "from .core import helper\nfrom . import extra\n",
    "pack/core.py": "from .deep import deep as inner\ndef helper(n):\n    return inner(n)\n",
    "pack/deep.py": "def deep(n):\n    return n\ndef spare(n):\n    return n\n",
    "pack/extra.py": "def more(n):\n    return n\n",
}
HELPER = ("def helper(n):\n    return n", "def helper(n):\n    return -n")
SPARE = ("def spare(n):\n    return n", "def spare(n):\n    return -n")
DEEP = ("def deep(n):\n    return n", "def deep(n):\n    return -n")
MORE = ("def more(n):\n    return n", "def more(n):\n    return -n")
LATE = INSIDE.format("from tools import helper", "helper(n)")
REGISTRY = (
    "K = {}\ndef register(f):\n    K[f.__name__] = f\n    return f\n"
    "@register\ndef go(n):\n    return n\ndef spare(n):\n    return n\ndef helper(n):\n    return K['go'](n)\n"
)


def module(
    name: str, head: str, use: str, edit: tuple[str, str] = HELPER, ran: str = "one", tools: str = TOOLS
) -> Case:
    """Build a case in which `one` uses `tools.py`, which is edited."""
    return case(name, head + STEP.format(use), ran=ran, files={"tools.py": tools}, edits={"tools.py": edit})


def late(
    name: str,
    edit: tuple[str, str],
    ran: str = "one",
    tools: str = TOOLS,
    body: str = LATE,
    more: dict[str, str] | None = None,
    **rest: object,
) -> Case:
    """Build a case in which `one` imports `tools.py` when it runs."""
    edits = {"tools.py": edit} if edit else {}
    return case(name, body, ran=ran, files={"tools.py": tools, **(more or {})}, edits=edits, **rest)  # type: ignore[arg-type]


IMPORTS: list[Case] = [
    module("a helper imported by name", "from tools import helper\n", "helper(n)"),
    module("a helper imported under another name", "from tools import helper as h\n", "h(n)"),
    module("a helper through its module", "import tools\n", "tools.helper(n)"),
    module("a helper through its module under another name", "import tools as t\n", "t.helper(n)"),
    module("a helper imported by a star", "from tools import *\n", "helper(n)"),
    module("an unrelated function of an imported module", "import tools\n", "tools.helper(n)", SPARE, ran=""),
    module(
        "an unrelated function beside a helper imported by name",
        "from tools import helper\n",
        "helper(n)",
        SPARE,
        ran="",
    ),
    module("an unrelated function beside a star", "from tools import *\n", "helper(n)", SPARE, ran=""),
    module("a constant of another module", "from tools import K\n", "n + K", ("K = 1", "K = 2")),
    module("a constant through its module", "import tools\n", "n + tools.K", ("K = 1", "K = 2")),
    module(
        "a module handed on as a value",
        "import tools\ndef call(m, n):\n    return m.helper(n)\n",
        "call(tools, n)",
    ),
    module("a module kept in a table", "import tools\nT = {'t': tools}\n", "T['t'].helper(n)"),
    module("a function by a name that is made up", "import tools\n", "getattr(tools, 'hel' + 'per')(n)"),
    case(
        "a package's re-export",
        "from pack import helper\n" + STEP.format("helper(n)"),
        ran="one",
        files=PACKAGE,
        edits={"pack/deep.py": DEEP},
    ),
    case(
        "an unrelated function behind a re-export",
        "from pack import helper\n" + STEP.format("helper(n)"),
        ran="",
        files=PACKAGE,
        edits={"pack/deep.py": SPARE},
    ),
    case(
        "a module beside a re-export",
        "from pack import helper\n" + STEP.format("helper(n)"),
        ran="",
        files=PACKAGE,
        edits={"pack/extra.py": MORE},
    ),
    case(
        "a module of a package, through both",
        "import pack.extra\n" + STEP.format("pack.extra.more(n)"),
        ran="one",
        files=PACKAGE,
        edits={"pack/extra.py": MORE},
    ),
    case(
        "a re-export that leads elsewhere",
        "from pack import helper\n" + STEP.format("helper(n)"),
        ran="one",
        files=PACKAGE,
        edits={"pack/__init__.py": ("from .core import helper", "from .deep import deep as helper")},
    ),
    case(
        "a constant in a package's __init__",
        "from pack import K\n" + STEP.format("n + K"),
        ran="one",
        files={"pack/__init__.py": "K = 1\n"},
        edits={"pack/__init__.py": "K = 2\n"},
    ),
    late("a helper imported when the step runs", HELPER),
    late("an unrelated function beside a late helper", SPARE, ran=""),
    late("an unrelated constant beside a late helper", ("K = 1", "K = 2"), ran=""),
    late("a comment in a late module", ("K = 1", "# one\nK = 1"), ran=""),
    late("a docstring in a late module", ("def helper(n):\n", "def helper(n):\n    'Helps.'\n"), ran=""),
    late(
        "the order in a late module",
        (TOOLS, "def spare(n):\n    return n\ndef helper(n):\n    return n\nK = 1\n"),
        ran="",
    ),
    late(
        "a late helper under another name",
        HELPER,
        body=INSIDE.format("from tools import helper as h", "h(n)"),
    ),
    late("a late module's attribute", HELPER, body=INSIDE.format("import tools", "tools.helper(n)")),
    late(
        "an unrelated function of a late module",
        SPARE,
        ran="",
        body=INSIDE.format("import tools", "tools.helper(n)"),
    ),
    late("a late module under another name", HELPER, body=INSIDE.format("import tools as t", "t.helper(n)")),
    late(
        "a late module handed on as a value",
        HELPER,
        body=INSIDE.format("import tools; t = tools", "t.helper(n)"),
    ),
    late(
        "a late module imported by its text",
        HELPER,
        body="import importlib\n" + INSIDE.format("t = importlib.import_module('tools')", "t.helper(n)"),
    ),
    late("a late constant", ("K = 1", "K = 2"), body=INSIDE.format("from tools import K", "n + K")),
    late(
        "a late constant that a later statement changes",
        ("append(2)", "append(3)"),
        tools="K = [1]\nK.append(2)\n",
        body=INSIDE.format("from tools import K", "n + K[-1]"),
    ),
    late(
        "a late constant that a loop fills",
        ("K[m] = m", "K[m] = -m"),
        tools="K = {}\nfor m in range(3):\n    K[m] = m\n",
        body=INSIDE.format("from tools import K", "n + K[2]"),
    ),
    late(
        "a late registry that decorators fill",
        ("def go(n):\n    return n", "def go(n):\n    return -n"),
        tools=REGISTRY,
    ),
    late("a function beside a late registry", SPARE, ran="", tools=REGISTRY),
    late(
        "a helper of a late helper in a third module",
        DEEP,
        tools="def deep(n):\n    return n\n" + "def spare(n):\n    return n\n",
        body=INSIDE.format("from first import go", "go(n)"),
        more={"first.py": "from tools import deep\ndef go(n):\n    return deep(n)\n"},
    ),
    late(
        "an unrelated function two late modules away",
        SPARE,
        ran="",
        tools="def deep(n):\n    return n\n" + "def spare(n):\n    return n\n",
        body=INSIDE.format("from first import go", "go(n)"),
        more={"first.py": "import tools\ndef go(n):\n    return tools.deep(n)\n"},
    ),
    late(
        "a late helper through a late star",
        HELPER,
        body=INSIDE.format("from first import helper", "helper(n)"),
        more={"first.py": "from tools import *\n"},
    ),
    late(
        "an unrelated function through a late star",
        SPARE,
        ran="",
        body=INSIDE.format("from first import helper", "helper(n)"),
        more={"first.py": "from tools import *\n"},
    ),
    late(
        "a method of a late class",
        ("return 1", "return 2"),
        tools="class A:\n    def go(self):\n        return 1\n",
        body=INSIDE.format("from tools import A", "A().go() + n"),
    ),
    late(
        "the base of a late class",
        ("return 1", "return 2"),
        tools="class Base:\n    def go(self):\n        return 1\nclass A(Base):\n    pass\n",
        body=INSIDE.format("from tools import A", "A().go() + n"),
    ),
    late(
        "the decorator of a late helper",
        ("f(n) * 2", "f(n) * 3"),
        tools="def twice(f):\n    return lambda n: f(n) * 2\n@twice\ndef helper(n):\n    return n\n",
    ),
    late(
        "a late helper under a condition",
        ("A = True", "A = False"),
        tools="A = True\nif A:\n    def helper(n):\n        return n\nelse:\n    def helper(n):\n        return -n\n",
    ),
    late(
        "a late helper that a late import leads to",
        HELPER,
        body=INSIDE.format("from first import go", "go(n)"),
        more={"first.py": "def go(n):\n    from tools import helper\n    return helper(n)\n"},
    ),
    late(
        "a late helper, the module loaded before the second run only",
        ("K = 1", "K = 1  # one"),
        ran="",
        preload=((), ("tools",)),
    ),
    late("a late helper, the module loaded before the first run only", HELPER, preload=(("tools",), ())),
    late(
        "a late name that a lazy module makes up",
        ("K = 1", "K = 2"),
        tools="K = 1\n",
        body=INSIDE.format("from first import made", "n + made"),
        more={
            "first.py": "def __getattr__(name):\n    from tools import K\n    if name == 'made':\n        return K\n    raise AttributeError(name)\n"
        },
    ),
    case(
        "a late helper that the step's module patches",
        "import tools\ndef longer(n):\n    return n + 5\ntools.helper = longer\n" + LATE,
        ("n + 5", "n + 6"),
        ran="one",
        files={"tools.py": TOOLS},
    ),
    case(
        "a late constant that the step's module patches",
        "import tools\ntools.K = 5\n" + INSIDE.format("from tools import K", "n + K"),
        ("tools.K = 5", "tools.K = 6"),
        ran="one",
        files={"tools.py": TOOLS},
    ),
    case(
        "a late constant that setattr patches",
        "import tools\nsetattr(tools, 'K', 5)\n" + INSIDE.format("from tools import K", "n + K"),
        ("'K', 5", "'K', 6"),
        ran="one",
        files={"tools.py": TOOLS},
    ),
    case(
        "a late package's re-export",
        INSIDE.format("from pack import helper", "helper(n)"),
        ran="one",
        files=PACKAGE,
        edits={"pack/deep.py": DEEP},
    ),
    case(
        "an unrelated function behind a late re-export",
        INSIDE.format("from pack import helper", "helper(n)"),
        ran="",
        files=PACKAGE,
        edits={"pack/deep.py": SPARE},
    ),
    case(
        "a late module of a package",
        INSIDE.format("from pack import extra", "extra.more(n)"),
        ran="one",
        files=PACKAGE,
        edits={"pack/extra.py": MORE},
    ),
    case(
        "a late module of a package, by its full name",
        INSIDE.format("import pack.extra", "pack.extra.more(n)"),
        ran="one",
        files=PACKAGE,
        edits={"pack/extra.py": MORE},
    ),
    case(
        "a function beside a late one of a package",
        INSIDE.format("import pack.deep", "pack.deep.deep(n)"),
        ran="",
        files=PACKAGE,
        edits={"pack/deep.py": SPARE},
    ),
    case(
        "a late relative import",
        "from pack.main import go\n" + STEP.format("go(n)"),
        ran="one",
        files={**PACKAGE, "pack/main.py": "def go(n):\n    from .deep import deep\n    return deep(n)\n"},
        edits={"pack/deep.py": DEEP},
    ),
    case(
        "a function beside a late relative import",
        "from pack.main import go\n" + STEP.format("go(n)"),
        ran="",
        files={**PACKAGE, "pack/main.py": "def go(n):\n    from . import deep\n    return deep.deep(n)\n"},
        edits={"pack/deep.py": SPARE},
    ),
    case(
        "an optional module that appears",
        "try:\n    from fast import helper\nexcept ImportError:\n    from tools import helper\n"
        + STEP.format("helper(n)"),
        ran="one",
        files={"tools.py": TOOLS},
        edits={"fast.py": "def helper(n):\n    return n * 1\n"},
    ),
    case(
        "the fallback of an optional module",
        "try:\n    from fast import helper\nexcept ImportError:\n    from tools import helper\n"
        + STEP.format("helper(n)"),
        ran="one",
        files={"tools.py": TOOLS},
        edits={"tools.py": HELPER},
    ),
    case(
        "an optional late module that appears",
        INSIDE.format(
            "try:\n        from fast import helper\n    except ImportError:\n        from tools import helper",
            "helper(n)",
        ),
        ran="one",
        files={"tools.py": TOOLS},
        edits={"fast.py": "def helper(n):\n    return n\n"},
    ),
    case(
        "the branch for another version of Python",
        "import sys\nif sys.version_info >= (3, 0):\n    from tools import helper\nelse:\n    from old import helper\n"
        + STEP.format("helper(n)"),
        ran="",
        files={"tools.py": TOOLS, "old.py": TOOLS},
        edits={"old.py": HELPER},
    ),
    case(
        "what only a type checker imports",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tools import spare\n"
        + STEP.format("n"),
        ran="",
        files={"tools.py": TOOLS},
        edits={"tools.py": SPARE},
    ),
    case(
        "an import that nothing uses",
        STEP.format("n"),
        ("from interlock import data", "import json\nimport tools\nfrom interlock import data"),
        ran="",
        files={"tools.py": TOOLS},
    ),
    case(
        "a lazy package, by attribute",
        "import lazy\n" + STEP.format("lazy.helper(n)"),
        ran="one",
        files={
            "lazy/__init__.py": "import importlib\ndef __getattr__(name):\n    if name == 'helper':\n        return importlib.import_module('lazy.core').helper\n    raise AttributeError(name)\n",
            "lazy/core.py": TOOLS,
        },
        edits={"lazy/core.py": HELPER},
    ),
    case(
        "a lazy package, by name",
        "from lazy import helper\n" + STEP.format("helper(n)"),
        ran="one",
        files={
            "lazy/__init__.py": "def __getattr__(name):\n    if name == 'helper':\n        from lazy.core import helper\n        return helper\n    raise AttributeError(name)\n",
            "lazy/core.py": TOOLS,
        },
        edits={"lazy/core.py": HELPER},
    ),
    case(
        "a module that another patches at import",
        "import tools\nimport patch\n" + STEP.format("tools.helper(n)"),
        ran="one",
        files={
            "tools.py": TOOLS,
            "patch.py": "import tools\ndef longer(n):\n    return n + 5\ntools.helper = longer\n",
        },
        edits={"patch.py": ("n + 5", "n + 6")},
    ),
    case(
        "a class that another module patches at import",
        "from shapes import A\nimport patch\n" + STEP.format("A().go() + n"),
        ran="one",
        files={
            "shapes.py": "class A:\n    def go(self):\n        return 1\n",
            "patch.py": "from shapes import A\ndef longer(self):\n    return 2\nA.go = longer\n",
        },
        edits={"patch.py": ("return 2", "return 3")},
    ),
    case(
        "a registry that another module fills",
        "from registry import K\nimport plugin\n" + STEP.format("K['go'](n)"),
        ran="one",
        files={
            "registry.py": "K = {}\n",
            "plugin.py": "from registry import K\ndef go(n):\n    return n\nK['go'] = go\n",
        },
        edits={"plugin.py": ("    return n", "    return -n")},
    ),
    case(
        "what a module that is imported for it does to a library",
        "import settings\n" + STEP.format("n"),
        ran="one other",
        files={"settings.py": "import random\nrandom.seed(1)\n"},
        edits={"settings.py": ("seed(1)", "seed(2)")},
    ),
    case(
        "a module of the project named as one of Python's",
        "import statistics\n" + STEP.format("statistics.mean(n)"),
        ran="one",
        files={"statistics.py": "def mean(n):\n    return n\n"},
        edits={"statistics.py": ("    return n", "    return -n")},
    ),
    case(
        "a module that stands where another did",
        "from pack.extra import more\n" + STEP.format("more(n)"),
        ran="",
        files=PACKAGE,
        edits={"pack/unrelated.py": "X = 1\n"},
    ),
    case(
        "an unrelated file renamed",
        STEP.format("n"),
        ran="",
        files={"spare.py": TOOLS},
        edits={"spare.py": None, "another.py": TOOLS},
    ),
    case(
        "steps in another module",
        "from steps import two\n",
        ran="two",
        files={
            "steps.py": "from interlock import step\ndef helper(n):\n    return n\n@step\ndef two(n: int) -> int:\n    return helper(n)\n@step\ndef three(n: int) -> int:\n    return n\n"
        },
        edits={"steps.py": HELPER},
        main="from steps import three\n@pipeline\ndef main():\n    two(1)\n    three(1)\n",
    ),
]
