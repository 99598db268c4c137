"""Settings of trades, orders and quotes: how vendor files are read (SPEC §2.3)."""

from pydantic import Field

from resources.settings.base import Section


class TicksSettings(Section):
    """What `trades`, `orders` and `quotes` are handed."""

    block_mb: int = Field(
        64, ge=1, description="Vendor files are read in blocks of this many megabytes; bounds memory."
    )
    max_listed_rows: int = Field(
        10_000, ge=1, description="Rows set aside are listed one by one up to this number per file, then only counted."
    )
    ignored_suffixes: tuple[str, ...] = Field(
        (".md5", ".sha256", ".ok", ".done", ".txt", ".log"),
        description="Files of a day's folder that accompany a delivery and hold no ticks; the manifest names them.",
    )
