"""Settings of trades, orders and quotes: how vendor files are read (SPEC §2.3)."""

from typing import Annotated

from pydantic import Field

from resources.named import PATH
from resources.settings.base import Name, Section


class TicksSettings(Section):
    """What `trades`, `orders` and `quotes` are handed."""

    block_mb: int = Field(
        16,
        ge=1,
        le=1_048_576,
        description="Vendor files are read in blocks of this many megabytes, two at a time; bounds memory.",
    )
    batch_rows: int = Field(
        1_000_000,
        ge=1,
        le=10_000_000_000,
        description="A day with more rows than this is sorted on disk and merged in batches of about this many; bounds memory.",
    )
    max_bad_row_share: float = Field(
        0.001, ge=0, le=1, description="A day is refused where more than this share of a layout's rows is set aside."
    )
    max_listed_rows: int = Field(
        10_000,
        ge=1,
        le=1_000_000_000,
        description="Rows set aside are listed one by one up to this number per file, then only counted.",
    )
    max_unpacked_gb: float = Field(
        64,
        gt=0,
        le=1_048_576,
        description="An archive that unpacks to more than this is refused (nothing is ever unpacked to disk).",
    )
    max_compression_ratio: float = Field(
        200,
        gt=1,
        le=1_000_000,
        description="So is one that unpacks to more than this many times its size; ticks pack 5 to 30 times.",
    )
    ignored_suffixes: tuple[Annotated[str, Field(pattern=r"^\.[a-z0-9_]+$")], ...] = Field(
        (
            ".md5",
            ".sha256",
            ".ok",
            ".done",
            ".txt",
            ".log",
            ".pdf",
            ".doc",
            ".docx",
            ".md",
            ".html",
            ".ini",
            ".xml",
            ".json",
            ".crc",
        ),
        description="Files of a day's folder that accompany a delivery and hold no ticks; the manifest names them.",
    )
    ignored_names: tuple[Name, ...] = Field(
        ("委托队列.csv", "委托队列.csv.gz", "_SUCCESS", "_metadata", "_common_metadata", "Thumbs.db"),
        description="Files that no table reads, by their name: Wind's order queues, and what Spark and Windows leave in folders. "
        "The manifest names them.",
    )
    extra_layouts: tuple[Annotated[str, Field(pattern=f"^{PATH}$")], ...] = Field(
        (),
        description="Layouts of your own: module:name of a Layout or of a tuple of them (docs/layouts.md). Of equals the own one is meant. Empty: none",
    )
    min_halt_minutes: float = Field(
        9,
        ge=1,
        le=240,
        allow_inf_nan=False,
        description="Minutes of trading hours without a trade of a name after which prints of one stamp and one price may be the auction "
        "that ends a halt, and have no aggressor. The shortest halts, of new listings, take ten minutes.",
    )
    least_flagged_prints: int = Field(
        20,
        ge=1,
        le=1_000_000_000,
        description="Continuous prints with a flag of the aggressor that a name of Shanghai must have, with none that lacks it but those after "
        "halts, for these to be believed to be auctions where their order numbers do not prove it.",
    )
    refuse_names_of_other_days: bool = Field(
        True,
        description="Whether a file is refused whose name, or a folder's inside the day's folder, begins with another day than the "
        "folder's and not with the folder's too.",
    )
