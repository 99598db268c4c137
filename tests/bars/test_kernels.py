"""The kernels against plain Python on random small tapes and books: sums, order, permutation of symbols, adding up."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.bars import aggregate
from assets.bars.minutes import BOOK
from assets.bars.sums import book_statistics, order_size_sums, traded_bars
from assets.ticks import slots
from assets.ticks.canonical import QUOTES, TRADES
from resources import clock
from resources.settings.bars import BarsSettings
from tests import plain_bars

DATE = dt.date(2024, 1, 10)
SYMBOLS = ("000001.SZ", "000002.SZ", "300750.SZ", "600000.SH", "600519.SH")
SUMS = ("open", "high", "low", "close", "volume", "amount", "trades", "buy_amount", "sell_amount")
LARGE = ("large_buy_amount", "large_sell_amount")

# --- random rows ----------------------------------------------------------------------------------------------------------

stamps = st.one_of(
    st.sampled_from(
        [0, 33_900_000, 34_199_999, 34_200_000, 41_399_999, 41_400_000, 46_799_999, 46_800_000, 53_819_999]
    ),
    st.sampled_from([53_820_000, 54_059_999, 54_060_000, 54_299_999, 54_300_000, 86_399_999]),
    st.integers(34_200_000, 34_380_000),
)
numbers = st.one_of(
    st.integers(0, 6),  # orders that come back
    st.integers(1, 2**62),  # too far apart for a packed sort
    st.integers(10_000_000, 10_000_900),
)


@st.composite
def tapes(draw: st.DrawFn) -> pl.DataFrame:
    """A day's trades of a few symbols, some on two channels, stamps in any order."""
    few = draw(st.sampled_from([(0, 0), (1, 3), (1, 60)]))
    ids = draw(st.sampled_from([st.integers(0, 6), numbers]))
    rows = [
        {
            "date": DATE,
            "symbol": symbol,
            "channel": draw(st.integers(1, 2)),
            "seq": i,
            "time": draw(stamps),
            "price": draw(st.integers(1, 30)) * 100,
            "volume": draw(st.sampled_from([1, 100, 7_700, 10**9])),
            "bid_order": draw(ids),
            "ask_order": draw(ids),
            "side": draw(st.integers(-1, 1)),
        }
        for symbol in draw(st.lists(st.sampled_from(SYMBOLS), unique=True))
        for i in range(draw(st.integers(*few)))
    ]
    return pl.DataFrame(rows, schema=TRADES).sort("symbol", "channel", "seq")


level = st.one_of(
    st.none(), st.tuples(st.sampled_from([99_900, 100_000, 100_100]), st.sampled_from([0, 100, 500, 10**9]))
)
ask_level = st.one_of(
    st.none(), st.tuples(st.sampled_from([100_100, 100_200, 100_300]), st.sampled_from([0, 100, 500, 10**9]))
)


@st.composite
def books(draw: st.DrawFn) -> pl.DataFrame:
    """A day's quotes of a few symbols in order of time, with one-sided and empty ones, zeros where others have nulls."""
    rows = []
    for symbol in draw(st.lists(st.sampled_from(SYMBOLS), unique=True)):
        for time in sorted(draw(st.lists(stamps, max_size=30))):
            row = {"date": DATE, "symbol": symbol, "time": time}
            for side, levels in (("bid", level), ("ask", ask_level)):
                for k in range(1, 11):
                    one = draw(levels) if k in (1, 3, 5) else (100_000, 100 * k)
                    row[f"{side}_price_{k}"], row[f"{side}_volume_{k}"] = one or (None, None)
            rows.append(row)
    return pl.DataFrame(rows, schema=QUOTES).sort("symbol", "time", maintain_order=True)


def each_symbol(frame: pl.DataFrame) -> dict[str, list[dict]]:
    return {symbol: rows.to_dicts() for (symbol,), rows in frame.partition_by("symbol", as_dict=True).items()}


def same(ours: float | None, plain: float | None) -> bool:
    if ours is None or plain is None:
        return ours is plain
    return math.isclose(ours, plain, rel_tol=1e-12, abs_tol=1e-9)


