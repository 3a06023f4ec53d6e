"""Digests of tables and arrays of numbers, in GB a second on one core, beside BLAKE3 over the same bytes in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from blake3 import blake3

from interlock.identity.digest import digest_value

ROWS, COLUMNS = 1_000_000, 20
ROUNDS = 5


def seconds(work: Callable[[], object]) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return statistics.median(times)


def values() -> dict[str, object]:
    """Return the same numbers in every layout that a table comes in."""
    numbers = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
    names = [f"c{n}" for n in range(COLUMNS)]
    frame = pd.DataFrame({name: numbers[:, n].copy() for n, name in enumerate(names)})
    return {
        "numpy, rows": numbers,
        "numpy, F-ordered": np.asfortranarray(numbers),
        "numpy, transposed": numbers.T,
        "numpy, every second": np.repeat(numbers[: ROWS // 2], 2, axis=0)[::2],
        "pandas, by column": frame,
        "pandas, row by row": pd.DataFrame(numbers, columns=names),
        "pandas, transposed": pd.DataFrame(np.asfortranarray(numbers).T.copy().T, columns=names),
        "pandas, integers": (frame * 1000).astype("int64"),
        "polars": pl.DataFrame({name: numbers[:, n].copy() for n, name in enumerate(names)}),
        "pyarrow": pa.table({name: numbers[:, n].copy() for n, name in enumerate(names)}),
    }


def main() -> None:
    """Measure and print the table."""
    raw = np.random.default_rng(0).bytes(ROWS * COLUMNS * 8)
    floor = len(raw) / seconds(lambda: blake3(raw).digest()) / 1e9
    print(f"{'':<22} {'GB/s':>8} {'of BLAKE3':>10}")
    print(f"{'BLAKE3, one thread':<22} {floor:>8.2f} {1:>10.2f}")
    for name, value in values().items():
        size = ROWS * COLUMNS * 8 // (2 if "second" in name else 1)
        speed = size / seconds(lambda value=value: digest_value(value)) / 1e9
        print(f"{name:<22} {speed:>8.2f} {speed / floor:>10.2f}")


if __name__ == "__main__":
    main()
