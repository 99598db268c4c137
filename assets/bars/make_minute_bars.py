"""Makes one day of minute_bars from ticks or delivered bars, with null values where tape_health set a symbol aside.

This module combines sums, verdicts and delivered bars, and makes the profile that the checks read. It does not sum ticks
(sums.py) or make verdicts (assets/tape_health/verdicts.py).
"""

import datetime as dt
import io

import polars as pl

from assets.bars.minutes import BOOK, LARGE, LIMITS, null_out, with_limits
from assets.bars.order_streams import lacking_orders
from assets.bars.reasons import (
    COLUMN_WITHOUT_VALUES,
    DAY_CONTRADICTED,
    FEW_ORDER_SIZES,
    NO_LIMIT_PRICES,
    NO_QUOTES,
    none_left,
)
from assets.bars.schemas import MINUTE_BARS, VALUES
from assets.bars.sums import book_statistics, silent_bars, traded_bars
from assets.bars.thresholds import large_order_thresholds
from assets.delivered_bars.rows import delivered_bars
from assets.tape_health import align
from assets.tape_health.reasons import NEITHER_NOR_FILE, NO_TRADES
from assets.tape_health.verdicts import SET_ASIDE, WITHOUT
from resources import clock
from resources.made import Made
from resources.partition import Files, Frames, Partition
from resources.reasons import Reason, Reasons, first_reasons, with_cause
from resources.rounding import file_rounding
from resources.rulebook import Rulebook
from resources.settings.bars import BarsSettings

_OF_TRADES = {"open": "first_open", "high": "top", "low": "bottom", "close": "auction_close"}
"""Price of daily_prices → the column of `_ranges` that it should equal."""

PROFILE = {
    "symbol": pl.String,
    "bars": pl.Int64,
    "missing_bars": pl.Int64,
    "volume_difference": pl.Int64,
    "unaccounted_volume": pl.Int64,
    "close_difference": pl.Float64,
    "outside_limits": pl.Int64,
    "without_orders": pl.Int64,
    "too_many_without_orders": pl.Int64,
    "day_contradicted": pl.Int64,  # whether trades that add up to the daily volume have another open, high, low or close
    "detail": pl.String,
}
"""One row per symbol, and one per exchange with missing orders. A measure that does not apply to a row, or that belongs to a symbol set
aside, is null."""


