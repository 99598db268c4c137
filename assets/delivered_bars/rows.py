"""Checks one-minute bars that were delivered instead of ticks (SPEC §2.1) and completes them to the dense rows of minute_bars.

This module rejects impossible rows, fills absent minutes and gives the reasons of columns that were not delivered. It does not make
bars from ticks.

If volumes are delivered, a minute without a row had no trade; without volumes, only its carried close is known. A row that breaks
a rule sets its whole symbol-day aside, because the other rows of the day are then not reliable either.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assets.delivered_bars.reasons import (
    BAR_AT_BOTH_LIMITS,
    BAR_IMBALANCE_BEYOND,
    BAR_PRICE_MISSING,
    BAR_PRICE_NOT_POSITIVE,
    BAR_REPEATED,
    BAR_VALUE_ABOVE,
    BAR_VALUE_BELOW,
    BAR_VALUE_NEGATIVE,
    BAR_VALUE_WITHOUT,
    COLUMN_NOT_FILLED,
    COLUMNS_GIVEN,
    NO_AFTER_HOURS,
    NO_SUCH_BAR,
    SIDES_ABOVE_AMOUNT,
    TRADES_ABOVE_VOLUME,
    TRADES_WITHOUT_VOLUME,
    VOLUME_WITHOUT_TRADES,
)
from assets.delivered_bars.schemas import KEY, MINUTE_BARS, VALUES
from resources import clock
from resources.bar_forms import UNREADABLE
from resources.errors import InputError
from resources.reasons import Code, Reason, rows_with_reasons
from resources.rounding import Rounding
from resources.rulebook import Rulebook

_PRICES = ("open", "high", "low", "close")
_PARTS = ("buy_amount", "sell_amount", "large_buy_amount", "large_sell_amount")
_COUNTED = ("volume", "amount", "trades", *_PARTS)
_PRICE_SLACK = 5e-5  # half of 1/10 000 yuan
_YUAN_SLACK, _RELATIVE_SLACK = 1.0, 1e-6  # amounts may be rounded to a yuan, or have been 32-bit floats
# Units in yuan to which amounts may be rounded; the two sides are then rounded independently.
_ROUNDED = (10_000.0, 1_000.0, 100.0, 10.0)
_DELIVERED_PARTS = {
    clock.OPENING_AUCTION: 4,
    clock.CLOSING_AUCTION: 4,
    clock.AFTER_HOURS: 31,
}  # number of delivered rows that are summed in these bars
_MEAN_SLACK = 1e-6  # a mean over quotes may be rounded


@dataclass(frozen=True)
class Delivered:
    """The completed bars of a day.

    frame: dense rows, schema MINUTE_BARS. rejected: symbol, minute and reason (`Reason.dumps`) of rows that break a rule. unavailable:
    column → reason. others: number of rows of securities that are not A-shares. padding: number of rows without a trade in a minute that
    is not a bar.
    """

    frame: pl.DataFrame
    rejected: pl.DataFrame
    unavailable: dict[str, Reason]
    others: int
    padding: int


def delivered_bars(
    bars: pl.DataFrame,
    date: dt.date,
    name: str,
    pre_close: Mapping[str, float],
    rules: Rulebook,
    rounding: Rounding | None = None,
) -> Delivered:
    """Check and complete the bars of one day.

    bars: as read by resources/bar_forms.read_bars. name: the file, for messages. pre_close: symbol → yuan, where known. rules:
    boards and trading hours of the day. rounding: of the figures of the bars; a volume that is rounded to lots may be 0 in a minute
    that traded.

    A row of minute 905 without volume is dropped (SPEC §1), as is a row without a trade in a minute that is not a bar, such as 690. A
    column that is 0 in every row although stocks traded was not filled in, and counts as not delivered.

    Raises:
        InputError: if no row is of a stock of Shanghai or Shenzhen.
    """
    names = bars.select(pl.col("symbol").unique().sort()).with_columns(board=rules.board(), share=rules.is_a_share())
    named = bars.join(names, on="symbol", how="left", maintain_order="left", nulls_equal=True)
    others = named.filter(~pl.col("share"))
    rows = named.filter(pl.col("share")).drop("share")
    if rows.is_empty() and others.height:
        raise InputError(
            f"{name}: none of the {others.height} rows is of a stock of Shanghai or Shenzhen; the first symbol is "
            f"{others['symbol'][0]!r}. Write symbols as 600519.SH (docs/deliveries.md names the other forms that are read)."
        )
    unfilled = _unfilled(rows)
    rows = rows.drop(unfilled)
    missing = [column for column in VALUES if column not in rows.columns]
    given = [column for column in VALUES if column in rows.columns]
    late_boards = rules.after_hours_boards()
    height = rows.height
    rows = rows.filter(~_padding(rows.columns))
    padding = height - rows.height
    rows = rows.filter(~_no_trade_after_hours(given, late_boards))
    in_lots = rounding is not None and rounding.volume > 0
    rejected = _rejected(rows, date, late_boards, in_lots)
    rows = rows.join(rejected.select("symbol").unique(), on="symbol", how="anti").drop("board")
    dense = _dense(names.filter("share").select("symbol"), rows, pre_close)
    dense = _fill_empty(dense, given, in_lots)
    dense = dense.with_columns(
        *(pl.lit(None, MINUTE_BARS[column]).alias(column) for column in missing), date=pl.lit(date)
    )
    unavailable = dict.fromkeys(missing, COLUMNS_GIVEN(file=name, columns=list(given))) | {
        column: COLUMN_NOT_FILLED(file=name, column=column) for column in unfilled
    }
    return Delivered(dense.select(*MINUTE_BARS), rejected, unavailable, others.height, padding)


def _dense(symbols: pl.DataFrame, rows: pl.DataFrame, pre_close: Mapping[str, float]) -> pl.DataFrame:
    """Return a row for each symbol and bar of the day, `absent` if it was not delivered. The close is carried from pre_close on."""
    grid = symbols.join(pl.DataFrame({"minute": pl.Series(clock.DAY_BARS, dtype=pl.Int32)}), how="cross")
    late = rows.filter(pl.col("minute") == clock.AFTER_HOURS).select("symbol", "minute")
    delivered = rows.with_columns(absent=False)
    dense = pl.concat([grid, late]).join(delivered, on=["symbol", "minute"], how="left").sort("symbol", "minute")
    dense = dense.with_columns(pl.col("absent").fill_null(True))
    first = pl.DataFrame(
        {"symbol": list(pre_close), "pre_close": list(pre_close.values())},
        schema={"symbol": pl.String, "pre_close": pl.Float64},
    )
    return dense.join(first, on="symbol", how="left", maintain_order="left").with_columns(
        close=pl.coalesce(pl.col("close").forward_fill().over("symbol"), "pre_close")
    )


def _fill_empty(dense: pl.DataFrame, given: Sequence[str], in_lots: bool) -> pl.DataFrame:
    """Fill the minutes without a trade: prices are the close, counts and flows are 0, and the limit flags are carried."""
    if "volume" in given:
        silent = (
            pl.col("absent") | pl.col("volume").is_null()
        )  # a row without a volume has no amount either (_rejected)
        empty = (silent & _known("volume")) | (pl.col("volume") == 0).fill_null(False)
        if in_lots:
            traded = [pl.col(column).fill_null(0) > 0 for column in ("amount", "trades") if column in given]
            empty = empty & ~pl.any_horizontal(pl.lit(False), *traded)
        dense = dense.with_columns(
            *(
                pl.when(empty).then("close").otherwise(column).alias(column)
                for column in _PRICES[:3]
                if column in given
            ),
            *(
                pl.when(empty & _known(column)).then(0).otherwise(column).alias(column)
                for column in _COUNTED
                if column in given
            ),
        )
    for flag in ("at_limit_up", "at_limit_down"):
        if flag in given:  # an absent minute has the close of the previous one, at the limit or not
            before_any = pl.when(_known(flag)).then(pl.lit(False))  # pre_close is not a limit price
            carried = pl.coalesce(pl.col(flag).forward_fill().over("symbol"), before_any)
            dense = dense.with_columns(pl.when("absent").then(carried).otherwise(flag).alias(flag))
    if "net_bid_change" in given:
        dense = dense.with_columns(pl.when(_known("net_bid_change")).then(pl.col("net_bid_change").fill_null(0.0)))
    return dense


def _unfilled(rows: pl.DataFrame) -> list[str]:
    """Return the columns of counts and flows that are 0 in every row although stocks traded; some vendors write 0 for unknown values."""
    volume = rows["volume"] if "volume" in rows.columns else None
    if volume is None or not (volume > 0).any():
        return []
    return [
        column
        for column in ("trades", *_PARTS)
        if column in rows.columns and rows[column].count() and not (rows[column].drop_nulls() != 0).any()
    ]


def _padding(columns: Sequence[str]) -> pl.Expr:
    """Return whether a row is of a minute that is not a bar and has no trade: its volume is 0 or, if unknown, its close did not change."""
    before = pl.col("close").forward_fill().shift().over("symbol", order_by="minute")
    same = (pl.col("close") == before).fill_null(False) | pl.col("close").is_null()
    idle = (
        pl.when(pl.col("volume").is_null()).then(same).otherwise(pl.col("volume") == 0) if "volume" in columns else same
    )
    nothing = [pl.col(column).fill_null(0) == 0 for column in ("amount", "trades") if column in columns]
    minute = pl.col("minute")
    off_grid = (minute.is_between(0, 1439) & ~minute.is_in((*clock.DAY_BARS, clock.AFTER_HOURS))).fill_null(False)
    return pl.all_horizontal(off_grid, pl.col(UNREADABLE).is_null(), idle, *nothing)


def _known(column: str) -> pl.Expr:
    """Return whether the symbol has a value of the column in any minute; if not, empty minutes are not filled with 0."""
    return pl.col(column).count().over("symbol") > 0


def _no_trade_after_hours(given: Sequence[str], boards: Sequence[str]) -> pl.Expr:
    """Return whether a row is an after-hours bar without a trade, which some vendors write to fill their grids."""
    idle = pl.col("volume").fill_null(0) == 0 if "volume" in given else ~pl.col("board").is_in(list(boards))
    return (pl.col("minute") == clock.AFTER_HOURS).fill_null(False) & idle


_BarRules = list[tuple[pl.Expr, pl.Expr]]
"""Pairs of a condition that a row must meet and the reason of a row that does not."""


def _rejected(rows: pl.DataFrame, date: dt.date, late_boards: Sequence[str], in_lots: bool) -> pl.DataFrame:
    """symbol, minute, reason of every row that breaks a rule. late_boards: boards that trade after hours on `date`. in_lots: whether
    volumes are rounded to lots."""
    rules = [
        *_row_rules(date, late_boards),
        *_presence_rules(rows.columns),
        *_sign_rules(rows.columns),
        *_range_rules(rows.columns),
        *_part_rules(rows.columns),
        *_count_rules(rows.columns, in_lots),
        *_flow_rules(rows),
        *_mean_rules(rows.columns),
        *_flag_rules(rows.columns),
    ]
    broken = rows_with_reasons(rows, [(~holds, reason) for holds, reason in rules])
    # A reason may name the first of a name's rows, so that their order decides.
    keys = (name for name in KEY if name in rows.columns)
    return broken.select(*keys, "reason").sort(pl.all(), nulls_last=True)


def _row_rules(date: dt.date, late_boards: Sequence[str]) -> _BarRules:
    """A row can be read, its minute is a bar of its board, and no other row has this minute."""
    minutes = (*clock.DAY_BARS, clock.AFTER_HOURS)
    return [
        (pl.col(UNREADABLE).is_null(), pl.col(UNREADABLE)),
        (
            pl.col("minute").is_in(minutes).fill_null(False),
            NO_SUCH_BAR.column(minute="minute"),
        ),
        (~pl.struct("symbol", "minute").is_duplicated(), BAR_REPEATED.column()),
        (
            (pl.col("minute") != clock.AFTER_HOURS).fill_null(True) | pl.col("board").is_in(list(late_boards)),
            NO_AFTER_HOURS.column(board="board", date=pl.lit(str(date))),
        ),
    ]


def _presence_rules(columns: Sequence[str]) -> _BarRules:
    """A minute that traded has a close, a volume, and the prices that the stock's other minutes have."""
    if "volume" not in columns:
        return []
    idle = pl.col("volume").fill_null(0) == 0

    def without(column: str, lacking: str) -> pl.Expr:
        return BAR_VALUE_WITHOUT.column(column=pl.lit(column), value=column, lacking=pl.lit(lacking))

    rules = [(pl.col("close").is_not_null() | idle, without("volume", "close"))]
    if "amount" in columns:
        rules.append(
            (
                pl.col("volume").is_not_null() | (pl.col("amount").fill_null(0) == 0) | ~_known("volume"),
                without("amount", "volume"),
            )
        )
    return rules + [
        (
            pl.col(column).is_not_null() | idle | ~_known(column),
            BAR_PRICE_MISSING.column(volume="volume", column=pl.lit(column)),
        )
        for column in _PRICES[:3]
        if column in columns
    ]