# --- against plain Python -------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(tapes(), st.sampled_from([None, 1e-4, 50.0, 1e9]))
def test_bars_equal_plain_python(tape, large):
    known = pl.DataFrame({"symbol": [] if large is None else list(SYMBOLS[1:])}, schema={"symbol": pl.String})
    found = traded_bars(
        DATE, tape.lazy(), known.with_columns(threshold=pl.lit(large, pl.Float64)), {"300750.SZ": 0.09}, BarsSettings()
    )
    by_symbol = each_symbol(tape)
    assert found["symbol"].unique(maintain_order=True).to_list() == list(by_symbol)
    for symbol, rows in by_symbol.items():
        limit = None if symbol == SYMBOLS[0] else large
        plain = plain_bars.bars(rows, 0.09 if symbol == "300750.SZ" else None, limit)
        ours = {row["minute"]: row for row in found.filter(symbol=symbol).to_dicts()}
        assert list(ours) == list(plain)
        for minute, values in plain.items():
            for name, value in values.items():
                assert same(ours[minute][name], value), (symbol, minute, name)


@settings(max_examples=60, deadline=None)
@given(tapes())
def test_order_sizes_equal_plain_python(tape):
    found = {row[0]: row[1:] for row in order_size_sums(tape.lazy(), BarsSettings()).iter_rows()}
    plain = {symbol: plain_bars.order_sizes(rows) for symbol, rows in each_symbol(tape).items()}
    assert list(found) == list(plain)
    for symbol, (orders, first, second) in plain.items():
        assert found[symbol][0] == orders
        assert same(found[symbol][1], first)
        assert same(found[symbol][2], second)


@settings(max_examples=100, deadline=None)
@given(books())
def test_book_statistics_equal_plain_python(quotes):
    found = book_statistics(quotes.lazy(), BarsSettings())
    for symbol, rows in each_symbol(quotes).items():
        usable = [
            {
                "time": row["time"],
                **{
                    side: [
                        (row[f"{side}_price_{k}"], row[f"{side}_volume_{k}"])
                        if row[f"{side}_volume_{k}"] and (row[f"{side}_price_{k}"] or k > 1)
                        else None
                        for k in range(1, 11)
                    ]
                    for side in ("bid", "ask")
                },
            }
            for row in rows
        ]
        ours = {row["minute"]: row for row in found.filter(symbol=symbol).to_dicts()}
        for minute, values in plain_bars.book(usable).items():
            for name, value in values.items():
                assert same(ours[minute][name], value), (symbol, minute, name)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SYMBOLS), stamps, st.one_of(st.none(), st.integers(0, 10**12))), max_size=60))
def test_deltas_equal_plain_python_and_add_up(drawn):
    rows = [
        {"date": DATE, "symbol": symbol, "time": time, "trades": field, "volume": field, "amount": field}
        for symbol, time, field in sorted(drawn, key=lambda row: row[:2])
    ]
    quotes = pl.DataFrame(rows, schema=QUOTES)
    found = book_statistics(quotes.lazy(), BarsSettings(), deltas=True)
    for symbol, snapshots in each_symbol(quotes).items():
        plain, before = dict.fromkeys(slots.MINUTES.tolist(), 0), 0
        for row in snapshots:
            if row["volume"] is not None:
                plain[plain_bars.bar_of(row["time"])] += row["volume"] - before
                before = row["volume"]
        ours = found.filter(symbol=symbol)
        assert dict(ours.select("minute", "quoted_volume").iter_rows()) == plain
        assert ours["quoted_trades"].to_list() == ours["quoted_volume"].to_list()
        assert ours["quoted_amount"].to_list() == [added / 10_000.0 for added in plain.values()]
        assert ours["quoted_volume"].sum() == before


@settings(deadline=None)
@given(st.integers(0, clock.MINUTE_MS * 24 * 60 - 1))
def test_the_slot_of_a_stamp_is_its_bar(time):
    slot = slots.slot_of(time)
    assert slots.MINUTES[slot] == plain_bars.bar_of(time)
    assert slots.BEGINS[slot] <= time < slots.BEGINS[slot + 1]


@settings(deadline=None)
@given(st.lists(numbers, max_size=300), st.lists(st.integers(1, 5), max_size=300))
def test_runs_are_sorted_by_number_and_row(values, repeats):
    number = np.array([n + 1 for n in values for _ in range(repeats[n % len(repeats)] if repeats else 1)], np.int64)
    space = np.empty((2, len(number) + 1), np.int64)
    found = aggregate._by_number(number, space[0], space[1])
    assert found.tolist() == np.argsort(number, kind="stable").tolist()