def make_minute_bars(frames: Frames, partition: Partition, settings: BarsSettings) -> Made:
    """Make the day's dense one-minute bars (SPEC §1, §2.2), from ticks where the day has any, else from delivered bars.

    frames: `trades` and `quotes` are in the lake's order; `tape_health` holds the day and the days before that show whether orders
    are delivered (windows.order_days). A symbol has rows if it has trades, or a book without a trade on the whole day; a stock
    that should have traded and has no tape has no rows. A symbol that tape_health set aside has null values, and one whose
    snapshots alone it set aside has null book columns. Rows of trades and quotes that tape_health repaired are read with its
    repairs.
    """
    date, rules, unavailable = partition.date, partition.rules, partition.unavailable
    trades, securities, landing = frames["trades"], frames["securities"], partition.landing
    judged = frames["tape_health"].collect()
    health, before = judged.filter(pl.col("date") == date), judged.filter(pl.col("date") < date)
    daily = frames["daily_prices"].select("symbol", "pre_close", "open", "high", "low", "close").collect()
    notes: dict[str, object] = {}
    ticked = trades.select(pl.len()).collect().item() > 0
    if ticked:
        final = _side(partition.files, date, "final_quotes.parquet")
        frame, reasons = _from_ticks(frames, partition, settings, daily, final, health)
        source = f"ticks/{date:%Y%m%d}"
        notes["source"] = "ticks"
    else:
        landed = None if (health["source"] == "ticks").any() else landing.bars()
        if landed is None:
            why = unavailable.get("trades", {}).get("price", NO_TRADES())
            gone = dict.fromkeys(MINUTE_BARS, NEITHER_NOR_FILE(cause=why, file=f"bars/{date:%Y%m%d}.parquet"))
            return Made(pl.DataFrame(schema=MINUTE_BARS), unavailable=gone)
        source = f"bars/{landing.bars_path().name}"
        known = daily.filter(pl.col("pre_close").is_not_null())
        before_open = dict(known.select("symbol", "pre_close").iter_rows())
        delivered = delivered_bars(landed, date, source, before_open, rules, file_rounding(landed, landing))
        frame, reasons = delivered.frame, dict(delivered.unavailable)
        final = pl.DataFrame(
            schema={"symbol": pl.String, "quoted_limit_up": pl.Float64, "quoted_limit_down": pl.Float64}
        )
        notes |= {"source": source, "rows_of_other_securities": delivered.others}
        notes |= {"rows_without_trade_in_no_bar": delivered.padding} if delivered.padding else {}
    if all(
        frame[flag].null_count() == frame.height for flag in LIMITS
    ):  # not delivered: computed from the limit prices
        limits = _limits(securities, final, frame.select(pl.col("symbol").unique()), unavailable)
        frame = with_limits(frame.drop(*LIMITS), limits)
        for flag in LIMITS:
            reasons.pop(flag, None)
        if limits.height and not limits["limits_known"].any():
            reasons |= dict.fromkeys(LIMITS, NO_LIMIT_PRICES())
    days = _by_symbol(frame, health)
    aside = days.filter(pl.col("verdict") == SET_ASIDE)
    frame = null_out(frame, aside["symbol"])
    frame = null_out(frame, days.filter(pl.col("quotes_verdict") == SET_ASIDE)["symbol"], BOOK)
    frame = frame.select(pl.col(name).cast(dtype) for name, dtype in MINUTE_BARS.items())
    if aside.height == days.height:
        reasons = {**dict.fromkeys(VALUES, none_left(source, aside["reason"])), **reasons}
    elif not ticked:
        empty = [name for name in VALUES if frame[name].null_count() == frame.height]
        reasons = {name: COLUMN_WITHOUT_VALUES(source=source, column=name) for name in empty} | reasons
    notes["symbols"] = days.height
    notes["symbols_set_aside"] = aside.height
    profile = _profile(frame, days, daily, ticked, securities, rules, settings)
    if ticked:
        lacking = lacking_orders(health, before, settings).drop("exchange", "expected")
        profile = pl.concat([profile, lacking], how="diagonal")
    return Made(frame, profile, unavailable=reasons, notes=notes)


def _side(files: Files, date: dt.date, name: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(files("tape_health", date, name)))


def _from_ticks(
    frames: Frames,
    partition: Partition,
    settings: BarsSettings,
    daily: pl.DataFrame,
    final: pl.DataFrame,
    health: pl.DataFrame,
) -> tuple[pl.DataFrame, dict[str, Reason]]:
    """Return the bars of every delivered symbol, without limits, and the reasons of columns that are entirely null."""
    date, files, unavailable = partition.date, partition.files, partition.unavailable
    thresholds = large_order_thresholds(frames["order_sizes"].collect(), settings)
    pre_close = dict(final.select("symbol", "quoted_pre_close").drop_nulls().iter_rows())
    pre_close |= dict(daily.select("symbol", "pre_close").drop_nulls().iter_rows())
    stamped = _restamped(frames["trades"], _side(files, date, "stamps.parquet"))
    parts = [traded_bars(date, stamped, thresholds, pre_close, settings)]
    silent = health.filter((pl.col("trades") == 0) & pl.col("trades_verdict").is_not_null())["symbol"]
    parts.append(silent_bars(date, silent.to_list(), thresholds, pre_close))
    frame = pl.concat(parts).sort("symbol", "minute")
    book = book_statistics(_usable(frames["quotes"], _side(files, date, "faults.parquet")), settings)
    frame = frame.join(book, on=["symbol", "minute"], how="left", maintain_order="left")
    reasons: dict[str, Reason] = {}
    if thresholds.is_empty():
        why = unavailable.get("order_sizes", {}).get("orders")
        limits = {
            "days": settings.large_order_min_days,
            "orders": settings.large_order_min_orders,
            "window": settings.large_order_days,
        }
        reasons |= dict.fromkeys(LARGE, with_cause(FEW_ORDER_SIZES(**limits), why))
    if book.is_empty():
        reasons |= dict.fromkeys(BOOK, unavailable.get("quotes", {}).get("bid_price_1", NO_QUOTES()))
    return frame.with_columns(pl.lit(None, pl.Boolean).alias(flag) for flag in LIMITS), reasons