def _sign_rules(columns: Sequence[str]) -> _BarRules:
    """Prices are above 0, and counts and amounts are not negative."""
    return [
        ((pl.col(column) > 0).fill_null(True), BAR_PRICE_NOT_POSITIVE.column(column=pl.lit(column), value=column))
        for column in _PRICES
        if column in columns
    ] + [
        ((pl.col(column) >= 0).fill_null(True), BAR_VALUE_NEGATIVE.column(column=pl.lit(column), value=column))
        for column in _COUNTED
        if column in columns
    ]


def _beyond(code: Code, column: str, other: str) -> pl.Expr:
    """Return the reason of rows in which a column is above or below another one. code: BAR_VALUE_ABOVE or BAR_VALUE_BELOW."""
    return code.column(column=pl.lit(column), value=column, other=pl.lit(other), bound=other)


def _range_rules(columns: Sequence[str]) -> _BarRules:
    """No price of a row is above its high or below its low."""
    return [
        (
            (pl.col("high") >= pl.col(column) - _PRICE_SLACK).fill_null(True),
            _beyond(BAR_VALUE_BELOW, "high", column),
        )
        for column in ("open", "close", "low")
        if {"high", column} <= {*columns}
    ] + [
        (
            (pl.col("low") <= pl.col(column) + _PRICE_SLACK).fill_null(True),
            _beyond(BAR_VALUE_ABOVE, "low", column),
        )
        for column in ("open", "close")
        if {"low", column} <= {*columns}
    ]


