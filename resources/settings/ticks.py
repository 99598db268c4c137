"""Settings of trades, orders and quotes: the reading of vendor files (SPEC §2.3)."""

from typing import Annotated

from pydantic import Field

from resources.named import PATH
from resources.settings.base import Name, Section


class TicksSettings(Section):
    """The settings of `trades`, `orders` and `quotes`."""

    block_mb: int = Field(
        16,
        ge=1,
        le=1_048_576,
        description="Megabytes of the blocks in which vendor files are read, two at a time; bounds memory.",
    )
    batch_rows: int = Field(
        1_000_000,
        ge=1,
        le=10_000_000_000,
        description="A day with more rows is sorted on disk and merged in batches of about this many rows; bounds memory.",
    )
    max_bad_row_share: float = Field(
        0.001, ge=0, le=1, description="Share of a layout's rows that may be set aside before the day is refused."
    )
    max_listed_rows: int = Field(
        10_000,
        ge=1,
        le=1_000_000_000,
        description="Rows set aside per file that are listed individually; further ones are only counted.",
    )
    max_unpacked_gb: float = Field(
        64,
        gt=0,
        le=1_048_576,
        description="An archive that unpacks to more is refused. Archives are never unpacked to disk.",
    )
    max_compression_ratio: float = Field(
        200,
        gt=1,
        le=1_000_000,
        description="An archive that unpacks to more than this multiple of its size is refused; ticks have a ratio of 5 to 30.",
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
        description="Endings of files in a day's folder that accompany a delivery and contain no ticks; the manifest lists them.",
    )
    ignored_names: tuple[Name, ...] = Field(
        ("委托队列.csv", "委托队列.csv.gz", "_SUCCESS", "_metadata", "_common_metadata", "Thumbs.db"),
        description="Names of files that no table reads: Wind's order queues, and files that Spark and Windows leave in folders. "
        "The manifest lists them.",
    )
    extra_layouts: tuple[Annotated[str, Field(pattern=f"^{PATH}$")], ...] = Field(
        (),
        description="Layouts of your own: module:name of a Layout or of a tuple of them (docs/layouts.md). They take precedence over equal "
        "ones. Empty: none",
    )
    min_halt_minutes: float = Field(
        9,
        ge=1,
        le=240,
        allow_inf_nan=False,
        description="Minutes of trading hours without a trade of a stock after which trades with one stamp and one price may be the auction "
        "that ends a halt, and have no aggressor. The shortest halts, those of new listings, take ten minutes.",
    )
    least_flagged_prints: int = Field(
        20,
        ge=1,
        le=1_000_000_000,
        description="Least number of continuous trades with a flag of the aggressor with which a Shanghai stock's unflagged trades after "
        "halts, where no other trade is unflagged, count as auctions although their order numbers do not prove it.",
    )
    refuse_names_of_other_days: bool = Field(
        True,
        description="Whether a file is refused whose name, or that of a folder inside the day's folder, begins with another day than the "
        "day's folder.",
    )
