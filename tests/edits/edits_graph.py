"""Edits of pipelines, params and datasets, and rebuilds that stop early."""

from __future__ import annotations

from edits_case import Case, case

CHAIN = """
@step
def load(n: int) -> int:
    return n * 2

@step
def half(n: int) -> int:
    return n // 2

@step
def more(n: int, k: int) -> int:
    return n + k
"""
CHAINED = """
@pipeline
def main(k: int = 1):
    more(half(load(3)), k)
"""
SETTLED = """
@step
def load(n: int) -> int:
    return n

@step
def settle(n: int) -> bool:
    return n > 0

@step
def last(ok: bool) -> int:
    return int(ok)
"""
SETTLING = "@pipeline\ndef main():\n    last(settle(load(3)))\n"
OBJECTS = """
class Model:
    def predict(self, n):
        return n + 1

def build():
    return Model()

@step(pickle=True)
def train(n: int) -> object:
    return build()

@step
def score(model: object) -> int:
    return model.predict(1)

@step
def other(n: int) -> int:
    return n
"""
SCORED = "@pipeline\ndef main():\n    score(train(1))\n    other(1)\n"
GIVEN = """
class Rule:
    def apply(self, n):
        return n + 1

def double(n):
    return n * 2

@step
def one(n: int, rule: object) -> int:
    return rule.apply(n) if hasattr(rule, "apply") else rule(n)
"""
FILES = """
from pathlib import Path

@step
def one(rows: Path) -> int:
    return sum(len(p.read_text()) for p in ([rows] if rows.is_file() else sorted(rows.iterdir())))

@step
def last(n: int) -> int:
    return n
"""
READ = "@pipeline\ndef main():\n    last(one(data('{}')))\n    other(1)\n@step\ndef other(n: int) -> int:\n    return n\n"


def chain(name: str, edit: tuple[str, str] | None, ran: str, **more: object) -> Case:
    """Build a case of a chain of three steps."""
    return case(name, CHAIN, edit, ran=ran, main=CHAINED, **more)  # type: ignore[arg-type]


GRAPH: list[Case] = [
    chain("the first step of a chain", ("n * 2", "n * 4"), "load half more"),
    chain("the middle of a chain", ("n // 2", "n // 3"), "half more"),
    chain("the last step of a chain", ("n + k", "n - k"), "more"),
    chain("a param's value", None, "more", params=({"k": 1}, {"k": 2})),
    chain("a param given as it was by default", None, "", params=({}, {"k": 1})),
    chain("the default of a param", ("k: int = 1", "k: int = 2"), "more"),
    chain("a constant in the pipeline", ("load(3)", "load(4)"), "load more half"),
    chain("a step added at the end", ("more(half(load(3)), k)", "more(more(half(load(3)), k), k)"), "more#2"),
    chain("a step taken out", ("more(half(load(3)), k)", "more(load(3), k)"), "more"),
    chain("an input switched", ("more(half(load(3)), k)", "more(k, half(load(3)))"), "more"),
    chain("a function renamed", ("half", "halve"), "halve"),
    chain("a variable in the pipeline", ("more(half(load(3)), k)", "x = half(load(3))\n    more(x, k)"), ""),
    chain("an edit that gives the same output", ("n * 2", "n + n"), "load"),
    chain("an edit in the middle that gives the same output", ("n // 2", "(n + 1) // 2"), "half"),
    case(
        "an input that gives the same answer",
        SETTLED,
        ("load(3)", "load(4)"),
        ran="load settle",
        main=SETTLING,
    ),
    case(
        "a helper of a step whose output stays",
        "def base(n):\n    return abs(n)\n" + SETTLED.replace("return n\n", "return base(n)\n", 1),
        ("return abs(n)", "return max(n, -n)"),
        ran="load",
        main=SETTLING,
    ),
    case(
        "a method of the object that a step hands on",
        OBJECTS,
        ("n + 1", "n + 2"),
        ran="train score",
        main=SCORED,
    ),
    case(
        "an unrelated method of the object that a step hands on",
        OBJECTS,
        ("class Model:\n", "class Model:\n    'A model.'\n"),
        ran="",
        main=SCORED,
    ),
    case(
        "a method of an object given in the pipeline",
        GIVEN,
        ("n + 1", "n + 2"),
        ran="one",
        main="@pipeline\ndef main():\n    one(1, Rule())\n",
    ),
    case(
        "a function given in the pipeline",
        GIVEN,
        ("n * 2", "n * 3"),
        ran="one",
        main="@pipeline\ndef main():\n    one(1, double)\n",
    ),
    case(
        "a function that is not given in the pipeline",
        GIVEN,
        ("n + 1", "n + 2"),
        ran="",
        main="@pipeline\ndef main():\n    one(1, double)\n",
    ),
    case(
        "a dataset's file",
        FILES,
        ran="one last",
        main=READ.format("rows.csv"),
        files={"rows.csv": "a\n1\n"},
        edits={"rows.csv": "a\n12\n"},
    ),
    case(
        "a dataset's file, to the same answer",
        FILES,
        ran="one",
        main=READ.format("rows.csv"),
        files={"rows.csv": "a\n1\n"},
        edits={"rows.csv": "a\n2\n"},
    ),
    case(
        "a dataset's file, written again",
        FILES,
        ran="",
        main=READ.format("rows.csv"),
        files={"rows.csv": "a\n1\n"},
        edits={"rows.csv": "a\n1\n"},
    ),
    case(
        "a part appended to a dataset",
        FILES,
        ran="one last",
        main=READ.format("rows/*.csv"),
        files={"rows/1.csv": "a\n1\n", "rows/2.csv": "a\n2\n"},
        edits={"rows/3.csv": "a\n3\n"},
    ),
    case(
        "a part of a dataset written again",
        FILES,
        ran="",
        main=READ.format("rows/*.csv"),
        files={"rows/1.csv": "a\n1\n", "rows/2.csv": "a\n2\n"},
        edits={"rows/2.csv": "a\n2\n"},
    ),
    case(
        "a file beside a dataset",
        FILES,
        ran="",
        main=READ.format("rows/*.csv"),
        files={"rows/1.csv": "a\n1\n", "rows/2.csv": "a\n2\n"},
        edits={"rows/notes.txt": "x"},
    ),
]
