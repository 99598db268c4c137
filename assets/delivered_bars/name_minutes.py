"""Finds faults in the minutes of one stock, the totals and last close of which agree with the day.

This module finds closes that never move, that do not move for a part of the day, that move without a trade or are from later minutes,
minutes in an even spacing, prices that are not whole cents, and amounts that are impossible at the minute's prices. It does not judge
minutes that are absent for all stocks or compare totals with daily_prices (diagnosis.py), and it does not hold the rules of a single
row (rows.py).

On the closes of 2015 and on bars made from ticks, no rule sets a correct symbol-day aside.
"""

import math

import polars as pl

from assets.delivered_bars.diagnosis import clock_times
from assets.delivered_bars.reasons import (
    AMOUNT_OUTSIDE_PRICES,
    CLOSE_STOOD_STILL,
    DAILY_CLOSE_FILLED_IN,
    FILLED_BEFORE_FIRST_TRADE,
    MINUTES_APART,
    MOVES_WITHOUT_TRADE,
    NO_CLOSE_OR_VOLUME,
    PRICES_NOT_WHOLE_CENTS,
)
from resources import clock
from resources.bar_forms import CENT_NOISE
from resources.reasons import rows_with_reasons
from resources.reference_forms import LOT
from resources.rounding import Rounding
from resources.settings.bars import BarsSettings

_PRICES = ("open", "high", "low", "close")
_STEPS = (5, 3, 2)  # minutes; bars of 10, 15 or 30 minutes are 5 minutes apart too
_RELATIVE = 1e-6  # amounts may have been 32-bit floats
_FEWEST_OUTSIDE = 3
_BESIDE = 30  # minutes before and after a stretch without a move, from which its frequency of moves is estimated
_PARTS = {clock.OPENING_AUCTION: 4, clock.CLOSING_AUCTION: 4}  # delivered minutes that are summed in these bars


def judge_minutes(
    bars: pl.DataFrame, daily: pl.DataFrame, rounding: Rounding, settings: BarsSettings, adjusted: bool = False
) -> pl.DataFrame:
    """Return symbol and `odd`, the reason with the likeliest cause, of each stock that is set aside for its minutes.

    bars: dense rows of minute_bars. daily: symbol, daily_pre_close, daily_open, daily_high, daily_low and daily_close (yuan).
    rounding: of the bars. adjusted: whether adjusted prices were delivered and divided by their factor, so that they are not whole cents.
    """
    day = bars.filter(pl.col("minute") <= clock.CLOSING_AUCTION).sort("symbol", "minute")
    day = day.join(daily, on="symbol", how="left", maintain_order="left")
    day = _marked(day, rounding, settings)
    names = day.group_by("symbol", maintain_order=True).agg(
        closes=pl.col("close").drop_nulls().n_unique(),
        close=pl.col("close").last(),
        first=pl.col("minute").filter(pl.col("close").is_not_null()).first(),
        volumes=pl.col("_volumes").first(),
        trading=pl.col("_traded").sum(),
        moved=pl.col("_moved").sum(),
        moved_at=pl.col("minute").filter("_moved").first(),
        ahead=pl.col("_ahead").sum(),
        active=pl.col("_active").sum().cast(pl.Int64),
        step=pl.coalesce(
            pl.when((pl.col("minute").filter("_active") % step).n_unique() == 1).then(pl.lit(step)) for step in _STEPS
        ),
        broken=pl.col("_broken").sum(),
        broken_price=pl.col("_price").filter("_broken").first(),
        broken_at=pl.col("minute").filter("_broken").first(),
        priced=pl.col("_priced").sum(),
        outside=pl.col("_outside").sum(),
        outside_at=pl.col("minute").filter("_outside").first(),
        **{name: pl.col(name).first() for name in daily.columns if name != "symbol"},
    )
    names = names.join(_stretches(day, settings), on="symbol", how="left", maintain_order="left")
    return rows_with_reasons(names, _reasons(settings, adjusted)).select("symbol", odd="reason")


