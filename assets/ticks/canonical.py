"""Turns typed vendor rows into canonical trades, orders and quotes (SPEC §2.2), and checks the rules of each row (SPEC §2.3).

This module defines the meaning of columns, the rules, keys, order and duplicates. Bytes and text are handled in
vendor_files.py, the files of a day in day_of_files.py.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from assets.ticks.layouts import BUY, CANCELLED, LEVELS, LIMIT, ORDER_KINDS, SELL, STATUS, Field, Layout
from assets.ticks.plain_csv import LINE
from assets.ticks.reasons import (
    ABOVE_A_TRILLION,
    AFTER_CLOSE,
    CANCEL_WITHOUT_ONE_ORDER,
    EMPTY_OR_UNKNOWN,
    FILL_BEFORE_AUCTION,
    FILL_NOT_IN_CENTS,
    FILL_WITHOUT_PRICE,
    FILL_WITHOUT_TWO_ORDERS,
    FILL_WITHOUT_VOLUME,
    IS_NEGATIVE,
    LARGE_CHANNEL,
    LIMIT_WITHOUT_PRICE,
    MONEY_DIFFERS,
    NEGATIVE_QUOTE,
    NO_ORDER_OF_ITS_SIDE,
    NOT_THE_FOLDERS_DATE,
    OUTSIDE_HOURS,
    WITH_VALUES,
)
from resources import clock
from resources.reasons import Nested, Reason, rows_with_reasons
from resources.rulebook import Rulebook

if TYPE_CHECKING:  # the declarations of tables read SCHEMAS, and must not load the compiled parser
    from assets.ticks.vendor_files import ParsedBlock

CONTINUOUS_FROM = clock.MORNING * clock.MINUTE_MS
CONTINUOUS_TO = clock.CLOSING_AUCTION * clock.MINUTE_MS
AUCTION_TO = clock.CLOSING_END * clock.MINUTE_MS
CENT = 100
"""The price tick of every A-share, in 1/10 000 yuan."""
MONEY_TOLERANCE = 50
"""Largest difference between a fill's money and price × volume, in 1/10 000 yuan: half a cent, since vendors round to cents.
On the real tapes of two vendors both are equal to the cent on every fill."""
LARGEST_FILL = 10_000_000_000_000_000
"""A trillion yuan in 1/10 000 yuan: no fill is worth more, and sums of smaller amounts fit in 64 bits."""
KIND = pl.Enum(ORDER_KINDS)
_LEVEL_COLUMNS = [
    f"{side}_{what}_{i}" for side in ("bid", "ask") for i in range(1, LEVELS + 1) for what in ("price", "volume")
]

Schema = Mapping[str, type[pl.DataType] | pl.DataType]
_RowRule = tuple[pl.Expr, Reason]
"""A condition, and the reason for setting a row aside where it is false. Null counts as true."""
TRADES: Schema = {
    "date": pl.Date,
    "symbol": pl.String,
    "channel": pl.Int32,
    "seq": pl.Int64,
    "time": pl.Int32,
    "price": pl.Int64,
    "volume": pl.Int64,
    "bid_order": pl.Int64,
    "ask_order": pl.Int64,
    "side": pl.Int8,
    "event": pl.Int64,
}
ORDERS: Schema = {
    "date": pl.Date,
    "symbol": pl.String,
    "channel": pl.Int32,
    "seq": pl.Int64,
    "time": pl.Int32,
    "order": pl.Int64,
    "side": pl.Int8,
    "price": pl.Int64,
    "quantity": pl.Int64,
    "kind": KIND,
    "event": pl.Int64,
}
QUOTES: Schema = {
    "date": pl.Date,
    "symbol": pl.String,
    "time": pl.Int32,
    "trades": pl.Int64,
    "volume": pl.Int64,
    "amount": pl.Int64,
    "last": pl.Int64,
    "pre_close": pl.Int64,
    "limit_up": pl.Int64,
    "limit_down": pl.Int64,
    **dict.fromkeys(_LEVEL_COLUMNS, pl.Int64),
}
SCHEMAS: Mapping[str, Schema] = {"trades": TRADES, "orders": ORDERS, "quotes": QUOTES}
KEYS = {"trades": ("channel", "seq"), "orders": ("channel", "seq"), "quotes": ("time",)}


@dataclass
class Rows:
    """The result of one block.

    frame: canonical columns, with `code` (the number in the symbol) instead of date and symbol. rejected: schema
    REJECTED. others, other_rows: the securities that are not A-shares, and the number of their rows. status_rows: the number of
    rows of A-shares that announce a phase of trading and belong to no table.
    """

    frame: pl.DataFrame
    rejected: pl.DataFrame
    others: set[int] = field(default_factory=set)
    other_rows: int = 0
    status_rows: int = 0


def canonical_rows(block: "ParsedBlock", layout: Layout, rules: Rulebook) -> Rows:
    """Return the block's rows of `layout.table`, each checked. rules: the boards and trading hours on the day of the rows."""
    fields, frame = layout.fields, block.frame
    share = _within(rules.codes(layout.exchange))
    frame, others = _split(frame, share)
    status_rows = 0
    if layout.keep is not None:
        name, kept = layout.keep
        value = frame[name]
        status_rows = int((value == STATUS).sum())
        frame = frame.filter(value.is_in(kept) | value.is_null())
    fixed = {name: pl.lit(value, pl.Int64) for name, value in layout.fixed.items()}
    placed = [name for name in ("seq",) if name in frame.columns and name not in fields]  # a vendor without numbers
    judged = frame.select(LINE, *fields, *placed, **fixed)
    reject: list[pl.DataFrame] = []
    checks = [*_presence(fields), *_RULES[layout.table](judged, layout, rules)]
    judged, bad = _split(judged, pl.all_horizontal(holds.fill_null(True) for holds, _ in checks))
    if bad.height:
        bad = rows_with_reasons(bad, [(~holds, pl.lit(rule.dumps())) for holds, rule in checks])
        reject.append(_with_values(bad, block.texts(bad[LINE]), fields))
    finished = _FINISH[layout.table](judged, layout, rules)
    rejected = pl.concat([block.rejected, *reject]).sort(LINE) if reject else block.rejected
    return Rows(finished, rejected, set(others["code"].unique()), others.height, status_rows)


