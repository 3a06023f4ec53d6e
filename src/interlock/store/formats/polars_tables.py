"""polars frames and series as Arrow files."""

from __future__ import annotations

from typing import Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.format import Stored, Unstorable, Vault, loaded


class PolarsFormat:
    """polars frames and series."""

    name = "polars"

    def handles(self, value: Any) -> bool:
        """Match frames and series; a lazy frame is a plan, not data."""
        pl = loaded("polars")
        return pl is not None and type(value) in (pl.DataFrame, pl.Series)

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write the file by polars itself, which keeps its own types.

        Raises:
            Unstorable: A column holds Python objects.
        """
        pl = require("polars", extra="polars")
        series = type(value) is pl.Series
        frame = value.to_frame() if series else value
        for name, dtype in frame.schema.items():
            if _holds_objects(pl, dtype):
                raise Unstorable(
                    f"Column {name!r} holds Python objects ({dtype}).", hint="Cast it to a type of polars."
                )
        return vault.put_stream(
            lambda out: frame.write_ipc(out, compression="uncompressed"),
            rows=frame.height,
            columns=frame.columns,
            series=series,
        )

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Read the file, which polars maps; it copies before it changes."""
        frame = require("polars", extra="polars").read_ipc(vault.path(artifact))
        return frame.to_series() if artifact.meta["series"] else frame


def _holds_objects(pl: Any, dtype: Any) -> bool:
    if dtype == pl.Object:
        return True
    inner = [field.dtype for field in getattr(dtype, "fields", ())] or [getattr(dtype, "inner", None)]
    return any(_holds_objects(pl, one) for one in inner if one is not None)
