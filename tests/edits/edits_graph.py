from __future__ import annotations

from edits_case import Case

GRAPH: list[Case] = []
