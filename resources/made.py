"""What a pure function hands back when a bare frame does not say enough. Nothing else lives here, so that the digest of
a stage's code does not change with the wrapper's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Made:
    """One partition, as its pure function made it.

    frame: the rows, in the table's schema.
    profile: what the checks judge, one row per symbol, factor, file …; the frame itself where None.
    files: name → bytes, written beside `part.parquet`.
    unavailable: column (or item) → reason, for what could not be known here.
    notes: facts for the manifest and the UI, JSON-able.
    """

    frame: pl.DataFrame
    profile: pl.DataFrame | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
