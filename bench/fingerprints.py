"""Fingerprints of a hundred steps over a thousand functions, beside compiling the same files, in one run.

Cold is a fresh process that has imported the project; warm is to ask again in the same process. The
floor is `compile()` of the same texts.
"""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MODULES = 100
FUNCTIONS = 10
ROUNDS = 5

FUNCTION = '''
def f{n}(rows, factor=LIMIT):
    """Do a little of everything."""
    total = 0
    for row in rows:
        if row > LIMIT:
            total += {call}(row) * factor
        else:
            total -= math.floor(row) + TABLE["a"][{n}]
    values = [one * 2 for one in rows if one]
    return {{"total": total, "values": values, "name": f"{{factor}} of {n}"}}
'''
STEP = "@step\ndef s{m}(n: int) -> int:\n    return f0([n]) and f9([n])\n"


def write_project(folder: Path) -> None:
    """Write modules whose functions call each other and those of two other modules."""
    package = folder / "thousand"
    package.mkdir()
    (package / "__init__.py").touch()
    for m in range(MODULES):
        lines = ["import math", "from interlock import step"]
        lines += [f"from thousand import m{(m + 1) % MODULES} as following"] if m + 1 < MODULES else []
        lines += [f"LIMIT = {m}", "TABLE = {'a': list(range(20)), 'b': {'c': (1, 2)}}"]
        for n in range(FUNCTIONS):
            call = f"f{n - 1}" if n else ("following.f5" if m + 1 < MODULES else "abs")
            lines.append(FUNCTION.format(n=n, call=call))
        lines.append(STEP.format(m=m))
        (package / f"m{m}.py").write_text("\n".join(lines))


def measure(folder: Path) -> dict[str, float]:
    """Return seconds: to compile the files, cold and warm."""
    sys.path.insert(0, str(folder))
    steps = [getattr(importlib.import_module(f"thousand.m{m}"), f"s{m}") for m in reversed(range(MODULES))]
    from interlock.identity.code import fingerprints

    texts = [path.read_bytes() for path in sorted(folder.rglob("*.py"))]
    seconds = {"compile()": timed(lambda: [compile(text, "x", "exec") for text in texts])}
    seconds["cold"] = timed(lambda: fingerprints(steps, root=folder))
    seconds["warm"] = timed(lambda: fingerprints(steps, root=folder))
    found = fingerprints(steps, root=folder)
    assert len(found[-1].parts) > MODULES * FUNCTIONS * 0.5, len(found[-1].parts)
    return seconds


def timed(work: Any) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure in fresh processes and print the table."""
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder))
        # Of files that were edited a moment ago, Python's own bytecode is not trusted.
        time.sleep(3)
        for _ in range(ROUNDS):
            command = [sys.executable, __file__, folder]
            rounds.append(
                json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
            )
    base = statistics.median(one["compile()"] for one in rounds)
    print(f"{MODULES} steps over {MODULES * FUNCTIONS} functions in {MODULES} files")
    print(f"{'':<12} {'ms':>8} {'x compile()':>12}")
    for name in rounds[0]:
        median = statistics.median(one[name] for one in rounds)
        print(f"{name:<12} {median * 1000:>8.1f} {median / base:>12.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(Path(sys.argv[1]))))
    else:
        main()
