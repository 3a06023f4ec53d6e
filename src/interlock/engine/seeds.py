"""Random numbers that come out the same again: each step begins with a seed of its own.

The global generators of Python, numpy and torch are seeded before a step is called and put back after it. A step
that draws from them without a seed of its own then gives the same for the same inputs, in this process and in any
other; generators that a step makes for itself (`numpy.random.default_rng()`) are not reached.
"""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from interlock.identity.digest import digest_hex, digest_json


@contextmanager
def seeded(seed: int, node: str, attempt: int) -> Iterator[None]:
    """Let the global generators begin anew while the block runs.

    Args:
        seed: The seed of the run.
        node: The step: two steps do not draw the same numbers.
        attempt: Which try of the step it is: one that failed for its random numbers gets others.
    """
    own = int(digest_hex(digest_json(["seed", seed, node, attempt]))[:8], 16)
    torch = sys.modules.get("torch")
    # numpy loads its generators when they are first asked for: that must not be in the middle of a step.
    numpy = importlib.import_module("numpy.random") if "numpy" in sys.modules else None
    before = random.getstate()
    before_numpy = numpy.get_state() if numpy else None
    before_torch = torch.get_rng_state() if torch else None
    random.seed(own)
    if numpy:
        numpy.seed(own)
    if torch:
        torch.manual_seed(own)
    try:
        yield
    finally:
        random.setstate(before)
        if numpy:
            numpy.set_state(before_numpy)
        if torch:
            torch.set_rng_state(before_torch)
