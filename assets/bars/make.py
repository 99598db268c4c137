"""One day's order_sizes and minute_bars: what is read, which symbols are delivered, which are set aside, what is unknown.

Here: putting kernels, references and landing bars together, and the profile that the checks judge. Not here: arithmetic.
"""

import datetime as dt
import io
from collections.abc import Mapping

import polars as pl

from assets.bars.delivered import delivered_bars
from assets.bars.minutes import BOOK, LARGE, LIMITS, null_out, with_limits
from assets.bars.reconcile import final_quotes, reconcile
from assets.bars.schemas import MINUTE_BARS, ORDER_SIZES, VALUES
from assets.bars.sums import book_statistics, order_size_sums, silent_bars, traded_bars
from assets.bars.thresholds import large_order_thresholds
from assets.ticks import clock
from resources.errors import InputError
from resources.landing import LandingView
from resources.made import Made
from resources.settings.bars import BarsSettings

PROFILE = {
    "symbol": pl.String,  # null in the one row about the day as a whole
    "bars": pl.Int64,
    "missing_bars": pl.Int64,
    "volume_difference": pl.Int64,
    "unaccounted_volume": pl.Int64,
    "close_difference": pl.Float64,
    "outside_limits": pl.Int64,
    "set_aside": pl.Int64,
    "uncompared": pl.Int64,
    "too_many_set_aside": pl.Int64,
    "too_few_covered": pl.Int64,
    "too_many_uncovered": pl.Int64,  # null where the bars are no ticks'
    "detail": pl.String,
}
"""One row per symbol and one for the day; what does not concern a row is null, and `detail` is the story."""
CONTINUOUS_MS = (clock.MORNING * clock.MINUTE_MS, clock.CLOSING_AUCTION * clock.MINUTE_MS)
_LISTED = 20  # names spelled out in a message


# --- order sizes ----------------------------------------------------------------------------------------------------------


def make_order_sizes(
    *,
    date: dt.date,
    trades: pl.LazyFrame,
    quotes: pl.LazyFrame,
    daily_prices: pl.LazyFrame,
    landing: LandingView,
    settings: BarsSettings,
    unavailable: Mapping[str, Mapping[str, str]],
) -> Made | pl.DataFrame:
    """Per symbol the number of orders with a fill, Σ ln amount and Σ (ln amount)², yuan, buy and sell orders pooled (SPEC §3);
    without ticks the delivered table. `trades` and `quotes` in the lake's order.

    A symbol whose tape does not add up has null sums: half a day's orders would bias the thresholds of the next 20 days.
    """
    sums = order_size_sums(trades, settings)
    if sums.height:
        money = (pl.col("price") * pl.col("volume")).sum() / 10_000
        taped = trades.group_by("symbol").agg(pl.col("volume").sum(), money.alias("amount")).sort("symbol").collect()
        days = _against_references(
            taped.with_columns(close=pl.lit(None, pl.Float64)),
            daily_prices,
            final_quotes(quotes, CONTINUOUS_MS),
            settings,
        ).select("symbol", "set_aside")
        sums = sums.join(days, on="symbol", how="left", maintain_order="left")
        accepted = pl.col("set_aside").is_null()
        frame = sums.select(
            pl.lit(date).alias("date"),
            "symbol",
            *(pl.when(accepted).then(name).alias(name) for name in ("orders", "sum_ln", "sum_ln2")),
        )
        return _judged_sizes(frame, sums["set_aside"], f"ticks/{date:%Y%m%d}")
    landed = landing.order_sizes()
    name = f"bars/{date:%Y%m%d}.order_sizes.parquet"
    if landed is None:
        why = unavailable.get("trades", {}).get("bid_order", "no trades on this day")
        return Made(pl.DataFrame(schema=ORDER_SIZES), unavailable=dict.fromkeys(ORDER_SIZES, f"{why}, and no {name}"))
    lacking = [column for column in ORDER_SIZES if column not in (*landed.columns, "date")]
    if lacking:
        raise InputError(f"{name} lacks the column {', '.join(lacking)}. Deliver it in the schema of SPEC §2.2.")
    frame = landed.with_columns(date=pl.lit(date)).select(pl.col(c).cast(t) for c, t in ORDER_SIZES.items())
    told = [
        pl.when(~pl.col(c).is_finite()).then(pl.format("{}: {} = {} is no number", pl.lit(name), pl.lit(c), c))
        for c in ("sum_ln", "sum_ln2")
    ]
    bad = frame.select(reason=pl.coalesce(told))["reason"]
    frame = frame.with_columns(pl.when(bad.is_null()).then(c).alias(c) for c in ("orders", "sum_ln", "sum_ln2"))
    return _judged_sizes(frame, bad, name)