def _marked(day: pl.DataFrame, rounding: Rounding, settings: BarsSettings) -> pl.DataFrame:
    """Add to each row whether it is evidence of each fault."""
    minute, tolerance = pl.col("minute"), settings.price_tolerance + 1e-9
    volumes = pl.col("volume").count().over("symbol") > 0
    traded = pl.any_horizontal((pl.col(name) > 0).fill_null(False) for name in ("volume", "amount", "trades"))
    # In lots, a minute with 30 shares has a volume of 0, and its amount may be 0 too.
    lost = (pl.col("trades").count().over("symbol") == 0) & (
        (pl.col("amount").count().over("symbol") == 0) | pl.lit(rounding.amount > 1)
    )
    day = day.with_columns(_volumes=volumes, _traded=volumes & traded, _hidden=pl.lit(rounding.volume > 0) & lost)
    last = pl.when("_traded").then("close").forward_fill().over("symbol")
    first = pl.when("_traded").then("close").backward_fill().over("symbol")
    day = day.with_columns(_last=last, _first=first, _before=pl.col("close").shift().over("symbol"))
    empty = pl.col("_volumes") & ~pl.col("_traded") & ~pl.col("_hidden") & (minute != clock.OPENING_AUCTION)
    in_grid = minute.is_in(clock.GRID)
    moves = (pl.col("close") != pl.col("_before")).fill_null(False)
    counts = pl.when("_volumes").then("_traded").otherwise(True)
    cents = [pl.col(name) * 100 for name in _PRICES]
    off = [((one - one.round()).abs() > CENT_NOISE).fill_null(False) for one in cents]
    slack = (
        max(1.0, rounding.amount) * minute.replace_strict(_PARTS, default=1)
        + _RELATIVE * pl.col("amount")
        + (LOT * pl.col("high") if rounding.whole_lots else 0.0)
    )
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in ("high", "low", "amount"))
    priced = pl.col("_traded") & (pl.col("volume") > 0).fill_null(False) & known
    inside = pl.col("amount").is_between(
        pl.col("low") * pl.col("volume") - slack, pl.col("high") * pl.col("volume") + slack
    )
    return day.with_columns(
        _moved=(empty & (minute < clock.CLOSING_AUCTION) & ((pl.col("close") - pl.col("_last")).abs() > tolerance)).fill_null(False),
        _ahead=(
            empty
            & pl.col("_last").is_null()
            & ((pl.col("close") - pl.col("_first")).abs() <= tolerance)
            & ((pl.col("close") - pl.col("daily_pre_close")).abs() > tolerance)
        ).fill_null(False),
        _active=in_grid & pl.when("_volumes").then("_traded").otherwise(moves),
        _broken=counts & pl.any_horizontal(off),
        _price=pl.coalesce(pl.when(broken).then(name) for name, broken in zip(_PRICES, off, strict=True)),
        _priced=priced,
        _outside=priced & ~inside.fill_null(True),
    )  # fmt: skip


