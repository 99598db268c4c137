"""A tape that stops before the close: cut off, or the tape of a market that was halted? Totals decide, and nothing else.

Here: which names stand on a file that stops early, and whether the day's totals prove their tapes whole. Not here: which files
stop early (assets/ticks/day_of_files.py), totals (verdicts.py).

On 2016-01-04 and 2016-01-07 the exchanges' circuit breaker ended trading at 13:33 and 09:59: the tapes of those days stop there
and add up to the exchange's daily volume and amount. A file that was cut off does not.
"""

import polars as pl

from resources.settings.bars import BarsSettings

ENDED = {
    "file": pl.String,
    "last_time": pl.Int32,  # ms since midnight
    "names": pl.Int64,  # A-shares on it
    "proven": pl.Int64,  # of them those that a total proves whole
    "unproven": pl.String,  # some of the others
    "cut": pl.Boolean,
}
"""One row per file of trades or quotes that stops before the close."""
_LISTED = 5


def proves(settings: BarsSettings, volume: str = "volume_difference", amount: str = "amount_difference") -> pl.Expr:
    """Whether a total proves a name's tape whole: the volume and the amount are both known and both met."""
    met = (pl.col(volume).abs() <= settings.volume_tolerance) & (pl.col(amount).abs() <= pl.col("amount_slack") + 1e-9)
    return pl.col("reference").is_not_null() & met.fill_null(False)


def judge_ends(
    trades: pl.DataFrame, quotes: pl.DataFrame, channels: pl.DataFrame, judged: pl.DataFrame, settings: BarsSettings
) -> pl.DataFrame:
    """Which of the files that stop early were cut off; schema ENDED.

    trades, quotes: ends.parquet of either table (schema ENDS of assets/ticks/day_of_files.py). channels: symbol, channel of the
    trades. judged: what judge_ticks found, one row per symbol.

    A name's trades are proven where the day's totals prove them (`proves`); its snapshots where their last cumulative volume
    is that of trades so proven, or, without trades, the daily volume. A name that neither traded nor should have proves
    nothing either way. A file was cut off where more than `bars.max_unproven_share` of its names are unproven.
    """
    exchange = pl.col("symbol").str.tail(2)
    by_channel = channels.select("symbol", "channel", exchange=exchange).unique()
    of_channels = (
        trades.filter(pl.col("channel").is_not_null()).drop("symbol").join(by_channel, on=["exchange", "channel"])
    )
    of_symbols = trades.filter(pl.col("channel").is_null())
    columns = ("file", "last_time", "symbol")
    traded = pl.concat([of_channels.select(columns), of_symbols.select(columns)]).with_columns(table=pl.lit("trades"))
    quoted = quotes.select(columns).with_columns(table=pl.lit("quotes"))
    whole = proves(settings)
    untraded = pl.col("trades").is_null()
    by_volume = (pl.col("quoted_volume") - pl.col("daily_volume")).abs() <= settings.volume_tolerance
    by_trades = whole & (pl.col("quoted_volume_difference").abs() <= settings.volume_tolerance)
    silent = (
        (pl.col("quoted_volume").fill_null(0) == 0)
        & (pl.col("daily_volume").fill_null(0) == 0)
        & (pl.col("trades").fill_null(0) == 0)
    )
    facts = judged.select(
        "symbol",
        whole=whole,
        book=pl.when(untraded).then(by_volume).otherwise(by_trades).fill_null(False),
        silent=silent,
    )
    named = pl.concat([traded, quoted]).join(facts, on="symbol", how="left")
    proven = pl.when(pl.col("table") == "trades").then("whole").otherwise("book").fill_null(False)
    spoken = named.with_columns(proven=proven).filter(~pl.col("silent").fill_null(False))
    unproven = pl.col("symbol").filter(~pl.col("proven")).unique().sort()
    counted = spoken.group_by("file", maintain_order=True).agg(
        names=pl.col("symbol").n_unique(),
        proven=pl.col("symbol").filter(pl.col("proven")).n_unique(),
        unproven=unproven.head(_LISTED).str.join(", "),
    )
    files = pl.concat([trades.select("file", "last_time"), quotes.select("file", "last_time")])
    ended = (
        files.group_by("file", maintain_order=True).agg(pl.col("last_time").max()).join(counted, on="file", how="left")
    )
    ended = ended.with_columns(pl.col("names", "proven").fill_null(0))
    lacking = pl.col("names") - pl.col("proven")
    return ended.with_columns(cut=lacking > settings.max_unproven_share * pl.col("names")).select(
        pl.col(name).cast(dtype) for name, dtype in ENDED.items()
    )