def _judged_sizes(frame: pl.DataFrame, set_aside: pl.Series, source: str) -> Made:
    """The frame with its profile. set_aside: the reason or null, per row. source: where the rows came from, for messages."""
    profile = frame.with_columns(set_aside=set_aside.is_not_null().cast(pl.Int64), detail=set_aside)
    if frame["orders"].count():
        return Made(frame, profile)
    return Made(
        frame, profile, unavailable=dict.fromkeys(("orders", "sum_ln", "sum_ln2"), _none_left(source, set_aside))
    )


def _none_left(source: str, reasons: pl.Series) -> str:
    """Why a day that was delivered has no values."""
    told = reasons.drop_nulls()
    if told.is_empty():
        return f"{source} was delivered, but holds no usable row of an A-share"
    return f"{source} was delivered, but every symbol of it is set aside, the first because: {told[0]}"


def _against_references(
    days: pl.DataFrame, daily_prices: pl.LazyFrame, final: pl.DataFrame, settings: BarsSettings
) -> pl.DataFrame:
    """`reconcile` on days (symbol, volume, amount, close) with the references joined."""
    daily = daily_prices.select("symbol", daily_volume="volume", daily_amount="amount", daily_close="close").collect()
    joined = days.join(daily, on="symbol", how="left", maintain_order="left")
    return reconcile(joined.join(final, on="symbol", how="left", maintain_order="left"), settings)


# --- minute bars ----------------------------------------------------------------------------------------------------------


def make_minute_bars(
    *,
    date: dt.date,
    trades: pl.LazyFrame,
    quotes: pl.LazyFrame,
    daily_prices: pl.LazyFrame,
    securities: pl.LazyFrame,
    order_sizes: pl.LazyFrame,
    landing: LandingView,
    settings: BarsSettings,
    unavailable: Mapping[str, Mapping[str, str]],
) -> Made:
    """The day's dense one-minute bars (SPEC §1, §2.2), from ticks where there are any, else from landing bars.

    `trades` and `quotes` in the lake's order. A symbol is delivered where it has trades, or a book and no trade all day. One
    that does not add up keeps its rows with null values, and `set_aside.parquet` says why.
    """
    daily = daily_prices.select("symbol", "pre_close", "close", "volume", "amount").collect()
    final = final_quotes(quotes, CONTINUOUS_MS)
    notes: dict[str, object] = {}
    rejected = pl.DataFrame(schema={"symbol": pl.String, "reason": pl.String})
    ticked = trades.select(pl.len()).collect().item() > 0
    if ticked:
        frame, reasons = _from_ticks(date, trades, quotes, daily, final, order_sizes, settings, unavailable)
        notes["source"] = "ticks"
    else:
        landed = landing.bars()
        if landed is None:
            why = unavailable.get("trades", {}).get("price", "no trades on this day")
            gone = dict.fromkeys(MINUTE_BARS, f"{why}, and no bars/{date:%Y%m%d}.parquet")
            frame = pl.DataFrame(schema=MINUTE_BARS)
            if final.is_empty():
                return Made(frame, unavailable=gone)
            days = _reconciled(frame, daily, final, rejected, settings)  # snapshots landed: the trades are lost
            return Made(frame, _profile(frame, days, daily, final, trades, securities, settings)[0], unavailable=gone)
        name = landing.bars_path().name
        known = daily.filter(pl.col("pre_close").is_not_null())
        delivered = delivered_bars(landed, date, f"bars/{name}", dict(known.select("symbol", "pre_close").iter_rows()))
        frame, reasons = delivered.frame, dict(delivered.unavailable)
        rejected = delivered.rejected.group_by("symbol", maintain_order=True).agg(
            reason=pl.format("bars/{}: {} bad rows, the first: {}", pl.lit(name), pl.len(), pl.col("reason").first())
        )
        notes |= {"source": f"bars/{name}", "rows_of_other_securities": delivered.others}
    if all(frame[flag].null_count() == frame.height for flag in LIMITS):  # not delivered: told from the limit prices
        limits = _limits(securities, final, frame.select(pl.col("symbol").unique()), unavailable)
        frame = with_limits(frame.drop(*LIMITS), limits)
        for flag in LIMITS:
            reasons.pop(flag, None)
        if limits.height and not limits["limits_known"].any():
            reasons |= dict.fromkeys(LIMITS, "no limit prices: neither securities nor snapshots of this day have any")
    days = _reconciled(frame, daily, final, rejected, settings)
    frame = null_out(frame, days.filter(pl.col("set_aside").is_not_null())["symbol"])
    frame = frame.select(pl.col(name).cast(dtype) for name, dtype in MINUTE_BARS.items())
    source = f"ticks/{date:%Y%m%d}" if ticked else str(notes["source"])
    if days["set_aside"].count() == days.height:
        reasons = dict.fromkeys(VALUES, _none_left(source, days["set_aside"])) | reasons
    elif not ticked:
        empty = [name for name in VALUES if frame[name].null_count() == frame.height]
        reasons = {name: f"{source} gives no value of {name}" for name in empty} | reasons
    profile, files = _profile(frame, days, daily, final, trades if ticked else None, securities, settings)
    notes["symbols"] = days.height
    notes["symbols_set_aside"] = days["set_aside"].count()
    return Made(frame, profile, files=files, unavailable=reasons, notes=notes)


