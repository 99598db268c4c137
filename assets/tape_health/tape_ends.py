"""Decides whether a tape that stops before the close was cut off or is that of a halted market. Only the day's totals decide.

This module finds the stocks in a file that stops early and whether the day's totals prove their tapes complete. It does not find
the files that stop early (assets/ticks/day_of_files.py) or compare totals (verdicts.py).

On 2016-01-04 and 2016-01-07 the exchanges' circuit breaker ended trading at 13:33 and 09:59. The tapes of those days stop at these
times and add up to the exchange's daily volume and amount; a file that was cut off does not.
"""

import polars as pl

from resources.settings.bars import BarsSettings

ENDED = {
    "file": pl.String,
    "last_time": pl.Int32,  # ms since midnight
    "names": pl.Int64,  # A-shares in the file
    "proven": pl.Int64,  # A-shares in the file that a total proves complete
    "unproven": pl.String,  # some of the other A-shares
    "cut": pl.Boolean,  # whether the file was cut off
}
"""One row per file of trades or quotes that stops before the close."""
_LISTED = 5


def proves(settings: BarsSettings, volume: str = "volume_difference", amount: str = "amount_difference") -> pl.Expr:
    """Return whether a total proves a tape complete: its volume and its amount are both known and both equal the reference's."""
    met = (pl.col(volume).abs() <= settings.volume_tolerance) & (pl.col(amount).abs() <= pl.col("amount_slack") + 1e-9)
    return pl.col("reference").is_not_null() & met.fill_null(False)


def judge_ends(
    trades: pl.DataFrame, quotes: pl.DataFrame, channels: pl.DataFrame, judged: pl.DataFrame, settings: BarsSettings
) -> pl.DataFrame:
    """Return which of the files that stop early were cut off; schema ENDED.

    trades, quotes: ends.parquet of each table (schema ENDS of assets/ticks/day_of_files.py). channels: symbol, channel of the
    trades. judged: the result of judge_ticks, one row per symbol.

    The trades of a stock are proven where the day's totals prove them (`proves`). Its snapshots are proven where their last
    cumulative volume is that of proven trades or, without trades, the daily volume. A stock that did not trade and should not have
    traded is left out. A file was cut off if more than `bars.max_unproven_share` of its stocks are unproven.
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
