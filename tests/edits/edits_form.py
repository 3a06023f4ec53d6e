from __future__ import annotations

from edits_case import Case

FORM: list[Case] = []
