"""What a pure function hands back when a bare frame does not say enough. Nothing else lives here, so that the digest of
a stage's code does not change with the wrapper's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from resources.reasons import Reason

LEFT_OUT = "left_out"


@dataclass(frozen=True)
class Made:
    """One partition, as its pure function made it.

    frame: the rows, in the table's schema; or, of a table too large for memory, a Parquet file in the partition's scratch
    folder, which holds exactly the schema's columns, sorted as the table says: it is moved into the partition unread.
    profile: what the checks judge, one row per symbol, factor, file …; the frame itself where None (never with a file).
    files: name → bytes, written beside `part.parquet`.
    unavailable: column (or item) → reason, for what could not be known here; a plain sentence becomes a reason of the code text.
    notes: facts for the manifest and the UI, JSON-able. The note LEFT_OUT holds what the partition was made without although
    the method asks for it: code → item → what is known of it. The report tells every one (left_out_words.py).
    """

    frame: pl.DataFrame | Path
    profile: pl.DataFrame | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    unavailable: Mapping[str, Reason | str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