def _stretches(day: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """Return symbol, still_from and still_to (minutes) of the longest stretch without a move, of stocks without volumes.

    A stretch has at least `bars.least_still_minutes` minutes and a probability by chance below `bars.gap_chance`. With q the share of
    minutes without a move outside it or, if greater, in the half hour before or after it, L consecutive minutes have no move with
    probability q^L, at each of the 237 minutes at which they may begin. A stretch at the day's highest or lowest price is not judged,
    because the stock may be locked at its limit, nor one that lasts until the close, because the stock may be halted. Moves are
    clustered, so that short stretches are not faults: of 83 137 symbol-days of 2015 three have an improbable one, of 8, 11 and 21
    minutes, and none has one of half an hour.
    """
    grid = day.filter(pl.col("minute").is_in(clock.GRID), ~pl.col("_volumes")).with_columns(
        _at=pl.int_range(pl.len()).over("symbol"), _moves=pl.col("_active").cum_sum().over("symbol")
    )
    highest, lowest = (
        pl.coalesce(f"daily_{name}", getattr(pl.col("close"), end)().over("symbol")).first()
        for name, end in (("high", "max"), ("low", "min"))
    )
    runs = (
        grid.with_columns(_all=pl.col("_active").sum().over("symbol"))
        .filter(~pl.col("_active"))
        .group_by("symbol", "_moves", maintain_order=True)
        .agg(
            begin=pl.col("_at").first(),
            length=pl.len().cast(pl.Int64),
            still_from=pl.col("minute").first(),
            still_to=pl.col("minute").last(),
            price=pl.col("close").first(),
            highest=highest,
            lowest=lowest,
            moves=pl.col("_all").first(),
        )
    )
    tolerance, last = settings.price_tolerance + 1e-9, len(clock.GRID)
    locked = (pl.col("price") - pl.col("highest")).abs().le(tolerance) | (pl.col("price") - pl.col("lowest")).abs().le(
        tolerance
    )
    closed = day.group_by("symbol").agg(closed=pl.col("close").last())
    halted = (pl.col("begin") + pl.col("length") == last) & ((pl.col("price") - pl.col("closed")).abs() <= tolerance)
    runs = runs.join(closed, on="symbol", how="left", maintain_order="left")
    long = pl.col("length") >= settings.least_still_minutes
    runs = runs.filter(long, ~locked.fill_null(False), ~halted.fill_null(False))
    counted = grid.select("symbol", _at="_at", count="_moves")
    end = pl.col("begin") + pl.col("length")
    runs = (
        runs.with_columns(_before=pl.col("begin") - _BESIDE - 1, _after=(end + _BESIDE - 1).clip(upper_bound=last - 1))
        .join(counted.rename({"_at": "_before", "count": "first"}), on=["symbol", "_before"], how="left", maintain_order="left")
        .join(counted.rename({"_at": "_after", "count": "last"}), on=["symbol", "_after"], how="left", maintain_order="left")
    )  # fmt: skip

    def idle(moves: pl.Expr, minutes: pl.Expr) -> pl.Expr:
        return pl.when(minutes > 0).then((minutes - moves + 1) / (minutes + 2))

    share = pl.max_horizontal(
        idle(pl.col("moves"), last - pl.col("length")),
        idle(pl.col("_moves") - pl.col("first").fill_null(0), pl.col("begin").clip(upper_bound=_BESIDE)),
        idle(pl.col("last") - pl.col("_moves"), pl.col("_after") + 1 - end),
    )
    chance = math.log(last) + pl.col("length") * share.log()
    found = runs.filter(chance < (math.log(settings.gap_chance) if settings.gap_chance > 0 else -math.inf))
    longest = found.sort("length", descending=True, maintain_order=True).unique("symbol", maintain_order=True)
    return longest.select("symbol", "still_from", "still_to")


def _is_still(tolerance: float) -> pl.Expr:
    """Whether all closes of a stock are one price although the day's prices moved."""
    # Without a bar of the opening auction, all closes of a stock that reaches its limit in the first minute are the limit price.
    within = (pl.col("daily_low") < pl.col("close") - tolerance) & (pl.col("daily_high") > pl.col("close") + tolerance)
    return (
        (pl.col("closes") == 1)
        & ((pl.col("daily_open") - pl.col("daily_close")).abs() > tolerance)
        & ((pl.col("first") <= clock.OPENING_AUCTION) | within)
        & (~pl.col("volumes") | (pl.col("trading") > 1))
    )


def _reasons(settings: BarsSettings, adjusted: bool) -> list[tuple[pl.Expr, pl.Expr]]:
    """Return pairs of a condition and a reason, the likeliest cause first.

    The probability that n active minutes are all a multiple of k minutes apart by chance is k^(1 − n).
    """
    tolerance = settings.price_tolerance + 1e-9
    chance = (pl.col("step").log() * (1 - pl.col("active"))) < (
        math.log(settings.gap_chance) if settings.gap_chance > 0 else -math.inf
    )
    return [
        (
            (pl.col("closes") == 0) & ~pl.col("volumes") & pl.col("daily_close").is_not_null(),
            NO_CLOSE_OR_VOLUME.column(),
        ),
        (
            _is_still(tolerance),
            DAILY_CLOSE_FILLED_IN.column(close="close", daily_open="daily_open", daily_close="daily_close"),
        ),
        (
            pl.col("moved") > 0,
            MOVES_WITHOUT_TRADE.column(count="moved", time=clock_times("moved_at")),
        ),
        (
            pl.col("ahead") > 0,
            FILLED_BEFORE_FIRST_TRADE.column(count="ahead", pre_close="daily_pre_close"),
        ),
        (
            chance.fill_null(False),
            MINUTES_APART.column(minutes="active", step="step"),
        ),
        (
            (pl.col("broken") > 0) & pl.lit(not adjusted),
            PRICES_NOT_WHOLE_CENTS.column(
                count="broken", price=pl.col("broken_price").round(4), time=clock_times("broken_at")
            ),
        ),
        (
            (pl.col("outside") >= _FEWEST_OUTSIDE)
            & (pl.col("outside") > settings.max_outside_range_share * pl.col("priced")),
            AMOUNT_OUTSIDE_PRICES.column(count="outside", minutes="priced", time=clock_times("outside_at")),
        ),
        (
            pl.col("still_from").is_not_null(),
            CLOSE_STOOD_STILL.column(start=clock_times("still_from"), end=clock_times("still_to")),
        ),
    ]
