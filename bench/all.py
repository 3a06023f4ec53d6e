"""The benches that have bars, in one table; `--strict` makes a missed bar a failure."""

from __future__ import annotations

import many_steps
import noop_chain
import sampling
import table_chain
from table import verdicts

if __name__ == "__main__":
    verdicts([row for bench in (noop_chain, sampling, many_steps, table_chain) for row in bench.rows()])
