"""Edits of what a step declares to depend on."""

from __future__ import annotations

from edits_case import Case, case

HIDDEN = "import importlib\nimport tools\n"
CALL = """
@step(depends=[{}])
def one(n: int) -> int:
    module = importlib.import_module("".join(["too", "ls"]))
    return getattr(module, "hel" + "per")(n)
"""
UNDECLARED = HIDDEN + CALL.format("").replace("(depends=[])", "")
TOOLS = "def helper(n):\n    return n\ndef spare(n):\n    return n\n"
HELPER = ("def helper(n):\n    return n", "def helper(n):\n    return -n")
SPARE = ("def spare(n):\n    return n", "def spare(n):\n    return -n")
READS = """
from pathlib import Path
@step(depends=[{}])
def one(n: int) -> int:
    return len(Path(__file__).with_name("setting" + ".txt").read_text())
"""


def declared(name: str, depends: str, edit: tuple[str, str], ran: str) -> Case:
    """Build a case of a step that finds a helper by a name that is made up."""
    return case(
        name, HIDDEN + CALL.format(depends), ran=ran, files={"tools.py": TOOLS}, edits={"tools.py": edit}
    )


DECLARED: list[Case] = [
    declared("a declared function", "tools.helper", HELPER, "one"),
    declared("a function beside a declared one", "tools.helper", SPARE, ""),
    declared("a declared module", "tools", HELPER, "one"),
    declared("a declared file of code", "'tools.py'", HELPER, "one"),
    declared("a declared pattern", "'t*.py'", HELPER, "one"),
    case(
        "a name that is made up and not declared, which cannot be seen",
        UNDECLARED,
        ran="",
        files={"tools.py": TOOLS},
        edits={"tools.py": HELPER},
    ),
    case(
        "a declared file of settings",
        READS.format("'setting.txt'"),
        ran="one",
        files={"setting.txt": "a"},
        edits={"setting.txt": "ab"},
    ),
    case(
        "a declared file of settings, written again",
        READS.format("'setting.txt'"),
        ran="",
        files={"setting.txt": "a"},
        edits={"setting.txt": "a"},
    ),
    case(
        "a file added that a declared pattern fits",
        READS.format("'*.txt'"),
        ran="one",
        files={"setting.txt": "a"},
        edits={"more.txt": "b"},
    ),
    case(
        "a file in a declared folder",
        READS.format("'conf', 'setting.txt'"),
        ran="one",
        files={"setting.txt": "a", "conf/a.ini": "a"},
        edits={"conf/a.ini": "b"},
    ),
    case(
        "a declared value",
        "K = 1\n" + READS.format("K"),
        ("K = 1", "K = 2"),
        ran="one",
        files={"setting.txt": "a"},
    ),
    case(
        "a declared class",
        "class A:\n    def go(self):\n        return 1\n" + READS.format("A"),
        ("return 1", "return 2"),
        ran="one",
        files={"setting.txt": "a"},
    ),
    case(
        "a dependency added",
        READS.format(""),
        ("depends=[]", "depends=['setting.txt']"),
        ran="one",
        files={"setting.txt": "a"},
    ),
    case(
        "what another step that is called depends on",
        "@step(depends=['setting.txt'])\ndef two(n: int) -> int:\n    return n\n@step\ndef one(n: int) -> int:\n    return two(n)\n",
        ran="one",
        files={"setting.txt": "a"},
        edits={"setting.txt": "b"},
    ),
]