def _split(frame: pl.DataFrame, holds: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (rows for which `holds` is true, the others), without a copy in the usual case that it is true for all."""
    mask = frame.select(holds).to_series()
    return (frame, frame.clear()) if mask.all() else (frame.filter(mask), frame.filter(~mask))


def _presence(fields: Mapping[str, Field]) -> list[_RowRule]:
    """Return the rules that required fields are present and that coded fields have a value that the layout knows."""
    return [
        (pl.col(name).is_not_null(), EMPTY_OR_UNKNOWN(column=item.column))
        for name, item in fields.items()
        if not item.blank and name != "code"
    ]


def _with_values(bad: pl.DataFrame, raw: pl.DataFrame, fields: Mapping[str, Field]) -> pl.DataFrame:
    """Return the columns line, rule, reason; the reason is the rule followed by the row's values."""
    content = pl.concat_str(
        [
            pl.format("{}={}", pl.lit(item.column), pl.col(name).fill_null(""))
            for name, item in fields.items()
            if name in raw.columns
        ][:12],
        separator=", ",
    )
    return (
        bad.select(LINE, rule="reason")
        .join(raw.select(LINE, content=content), on=LINE, how="left", maintain_order="left")
        .select(LINE, "rule", reason=WITH_VALUES.column(cause=Nested("rule"), values="content"))
    )


# --- the rules of each table ----------------------------------------------------------------------------------------------


def _common_rules(frame: pl.DataFrame, date: dt.date) -> list[_RowRule]:
    fault = NOT_THE_FOLDERS_DATE(folder=f"{date:%Y%m%d}")
    dates = ("date", "stamp_date")
    rules = [(pl.col(name) == int(f"{date:%Y%m%d}"), fault) for name in dates if name in frame.columns]
    numbers = ("channel", "seq", "bid_order", "ask_order", "order", "event")
    if "channel" in frame.columns:
        rules.append((pl.col("channel") < 2**31, LARGE_CHANNEL()))
    return [*rules, *((pl.col(name) >= 0, IS_NEGATIVE(column=name)) for name in numbers if name in frame.columns)]


def _stamped() -> _RowRule:
    first, last = clock.FIRST_STAMP * clock.MINUTE_MS, clock.LAST_STAMP * clock.MINUTE_MS
    return pl.col("time").is_between(first, last, closed="left"), OUTSIDE_HOURS()


def _matched() -> _RowRule:
    return pl.col("time") >= clock.OPENING_AUCTION * clock.MINUTE_MS, FILL_BEFORE_AUCTION()


def _within(ranges: Sequence[tuple[int, int]]) -> pl.Expr:
    """Return whether a row's code is in one of the inclusive ranges."""
    return pl.any_horizontal(pl.lit(False), *(pl.col("code").is_between(*numbers) for numbers in ranges))


def _may_trade(layout: Layout, rules: Rulebook) -> _RowRule:
    """Return the rule that a row is stamped before the close, or is of a board that trades after hours (SPEC §1)."""
    late = _within(rules.codes(layout.exchange, rules.after_hours_boards()))
    return (pl.col("time") < AUCTION_TO) | late, AFTER_CLOSE(date=rules.date)


def _trade_rules(frame: pl.DataFrame, layout: Layout, rulebook: Rulebook) -> list[_RowRule]:
    two_orders = (pl.col("bid_order") > 0) & (pl.col("ask_order") > 0) & (pl.col("bid_order") != pl.col("ask_order"))
    worth = pl.col("price").cast(pl.Float64) * pl.col("volume").cast(pl.Float64)
    rules = [
        *_common_rules(frame, rulebook.date),
        _stamped(),
        _matched(),
        _may_trade(layout, rulebook),
        (pl.col("price") > 0, FILL_WITHOUT_PRICE()),
        (pl.col("price") % CENT == 0, FILL_NOT_IN_CENTS()),
        (pl.col("volume") > 0, FILL_WITHOUT_VOLUME()),
        (two_orders, FILL_WITHOUT_TWO_ORDERS()),
        (worth <= LARGEST_FILL, ABOVE_A_TRILLION()),
    ]
    if "money" in frame.columns:
        agrees = (pl.col("money") == 0) | ((pl.col("money").cast(pl.Float64) - worth).abs() <= MONEY_TOLERANCE)
        rules.append((agrees, MONEY_DIFFERS()))
    return rules


def _order_rules(frame: pl.DataFrame, layout: Layout, rulebook: Rulebook) -> list[_RowRule]:
    rules = [
        *_common_rules(frame, rulebook.date),
        _stamped(),
        (pl.col("quantity") >= 0, IS_NEGATIVE(column="quantity")),
    ]
    if "kind" in frame.columns:
        rules.append(((pl.col("price") >= 0) | (pl.col("kind") == CANCELLED), IS_NEGATIVE(column="price")))
        priced = (pl.col("kind") != LIMIT) | (pl.col("price").fill_null(0) > 0)
        rules.append((priced, LIMIT_WITHOUT_PRICE()))
    if "order" not in frame.columns:
        if "side" in frame.columns:
            rules.append((_own_order() > 0, NO_ORDER_OF_ITS_SIDE()))
        else:
            bids, asks = (pl.col(name).fill_null(0) > 0 for name in ("bid_order", "ask_order"))
            rules.append((bids != asks, CANCEL_WITHOUT_ONE_ORDER()))
    return rules


def _quote_rules(frame: pl.DataFrame, layout: Layout, rulebook: Rulebook) -> list[_RowRule]:
    present = [name for name in frame.columns if name not in (LINE, "code", "time", "date", "stamp_date")]
    return [
        *_common_rules(frame, rulebook.date),
        (pl.min_horizontal(present).fill_null(0) >= 0, NEGATIVE_QUOTE()),
    ]


_RULES = {"trades": _trade_rules, "orders": _order_rules, "quotes": _quote_rules}


# --- from checked values to canonical columns -----------------------------------------------------------------------------


def _finish_trades(frame: pl.DataFrame, layout: Layout, rules: Rulebook) -> pl.DataFrame:
    by_number = (pl.col("bid_order") - pl.col("ask_order")).sign().cast(pl.Int8)
    auction = pl.col("time") < CONTINUOUS_FROM
    if rules.has_closing_auction(layout.exchange):
        auction |= pl.col("time").is_between(CONTINUOUS_TO, AUCTION_TO, closed="left")
    side = pl.col("flag") if "flag" in layout.fields else pl.when(auction).then(pl.lit(0, pl.Int8)).otherwise(by_number)
    continuous = pl.col("time").is_between(CONTINUOUS_FROM, CONTINUOUS_TO, closed="left")
    disagrees = (side != by_number) & ((side != 0) | continuous)  # only auction prints have no aggressor
    frame = frame.with_columns(_event(frame, layout), side=side)
    return frame.select(*_typed(TRADES), disagrees=disagrees)


def _finish_orders(frame: pl.DataFrame, layout: Layout, rules: Rulebook) -> pl.DataFrame:
    if "kind" not in layout.fields:
        frame = frame.with_columns(kind=pl.lit(CANCELLED))
    if (
        "side" not in layout.fields
    ):  # a cancel in a trade file: the order number that is not 0 identifies the order and its side
        frame = frame.with_columns(side=pl.when(pl.col("bid_order") > 0).then(BUY).otherwise(SELL))
    if "order" not in layout.fields:
        frame = frame.with_columns(order=_own_order())
    frame = frame.with_columns(
        _event(frame, layout), pl.col("price").fill_null(0).clip(0), kind=pl.col("kind").cast(pl.UInt8).cat.to(KIND)
    )
    return frame.select(*_typed(ORDERS))


def _own_order() -> pl.Expr:
    """Return the order number of the row's own side, for layouts with one column per side."""
    return pl.when(pl.col("side") == BUY).then("bid_order").otherwise("ask_order")


def _event(frame: pl.DataFrame, layout: Layout) -> pl.Expr:
    """Return the joint numbering of a channel's orders and trades; null where the vendor delivers none."""
    if layout.numbering == "events":
        return pl.col("seq").alias("event")
    return pl.col("event") if "event" in frame.columns else pl.lit(None, pl.Int64).alias("event")


def _finish_quotes(frame: pl.DataFrame, layout: Layout, rules: Rulebook) -> pl.DataFrame:
    absent = [pl.lit(None, pl.Int64).alias(name) for name in QUOTES if name not in (*frame.columns, "date", "symbol")]
    frame = frame.with_columns(absent)
    zero_is_none = [
        pl.when(pl.col(name) > 0).then(name).alias(name) for name in ("last", "pre_close", "limit_up", "limit_down")
    ]
    levels = []
    for side in ("bid", "ask"):
        for i in range(1, LEVELS + 1):
            price, volume = f"{side}_price_{i}", f"{side}_volume_{i}"
            there = (pl.col(price) > 0) & (pl.col(volume) > 0)  # the virtual book has volumes without a price
            levels += [pl.when(there).then(name).alias(name) for name in (price, volume)]
    return frame.with_columns(*zero_is_none, *levels).select(*_typed(QUOTES))


_FINISH = {"trades": _finish_trades, "orders": _finish_orders, "quotes": _finish_quotes}


def _typed(schema: Schema) -> list[pl.Expr]:
    own = {name: dtype for name, dtype in schema.items() if name not in ("date", "symbol")}
    return [
        pl.col("code"),
        *(pl.col(name) if name == "kind" else pl.col(name).cast(dtype) for name, dtype in own.items()),
    ]


def split_duplicates(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (the first row of each (code, channel, seq) and of each (code, channel, event), the repeated rows).

    frame: sorted by code, channel, seq. The repeated rows have a column `conflicts`: whether they differ from the row that is
    kept. Two vendors' files of one day, or a file delivered twice, repeat rows. A day delivered both in SSE's old files and in
    the merged stream repeats events under other numbers. A missing `event` (one vendor delivers it, another does not) is no
    conflict and is filled from the repetitions. Prices of cancels are not compared, since vendors fill them differently.
    """
    keys, events = ("code", "channel", "seq"), ("code", "channel", "event")
    if 0 < frame["event"].null_count() < frame.height and frame.select(_as_above(keys).any()).item():
        frame = frame.with_columns(pl.col("event").fill_null(pl.col("event").max().over(keys)))
    moved = frame.clear().with_columns(conflicts=pl.lit(False))
    fallen = _as_above(("code", "channel")) & (pl.col("event") <= pl.col("event").shift(1))
    if frame.select(fallen.any()).item():  # within a single delivery, events ascend with the rows
        in_events = frame.sort(*events, "seq", maintain_order=True)
        frame, moved = _split_repeated(in_events, events, ignored=("disagrees", "seq"))
        frame = frame.sort(*keys, maintain_order=True)
    frame, again = _split_repeated(frame, keys, ignored=("disagrees",))
    return frame, pl.concat([moved, again])


def _as_above(names: tuple[str, ...]) -> pl.Expr:
    """Return whether a row has the same values as the one above it, none of them null."""
    return pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in names).fill_null(False)


def _split_repeated(
    frame: pl.DataFrame, key: tuple[str, ...], ignored: tuple[str, ...]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (the first row of each key, the others with `conflicts`); the frame is sorted by the key."""
    repeated = frame.select(again=_as_above(key))["again"]
    if not repeated.any():
        return frame, frame.clear().with_columns(conflicts=pl.lit(False))
    priced = (pl.col("kind") != ORDER_KINDS[CANCELLED]) if "kind" in frame.columns else True
    differs = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1)) & (priced if name == "price" else True)
        for name in frame.columns
        if name not in (*key, *ignored)
    )
    marked = frame.with_columns(conflicts=differs)
    return frame.filter(~repeated), marked.filter(repeated)


def with_symbols(frame: pl.DataFrame, exchange: str, table: str, date: dt.date) -> pl.DataFrame:
    """Replace `code` by date and symbol, in the schema and column order of the table."""
    codes = frame["code"].unique()
    names = codes.cast(pl.String).str.zfill(6) + f".{exchange}"
    symbol = pl.col("code").replace_strict(codes, names, return_dtype=pl.String)
    return frame.with_columns(date=pl.lit(date), symbol=symbol).select(*SCHEMAS[table])
