"""The result type of make functions. It has a module of its own, so that changes of the builder do not change code digests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from resources.reasons import Reason

LEFT_OUT = "left_out"


@dataclass(frozen=True)
class Made:
    """One partition, as its make function returns it.

    frame: the rows, in the table's schema. For a table too large for memory, a Parquet file in the partition's scratch folder with
    exactly the schema's columns in the table's sort order; it is moved into the partition without being read.
    profile: the rows that the checks judge, one per symbol, factor, file and so on; None where it is the frame itself. A file needs
    a profile.
    files: name → bytes, written beside `part.parquet`.
    unavailable: column (or item) → reason why it is not available; a plain sentence becomes a reason with the code "text".
    notes: facts for the manifest and the UI, in JSON's types. The note LEFT_OUT lists what the partition was made without although
    the method requires it: code → item → details. The report lists every entry (left_out_words.py).
    """

    frame: pl.DataFrame | Path
    profile: pl.DataFrame | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    unavailable: Mapping[str, Reason | str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