def _from_ticks(
    date: dt.date,
    trades: pl.LazyFrame,
    quotes: pl.LazyFrame,
    daily: pl.DataFrame,
    final: pl.DataFrame,
    order_sizes: pl.LazyFrame,
    settings: BarsSettings,
    unavailable: Mapping[str, Mapping[str, str]],
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Bars without limits of every delivered symbol, and why columns are entirely null."""
    thresholds = large_order_thresholds(order_sizes.collect(), settings)
    pre_close = dict(final.select("symbol", "quoted_pre_close").drop_nulls().iter_rows())
    pre_close |= dict(daily.select("symbol", "pre_close").drop_nulls().iter_rows())
    parts = [traded_bars(date, trades, thresholds, pre_close, settings)]
    traded = parts[0]["symbol"].unique().to_list()
    silent = final.filter(pl.col("booked") & (pl.col("quoted_volume") == 0) & ~pl.col("symbol").is_in(traded))["symbol"]
    parts.append(silent_bars(date, silent.to_list(), thresholds, pre_close))
    frame = pl.concat(parts).sort("symbol", "minute")
    book = book_statistics(quotes, settings)
    frame = frame.join(book, on=["symbol", "minute"], how="left", maintain_order="left")
    reasons: dict[str, str] = {}
    if thresholds.is_empty():
        why = unavailable.get("order_sizes", {}).get("orders")
        reason = (
            f"fewer than {settings.large_order_min_days} days or {settings.large_order_min_orders} orders in the "
            f"order_sizes of the {settings.large_order_days} trading days before{f' ({why})' if why else ''}"
        )
        reasons |= dict.fromkeys(LARGE, reason)
    if book.is_empty():
        reasons |= dict.fromkeys(BOOK, unavailable.get("quotes", {}).get("bid_price_1", "no quotes on this day"))
    return frame.with_columns(pl.lit(None, pl.Boolean).alias(flag) for flag in LIMITS), reasons


def _limits(
    securities: pl.LazyFrame,
    final: pl.DataFrame,
    symbols: pl.DataFrame,
    unavailable: Mapping[str, Mapping[str, str]],
) -> pl.DataFrame:
    """symbol, limit_up, limit_down, limits_known: of securities, else of the snapshots. A listed name without a limit price
    has no limit that day, unless securities could not know any."""
    listed = securities.select("symbol", "limit_up", "limit_down", "last_close").collect()
    nobody_knows = "limit_up" in unavailable.get("securities", {})
    listed = listed.with_columns(listed=pl.lit(not nobody_knows) & pl.col("last_close").is_not_null())
    both = symbols.join(listed, on="symbol", how="left").join(final, on="symbol", how="left")
    return both.select(
        "symbol",
        limit_up=pl.coalesce("limit_up", "quoted_limit_up"),
        limit_down=pl.coalesce("limit_down", "quoted_limit_down"),
        limits_known=pl.col("listed").fill_null(False)
        | pl.col("limit_up").is_not_null()
        | pl.col("quoted_limit_up").is_not_null(),
    )


def _reconciled(
    frame: pl.DataFrame, daily: pl.DataFrame, final: pl.DataFrame, rejected: pl.DataFrame, settings: BarsSettings
) -> pl.DataFrame:
    """One row per delivered symbol: sums, differences, and why it is set aside."""

    def total(name: str) -> pl.Expr:  # Σ of nothing is unknown, not 0
        return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum())

    market = pl.col("close").filter(pl.col("minute") <= clock.CLOSING_AUCTION)
    sums = frame.group_by("symbol", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("bars"),
        (pl.len() - (pl.col("minute") == clock.AFTER_HOURS).sum()).cast(pl.Int64).alias("dense_bars"),
        total("volume").alias("volume"),
        total("amount").alias("amount"),
        market.last().alias("close"),
    )
    days = _against_references(sums, daily.lazy(), final, settings)
    return days.join(rejected, on="symbol", how="left", maintain_order="left").with_columns(
        set_aside=pl.coalesce("reason", "set_aside")
    )


def _profile(
    frame: pl.DataFrame,
    days: pl.DataFrame,
    daily: pl.DataFrame,
    final: pl.DataFrame,
    trades: pl.LazyFrame | None,
    securities: pl.LazyFrame,
    settings: BarsSettings,
) -> tuple[pl.DataFrame, dict[str, bytes]]:
    """What the checks judge, and set_aside.parquet where a symbol was."""
    accepted = pl.col("set_aside").is_null()
    off = pl.col("bar_volume") - pl.col("reference_volume")
    limits = securities.select("symbol", "limit_up", "limit_down").collect()
    prices = frame.join(limits, on="symbol", how="left")
    slack = 5e-5  # half of 1/10 000 yuan: prices are floats of whole ticks
    outside = (pl.col("high") > pl.col("limit_up") + slack) | (pl.col("low") < pl.col("limit_down") - slack)
    measured = prices.group_by("symbol").agg(
        outside.sum().cast(pl.Int64).alias("outside_limits"),
        # Σ of what was not delivered is unknown, not 0.
        pl.when(pl.col("volume").count() > 0).then(pl.col("volume").sum()).alias("bar_volume"),
    )
    if trades is not None:
        tape = trades.group_by("symbol").agg(pl.col("volume").sum().alias("tape_volume")).collect()
    else:
        tape = pl.DataFrame(schema={"symbol": pl.String, "tape_volume": pl.Int64})
    symbols = (
        days.join(measured, on="symbol", how="left", maintain_order="left")
        .join(tape, on="symbol", how="left", maintain_order="left")
        .select(
            "symbol",
            "bars",
            missing_bars=len(clock.DAY_BARS) - pl.col("dense_bars"),
            volume_difference=pl.when(accepted).then(
                pl.when(off.abs() <= settings.volume_tolerance).then(0).otherwise(off)
            ),
            unaccounted_volume=pl.when(accepted).then(pl.col("tape_volume") - pl.col("bar_volume")),
            close_difference=pl.when(accepted).then("close_difference"),
            outside_limits=pl.when(accepted).then("outside_limits"),
            set_aside=(~accepted).cast(pl.Int64),
            uncompared=(accepted & pl.col("volume_difference").is_null()).cast(pl.Int64),
            detail="set_aside",
        )
    )
    aside = symbols.filter(pl.col("set_aside") == 1)
    share = aside.height / symbols.height if symbols.height else 0.0
    official = daily.filter(pl.col("volume") > 0).select("symbol")
    traded = pl.concat(
        [
            official,
            final.filter(pl.col("quoted_volume") > 0).select("symbol"),
        ]
    ).unique()
    untaped = official.join(symbols, on="symbol", how="anti")["symbol"].sort()
    lost = len(untaped) > settings.max_uncovered_share * official.height if trades is not None else None
    uncovered = traded.join(symbols, on="symbol", how="anti")["symbol"].sort()
    coverage = 1 - len(uncovered) / traded.height if traded.height else 1.0
    too_many, too_few = share > settings.max_set_aside_share, coverage < settings.min_coverage
    story = []
    if too_many:
        story.append(
            f"{aside.height} of {symbols.height} symbols are set aside, more than {settings.max_set_aside_share:.0%} "
            f"(bars.max_set_aside_share): {_names(aside['symbol'])}"
        )
    if lost:
        story.append(
            f"{len(untaped)} of {official.height} names that daily_prices says traded have no trades, more than "
            f"{settings.max_uncovered_share:.0%} (bars.max_uncovered_share): {_names(untaped)}"
        )
    elif too_few:
        story.append(f"{len(uncovered)} of {traded.height} traded names were not delivered: {_names(uncovered)}")
    day = pl.DataFrame(
        {
            "too_many_set_aside": [int(too_many)],
            "too_few_covered": [int(too_few)],
            "too_many_uncovered": [None if lost is None else int(lost)],
            "detail": ["; ".join(story) or None],
        },
        schema_overrides={"too_many_uncovered": pl.Int64, "detail": pl.String},
    )
    profile = pl.concat([symbols, day], how="diagonal").select(
        pl.col(name).cast(dtype) for name, dtype in PROFILE.items()
    )
    if aside.is_empty():
        return profile, {}
    buffer = io.BytesIO()
    aside.select("symbol", reason="detail").write_parquet(buffer)
    return profile, {"set_aside.parquet": buffer.getvalue()}


def _names(symbols: pl.Series) -> str:
    more = f" … and {len(symbols) - _LISTED} more" if len(symbols) > _LISTED else ""
    return ", ".join(symbols.head(_LISTED).to_list()) + more