def _restamped(trades: pl.LazyFrame, stamps: pl.DataFrame) -> pl.LazyFrame:
    """Replace the time stamps of trades that are out of order by those that tape_health determined."""
    if stamps.is_empty():
        return trades
    repaired = stamps.lazy().select(pl.col("row").cast(pl.UInt32), stamp="time")
    joined = trades.with_row_index("row").join(repaired, on="row", how="left", maintain_order="left")
    return joined.with_columns(time=pl.coalesce("stamp", "time")).drop("row", "stamp")


def _usable(quotes: pl.LazyFrame, faults: pl.DataFrame) -> pl.LazyFrame:
    """Drop the snapshots that tape_health leaves out.

    A crossed book is virtual (the auction of a halted stock). It is kept without its bid, so that no bid change is computed across it.
    """
    if faults.is_empty():
        return quotes
    crossed = pl.col("fault") & align.CROSSED > 0
    virtual, left_out = (
        pl.col("row").is_in(faults.filter(rows)["row"].cast(pl.UInt32).implode()) for rows in (crossed, ~crossed)
    )
    bid = pl.when(~virtual).then("bid_price_1").alias("bid_price_1")
    return quotes.with_row_index("row").filter(~left_out).with_columns(bid).drop("row")


def _limits(
    securities: pl.LazyFrame,
    final: pl.DataFrame,
    symbols: pl.DataFrame,
    unavailable: Reasons,
) -> pl.DataFrame:
    """Return symbol, limit_up, limit_down and limits_known, from securities, else from the snapshots.

    A listed stock without a limit price has no limit on the day, unless securities has no limit prices at all.
    """
    listed = securities.select("symbol", "limit_up", "limit_down", "last_close").collect()
    without_limits = "limit_up" in unavailable.get("securities", {})
    listed = listed.with_columns(listed=pl.lit(not without_limits) & pl.col("last_close").is_not_null())
    both = symbols.join(listed, on="symbol", how="left").join(final, on="symbol", how="left")
    return both.select(
        "symbol",
        limit_up=pl.coalesce("limit_up", "quoted_limit_up"),
        limit_down=pl.coalesce("limit_down", "quoted_limit_down"),
        limits_known=pl.col("listed").fill_null(False)
        | pl.col("limit_up").is_not_null()
        | pl.col("quoted_limit_up").is_not_null(),
    )


def _by_symbol(frame: pl.DataFrame, health: pl.DataFrame) -> pl.DataFrame:
    """Return one row per delivered symbol with its bars, its last close, its verdicts and its reference volume."""
    market = pl.col("close").filter(pl.col("minute") <= clock.CLOSING_AUCTION)
    days = frame.group_by("symbol", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("bars"),
        (pl.len() - (pl.col("minute") == clock.AFTER_HOURS).sum()).cast(pl.Int64).alias("dense_bars"),
        # The sum of a column that was not delivered is unknown, not 0.
        pl.when(pl.col("volume").count() > 0).then(pl.col("volume").sum()).alias("bar_volume"),
        pl.col("volume").filter(pl.col("minute") == clock.AFTER_HOURS).sum().alias("late_volume"),
        market.last().alias("last_close"),
    )
    judged = health.select(
        "symbol",
        "verdict",
        "quotes_verdict",
        "reason",
        "volume",
        "reference_volume",
        "volume_difference",
        "reference_counts",
    )
    return days.join(judged, on="symbol", how="left", maintain_order="left")


