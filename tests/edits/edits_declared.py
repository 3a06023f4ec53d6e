from __future__ import annotations

from edits_case import Case

DECLARED: list[Case] = []
