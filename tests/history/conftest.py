from __future__ import annotations

import sys
from pathlib import Path

# The small projects of this folder, and the helpers that call commands as a user does.
sys.path += [str(Path(__file__).parent), str(Path(__file__).parent.parent / "cli")]
