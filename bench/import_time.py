"""How long `import interlock` and `interlock --help` take, beside a bare interpreter, in one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 9


def seconds(words: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    python = sys.executable
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "import interlock": [python, "-c", "import interlock"],
        "interlock --help": [python, "-m", "interlock", "--help"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, words in commands.items():
            taken[name].append(seconds(words))
    floor = statistics.median(taken["python -c pass"])
    print(f"{'':<20} {'median ms':>10} {'x python':>10}")
    for name, times in taken.items():
        median = statistics.median(times)
        print(f"{name:<20} {median * 1000:>10.0f} {median / floor:>10.1f}")


if __name__ == "__main__":
    main()