def _part_rules(columns: Sequence[str]) -> _BarRules:
    """No part of the amount is above it."""
    return [
        (
            (pl.col(part) <= pl.col("amount") * (1 + _RELATIVE_SLACK) + _YUAN_SLACK).fill_null(True),
            _beyond(BAR_VALUE_ABOVE, part, "amount"),
        )
        for part in _PARTS
        if {part, "amount"} <= {*columns}
    ]


def _mean_rules(columns: Sequence[str]) -> _BarRules:
    """A spread is not negative, and an imbalance is between −1 and 1."""
    bounds = (
        ("spread", 0.0, math.inf, BAR_VALUE_NEGATIVE),
        ("imbalance", -1 - _MEAN_SLACK, 1 + _MEAN_SLACK, BAR_IMBALANCE_BEYOND),
        ("imbalance_5", -1 - _MEAN_SLACK, 1 + _MEAN_SLACK, BAR_IMBALANCE_BEYOND),
    )
    return [
        (
            pl.col(column).is_between(lowest, highest).fill_null(True),
            code.column(column=pl.lit(column), value=column),
        )
        for column, lowest, highest, code in bounds
        if column in columns
    ]


def _flag_rules(columns: Sequence[str]) -> _BarRules:
    """No minute closes at both limits."""
    if not {"at_limit_up", "at_limit_down"} <= {*columns}:
        return []
    return [
        (
            ~(pl.col("at_limit_up") & pl.col("at_limit_down")).fill_null(False),
            BAR_AT_BOTH_LIMITS.column(),
        )
    ]


