"""Finds columns of delivered bars that were filled with another column, counts that are not counts of trades, exchanged sides and spreads
in another unit.

This module compares the columns of a bar over many bars of the file. It does not find running totals, spread bars or units of flows
(columns.py), and it does not hold the rules of a single row (rows.py).

Each of these faults is possible in one bar, but not in most bars of a day. In the minutes of five real tapes whose range is at least
three cents, close equals open in at most 15 % and either equals high or low in 25 %. In 65 % to 77 % of the minutes of six real tapes in
which the close moves, its direction is that of active buys minus active sells. Files with few stocks are not judged.
"""

import polars as pl

from assets.delivered_bars.against_price import bound_of_share
from assets.delivered_bars.columns import of_most
from assets.delivered_bars.diagnosis import FileFinding
from assets.delivered_bars.reasons import (
    COPIED_COLUMN,
    SIDES_EXCHANGED,
    SIDES_OF_EXCHANGE_EXCHANGED,
    SPREAD_BELOW_TICK,
    SPREAD_IN_YUAN,
    SPREAD_TOO_LARGE,
    TRADES_ARE_CONSTANT,
    TRADES_ARE_LOTS,
    TRADES_ARE_SHARES,
)
from resources import clock
from resources.settings.bars import BarsSettings

_HALF_CENT, _MOVING = 0.005, 0.03  # yuan; in a bar with a smaller range, two prices are often equal by chance
_TICK = 0.01  # yuan
_WHOLE_LOTS = 200  # shares; smaller volumes are often one trade of one lot
_LARGEST_SPREAD = 0.02  # largest accepted fraction of the price, for the smallest spread of the day
_PAIRS = (("close", "open"), ("close", "high"), ("close", "low"), ("open", "high"), ("open", "low"))


def judge_figures(rows: pl.DataFrame, settings: BarsSettings) -> list[FileFinding]:
    """Find the faults of the columns of a day's file that follow from comparing them with each other.

    rows: symbol, minute and the columns that were delivered, as resources/bar_forms.read_bars reads them; prices and amounts in yuan,
    volumes in shares.
    """
    day = rows.filter(pl.col("symbol").is_not_null() & pl.col("minute").is_in(clock.GRID)).sort("symbol", "minute")
    if "volume" in day.columns:
        day = day.filter(pl.col("volume") > 0)
    return [*_copies(day, settings), *_trades(day, settings), *_sides(day, settings), *_spreads(day, settings)]


def _shown_by_most(day: pl.DataFrame, holds: pl.Expr, settings: BarsSettings) -> tuple[int, int] | None:
    """Return (stocks, judged stocks) if a condition is true in nearly all minutes of most stocks, else None. Null minutes are skipped."""
    names = day.group_by("symbol").agg(count=holds.count(), share=holds.mean())
    judged = names.filter(pl.col("count") >= settings.least_copied_minutes)
    odd = judged.filter(pl.col("share") > settings.max_copied_minutes).height
    enough = judged.height >= settings.least_copied_names
    return (odd, judged.height) if enough and of_most(odd, judged.height) else None


def _copies(day: pl.DataFrame, settings: BarsSettings) -> list[FileFinding]:
    """Find price columns that equal another column in nearly all minutes with a range of at least three cents.

    Minutes at the day's highest or lowest price are left out, because a stock that is locked at its limit closes there.
    """
    if not {"high", "low"} <= {*day.columns}:
        return []
    inside = ((pl.col("high") < pl.col("high").max()) & (pl.col("low") > pl.col("low").min())).over("symbol")
    moving = day.filter(pl.col("high") - pl.col("low") > _MOVING - _HALF_CENT, inside)
    found = []
    for one, other in _PAIRS:
        if one in moving.columns and other in moving.columns:
            shown = _shown_by_most(moving, (pl.col(one) - pl.col(other)).abs() < _HALF_CENT, settings)
            if shown:
                reason = COPIED_COLUMN(column=one, other=other, count=shown[0], stocks=shown[1])
                found.append(FileFinding(reason, True))
    return found


def _trades(day: pl.DataFrame, settings: BarsSettings) -> list[FileFinding]:
    """Find counts of trades that are one number in every minute, or the volume in shares or lots."""
    if not {"trades", "volume"} <= {*day.columns}:
        return []
    known = day.filter(pl.col("trades") > 0)
    usual = pl.col("trades").mode().first().over("symbol")
    several = known.filter(pl.col("volume") >= _WHOLE_LOTS)
    for rows, holds, code in (
        (known, pl.col("trades") == usual, TRADES_ARE_CONSTANT),
        (several, pl.col("trades") == pl.col("volume"), TRADES_ARE_SHARES),
        (several, pl.col("trades") * 100 == pl.col("volume"), TRADES_ARE_LOTS),
    ):
        if shown := _shown_by_most(rows.with_columns(_holds=holds), pl.col("_holds"), settings):
            return [FileFinding(code(count=shown[0], stocks=shown[1]), True)]
    return []


def _sides(day: pl.DataFrame, settings: BarsSettings) -> list[FileFinding]:
    """Find exchanged buys and sells: closes fall where more was bought. All stocks of the file, and of each exchange, are judged
    together."""
    if not {"buy_amount", "sell_amount"} <= {*day.columns}:
        return []
    move = pl.col("close").diff().over("symbol")
    moved = day.select(
        "symbol",
        move=pl.when(move.abs() > _HALF_CENT).then(move.sign()),
        flow=(pl.col("buy_amount") - pl.col("sell_amount")).sign(),
    ).filter(pl.col("move").is_not_null(), pl.col("flow") != 0)
    exchanged = bound_of_share(settings, -1) > settings.max_against_flow_share
    for whose in ("", "SH", "SZ"):
        own = moved.filter(pl.col("symbol").str.ends_with(whose))
        counts = own.select(price_changes=pl.len(), against_price=(pl.col("move") != pl.col("flow")).sum())
        if counts.filter(exchanged).height:
            facts = dict(zip(("changes", "against"), counts.row(0), strict=True))
            reason = SIDES_OF_EXCHANGE_EXCHANGED(exchange=whose, **facts) if whose else SIDES_EXCHANGED(**facts)
            return [FileFinding(reason, True)]
    return []


def _spreads(day: pl.DataFrame, settings: BarsSettings) -> list[FileFinding]:
    """Find spreads that are not fractions of the price, of which the smallest is one tick, 0.01 / price."""
    if "spread" not in day.columns:
        return []
    names = (
        day.filter(pl.col("spread") > 0)
        .group_by("symbol")
        .agg(least=pl.col("spread").min(), price=pl.col("close").median())
    )
    if names.height < settings.least_copied_names:
        return []
    yuan = names.filter((pl.col("least") - _TICK).abs() < _TICK / 1e4, (pl.col("price") - 1).abs() > 0.01).height
    least, ticks = names.select(
        pl.col("least").median(), ticks=(pl.col("least") * pl.col("price") / _TICK).median()
    ).row(0)
    if of_most(yuan, names.height):
        return [FileFinding(SPREAD_IN_YUAN(count=yuan, stocks=names.height), True)]
    if least > _LARGEST_SPREAD:
        return [FileFinding(SPREAD_TOO_LARGE(spread=least, stocks=names.height), True)]
    if ticks < 0.5:  # half of a cent; no spread is less than a cent
        return [FileFinding(SPREAD_BELOW_TICK(cents=ticks, stocks=names.height), True)]
    return []