def _profile(
    frame: pl.DataFrame,
    days: pl.DataFrame,
    daily: pl.DataFrame,
    ticked: bool,
    securities: pl.LazyFrame,
    rules: Rulebook,
    settings: BarsSettings,
) -> pl.DataFrame:
    """Make the profile that the checks read; schema PROFILE."""
    accepted = pl.col("verdict") != SET_ASIDE
    left_out = pl.when(pl.col("reference_counts") == WITHOUT).then("late_volume").otherwise(0)
    off = pl.col("bar_volume") - left_out - pl.col("reference_volume")
    limits = securities.select("symbol", "limit_up", "limit_down").collect()
    slack = 5e-5  # half of 1/10 000 yuan: prices are floats of whole ticks
    outside = (pl.col("high") > pl.col("limit_up") + slack) | (pl.col("low") < pl.col("limit_down") - slack)
    # tape_health accepts a difference that follows from the rounding of daily_prices or of the bars; only this difference passes.
    proven = (off.abs() <= settings.volume_tolerance) | (off == pl.col("volume_difference"))
    auctioned = [exchange for exchange in ("SH", "SZ") if rules.has_closing_auction(exchange)]
    official = pl.col("symbol").str.tail(2).is_in(auctioned)
    differs = [
        ((pl.col(name) - pl.col(own)).abs() > settings.price_tolerance + 1e-9)
        & (official if name == "close" else pl.lit(True))
        for name, own in _OF_TRADES.items()
    ]
    contradicted = accepted & pl.lit(ticked) & proven & pl.any_horizontal(differs)
    measured = (
        frame.join(limits, on="symbol", how="left")
        .group_by("symbol")
        .agg(outside.sum().cast(pl.Int64).alias("outside_limits"))
    )
    judged = (
        days.join(measured, on="symbol", how="left", maintain_order="left")
        .join(daily, on="symbol", how="left", maintain_order="left")
        .join(_ranges(frame), on="symbol", how="left", maintain_order="left")
    )
    detail = DAY_CONTRADICTED.column(**{name: name for name in DAY_CONTRADICTED.parameters})
    return (
        judged.select(
            "symbol",
            "bars",
            missing_bars=len(clock.DAY_BARS) - pl.col("dense_bars"),
            volume_difference=pl.when(accepted).then(pl.when(proven).then(0).otherwise(off)),
            unaccounted_volume=pl.when(accepted & pl.lit(ticked)).then(pl.col("volume") - pl.col("bar_volume")),
            close_difference=pl.when(accepted).then(pl.col("last_close") - pl.col("close")),
            outside_limits=pl.when(accepted).then("outside_limits"),
            day_contradicted=pl.when(accepted & pl.lit(ticked)).then(contradicted.fill_null(False).cast(pl.Int64)),
            detail=first_reasons(judged, [(contradicted, detail)]),
        )
        .with_columns(without_orders=None, too_many_without_orders=None)
        .select(pl.col(name).cast(dtype) for name, dtype in PROFILE.items())
    )


def _ranges(frame: pl.DataFrame) -> pl.DataFrame:
    """Return symbol, first_open, top and bottom of the bars that traded, and auction_close, the close of the closing auction if it
    traded. Trades after hours are left out."""
    day = frame.filter((pl.col("volume") > 0) & (pl.col("minute") <= clock.CLOSING_AUCTION))
    return day.group_by("symbol", maintain_order=True).agg(
        first_open=pl.col("open").first(),
        top=pl.col("high").max(),
        bottom=pl.col("low").min(),
        auction_close=pl.col("close").filter(pl.col("minute") == clock.CLOSING_AUCTION).first(),
    )