def _count_rules(columns: Sequence[str], in_lots: bool) -> _BarRules:
    """A trade has at least one share, so that 1 ≤ trades ≤ volume in a minute with volume, and trades = 0 in one without."""
    if not {"trades", "volume"} <= {*columns}:
        return []
    traded = (pl.col("volume") > 0).fill_null(False)
    return [
        (
            traded | (pl.col("trades").fill_null(0) == 0) | ~_known("volume") | pl.lit(in_lots),
            TRADES_WITHOUT_VOLUME.column(trades="trades"),
        ),
        (
            ~traded | (pl.col("trades") >= 1).fill_null(True),
            VOLUME_WITHOUT_TRADES.column(volume="volume"),
        ),
        (
            ~traded | (pl.col("trades") <= pl.col("volume")).fill_null(True),
            TRADES_ABOVE_VOLUME.column(trades="trades", volume="volume"),
        ),
    ]


def _flow_rules(rows: pl.DataFrame) -> _BarRules:
    """The sum of both sides is at most the amount. Large orders may exceed their side, because they include passive fills."""
    rules = []
    if {"buy_amount", "sell_amount", "amount"} <= {*rows.columns}:
        # Three figures, each wrong by up to half a unit of rounding, in every row that is summed in the bar.
        slack = 1.5 * _rounding(rows) * pl.col("minute").replace_strict(_DELIVERED_PARTS, default=1)
        both = pl.col("buy_amount") + pl.col("sell_amount")
        rules.append(
            (
                (both <= pl.col("amount") * (1 + _RELATIVE_SLACK) + slack).fill_null(True),
                SIDES_ABOVE_AMOUNT.column(sides=both, amount="amount"),
            )
        )
    return rules


def _rounding(rows: pl.DataFrame) -> float:
    """Return the largest unit in yuan of which both sides of every row are multiples, at least 1."""
    sides = pl.concat([rows["buy_amount"], rows["sell_amount"].alias("buy_amount")]).drop_nulls()
    for step in _ROUNDED:
        if ((sides / step).round() * step - sides).abs().max() in (None, 0.0):
            return step
    return _YUAN_SLACK
