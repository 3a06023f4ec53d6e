"""Edits of form, which change nothing, and of what stands beside the code of a step."""

from __future__ import annotations

from edits_case import HEAD, MAIN, Case, case

BODY = '''
import math

LIMIT = 3

def helper(n, k=2):
    """Help."""
    if n > LIMIT:
        return math.floor(n) + k
    return n

def spare(n):
    return n

@step
def one(n: int) -> int:
    """Make one."""
    return helper(n)
'''
TEXT = HEAD + BODY + MAIN
ORDERED = "def helper(n):\n    return n\nclass A:\n    k = 1\nLIMIT = 2\n@step\ndef one(n: int) -> int:\n    return helper(n) + A.k + LIMIT\n"
REORDERED = "LIMIT = 2\n@step\ndef one(n: int) -> int:\n    return helper(n) + A.k + LIMIT\nclass A:\n    k = 1\ndef helper(n):\n    return n\n"


def form(name: str, edit: tuple[str, str], ran: str = "") -> Case:
    """Build a case of an edit of one small module."""
    return case(name, BODY, edit, ran=ran)


FORM: list[Case] = [
    form("a comment", ("    if n > LIMIT", "    # too large\n    if n > LIMIT")),
    form("a comment behind a line", ("return n\n\ndef spare", "return n  # as it is\n\ndef spare")),
    form("a docstring", ('"""Help."""', '"""Help a lot."""')),
    form("a docstring removed", ('    """Help."""\n', "")),
    form("the docstring of a step", ('"""Make one."""', '"""Make another."""')),
    form("a text that stands alone", ("    if n > LIMIT", "    'a note'\n    if n > LIMIT")),
    form("a pass that does nothing", ("    return n\n\ndef spare", "    pass\n    return n\n\ndef spare")),
    form("blank lines", ("def helper", "\n\n\ndef helper")),
    form("blank lines in a function", ("    return n\n\ndef spare", "\n    return n\n\n\ndef spare")),
    form("trailing whitespace", ("    return n\n\ndef spare", "    return n   \n\ndef spare")),
    form("parentheses", ("return math.floor(n) + k", "return (math.floor(n) + (k))")),
    form(
        "a line that is broken in two", ("math.floor(n) + k", "(math.floor(\n            n,\n        ) + k)")
    ),
    form(
        "an if on one line",
        (
            "    if n > LIMIT:\n        return math.floor(n) + k\n",
            "    if n > LIMIT: return math.floor(n) + k\n",
        ),
    ),
    form("a wider indentation", ("        return math.floor", "            return math.floor")),
    form("quotes and underscores", ("LIMIT = 3", "LIMIT = 0b11")),
    form("an annotation of a helper", ("def helper(n, k=2)", "def helper(n: int, k: int = 2) -> int")),
    form(
        "an annotation of a local variable",
        ("    if n > LIMIT", "    n: int = n\n    if n > LIMIT"),
        ran="one",
    ),
    form("an annotation of a constant", ("LIMIT = 3", "LIMIT: int = 3")),
    form(
        "an annotation of a step, by which data is loaded",
        ("def one(n: int) -> int", "def one(n: float) -> int"),
        ran="one",
    ),
    form(
        "what an annotation of a step returns",
        ("def one(n: int) -> int", "def one(n: int) -> float"),
        ran="one",
    ),
    form("an unrelated function", ("def spare(n):\n    return n", "def spare(n):\n    return -n")),
    form("an unrelated function removed", ("def spare(n):\n    return n\n", "")),
    form("an unrelated class", ("def spare", "class Spare:\n    pass\n\ndef spare")),
    form("an unrelated constant", ("LIMIT = 3", "LIMIT = 3\nSPARE = 4")),
    form("an import of the standard library that nothing uses", ("import math", "import json\nimport math")),
    form("annotations put off", (HEAD, "from __future__ import annotations\n" + HEAD)),
    form("how often a step is tried", ("@step\ndef one", "@step(retries=2)\ndef one")),
    form(
        "a step that is called another name in the pipeline",
        ("@step\ndef one", "@step(name='first')\ndef one"),
    ),
    case("the order of definitions", ORDERED, (ORDERED, REORDERED), ran=""),
    case("lines that end as on Windows", BODY, ran="", edits={"pipe.py": TEXT.replace("\n", "\r\n")}),
    case("tabs for blanks", BODY, ran="", edits={"pipe.py": TEXT.replace("    ", "\t")}),
    case("a byte order mark", BODY, ran="", edits={"pipe.py": "\ufeff" + TEXT}),
    case("the same text written again", BODY, ran="", edits={"pipe.py": TEXT}),
    case("a new file", BODY, ran="", edits={"more.py": "X = 1\n"}),
    case("a file that is no code", BODY, ran="", edits={"notes.md": "text"}),
]