# --- properties -----------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(tapes(), books(), st.integers(1, 9), st.integers(1, 200))
def test_neither_batches_nor_row_groups_change_a_bit(tmp_path_factory, tape, quotes, group, limit):
    folder = tmp_path_factory.mktemp("groups")
    tape.write_parquet(folder / "trades.parquet", row_group_size=group)
    quotes.write_parquet(folder / "quotes.parquet", row_group_size=group)
    known = pl.DataFrame({"symbol": SYMBOLS, "threshold": 50.0})
    for trades, book, batch_rows in (
        (tape.lazy(), quotes.lazy(), 10**9),
        (pl.scan_parquet(folder / "trades.parquet"), pl.scan_parquet(folder / "quotes.parquet"), limit),
    ):
        section = BarsSettings(batch_rows=batch_rows)
        found = (
            traded_bars(DATE, trades, known, {}, section),
            order_size_sums(trades, section),
            book_statistics(book, section),
        )
        if batch_rows == 10**9:
            whole = found
    assert all(one.equals(other) for one, other in zip(whole, found, strict=True))


@settings(max_examples=60, deadline=None)
@given(tapes(), st.permutations(SYMBOLS))
def test_a_symbol_does_not_see_the_others(tape, names):
    renamed = tape.with_columns(pl.col("symbol").replace(dict(zip(SYMBOLS, names, strict=True)))).sort(
        "symbol", "channel", "seq"
    )
    back = dict(zip(names, SYMBOLS, strict=True))
    known = pl.DataFrame({"symbol": SYMBOLS, "threshold": 50.0})
    for work in (
        lambda rows: traded_bars(DATE, rows.lazy(), known, {}, BarsSettings()),
        lambda rows: order_size_sums(rows.lazy(), BarsSettings()),
    ):
        other = work(renamed).with_columns(pl.col("symbol").replace(back)).sort("symbol", maintain_order=True)
        assert other.equals(work(tape))


@settings(max_examples=60, deadline=None)
@given(tapes())
def test_bars_add_up_to_the_tape(tape):
    known = pl.DataFrame({"symbol": SYMBOLS, "threshold": 1e-9})  # every order is large
    found = traded_bars(DATE, tape.lazy(), known, {}, BarsSettings())
    paid = (pl.col("price") * pl.col("volume")).cast(pl.Int64)
    total = tape.group_by("symbol", maintain_order=True).agg(
        pl.col("volume").sum(),
        pl.len().cast(pl.Int64).alias("trades"),
        *(
            (paid.filter(holds).sum() / 10_000).alias(name)
            for name, holds in {
                "amount": True,
                "buy_amount": pl.col("side") == 1,
                "sell_amount": pl.col("side") == -1,
                "large_buy_amount": pl.col("bid_order") > 0,
                "large_sell_amount": pl.col("ask_order") > 0,
            }.items()
        ),
    )
    sums = found.group_by("symbol", maintain_order=True).agg(pl.col(total.columns[1:]).sum())
    for ours, plain in zip(sums.to_dicts(), total.to_dicts(), strict=True):
        assert ours.keys() == plain.keys()
        assert all(ours[name] == plain[name] or same(ours[name], plain[name]) for name in ours)


def test_fills_in_any_order_give_the_same_bits():
    rng = np.random.default_rng(3)
    n = 4000
    rows = {
        "channel": np.sort(rng.integers(1, 3, n)).astype(np.int32),
        "price": rng.integers(1, 10**6, n),
        "volume": rng.integers(1, 10**5, n),
        "order": rng.integers(0, 900, n) + 10**7,
    }
    starts = np.array([0, n])
    found = []
    for order in (np.arange(n), np.argsort(rows["channel"] * 10**5 + rng.permutation(n), kind="stable")):
        out = np.zeros((1, 3))
        aggregate.order_sums(starts, *(values[order] for values in rows.values()), out)
        found.append(out.tolist())
    assert found[0] == found[1]


def test_rows_out_of_symbol_order_are_refused():
    tape = pl.DataFrame(
        [
            {"date": DATE, "symbol": symbol, "channel": 1, "seq": 1, "time": 34_200_000, "price": 100, "volume": 100}
            | {"bid_order": 1, "ask_order": 2, "side": 1}
            for symbol in ("600519.SH", "000001.SZ", "600519.SH")
        ],
        schema=TRADES,
    )
    with pytest.raises(ValueError, match="sorted by symbol"):
        order_size_sums(tape.lazy(), BarsSettings())


def test_no_rows_give_no_sums():
    tape = pl.DataFrame(schema=TRADES)
    assert order_size_sums(tape.lazy(), BarsSettings()).is_empty()
    assert traded_bars(
        DATE, tape.lazy(), pl.DataFrame(schema={"symbol": pl.String, "threshold": pl.Float64}), {}, BarsSettings()
    ).is_empty()
    assert book_statistics(pl.DataFrame(schema=QUOTES).lazy(), BarsSettings()).columns == ["symbol", "minute", *BOOK]
