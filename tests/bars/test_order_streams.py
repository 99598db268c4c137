"""Orders that were to be expected and were not delivered: which names, which exchanges, under each value of `bars.expect_orders`."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.bars.assets import minute_bars
from assets.bars.order_streams import LACKING, lacking_orders
from assets.bars.windows import order_days
from assets.ticks.canonical import ORDERS
from resources.calendar import Calendar
from resources.gate import judge
from resources.settings.bars import BarsSettings
from tests.tape_health.test_tape_health import order
from tests.tapes import DATE, Day, frame_of, trade

BEFORE = [DATE - dt.timedelta(days=n) for n in (1, 2)]
SCHEMA = {"date": pl.Date, "symbol": pl.String, "trades": pl.Int64, "overfilled_orders": pl.Int64}
NAMES = [f"{n:06d}.SZ" for n in range(1, 4)] + [f"60000{n}.SH" for n in range(3)]

rows = st.lists(
    st.tuples(st.sampled_from(NAMES), st.none() | st.integers(0, 2), st.none() | st.integers(0, 1)), max_size=9
)


def health(date: dt.date, names) -> pl.DataFrame:
    unique = {name: (trades, measured) for name, trades, measured in names}
    return pl.DataFrame([(date, name, *rest) for name, rest in unique.items()], schema=SCHEMA, orient="row")


@settings(max_examples=100, deadline=None)
@given(rows, rows, rows, st.sampled_from(["as_before", "always", "never"]), st.sampled_from([0.0, 0.4, 1.0]))
def test_lacking_orders_are_those_of_a_plain_count(now, one, two, orders, share):
    today, before = health(DATE, now), pl.concat([health(BEFORE[0], one), health(BEFORE[1], two)])
    had = {row["symbol"] for row in before.iter_rows(named=True) if row["overfilled_orders"] is not None}
    plain = {}
    for row in today.iter_rows(named=True):
        if row["trades"] and (orders == "always" or (orders == "as_before" and row["symbol"] in had)):
            expected, lacking = plain.setdefault(row["symbol"][-2:], ([], []))
            expected.append(row["symbol"])
            if row["overfilled_orders"] is None:
                lacking.append(row["symbol"])
    found = lacking_orders(today, before, BarsSettings(expect_orders=orders, max_without_orders_share=share))
    assert dict(found.schema) == LACKING
    assert found.drop("detail").rows() == [
        (exchange, len(expected), len(lacking), int(len(lacking) > share * len(expected)))
        for exchange, (expected, lacking) in sorted(plain.items())
        if lacking
    ]
    assert found["detail"].null_count() == 0


def failing(of: Day) -> dict[str, tuple[bool, str]]:
    """Checks of minute_bars that a day fails → whether they refuse it, and what they say."""
    bars = of.bars
    verdicts = judge(minute_bars.checks, {DATE: bars.profile}, {DATE: bars.unavailable})[DATE]
    return {name: (verdict.critical, verdict.text()) for name, verdict in verdicts.items() if not verdict.passed}


def ordered_before(*names: str) -> pl.DataFrame:
    """tape_health of the day before, on which these names had orders."""
    return health(BEFORE[0], [(name, 5, 0) for name in names])


TAPE = [trade(channel=3, bid_order=7), trade(symbol="000001.SZ", channel=3, bid_order=7, ask_order=8)]


def with_orders(*names: str) -> pl.DataFrame:
    rows = [
        {**order(name, number, side), "seq": n}
        for name in sorted(names)
        for n, (number, side) in enumerate([(7, 1), (8, -1)])
    ]
    return pl.DataFrame(rows, schema=ORDERS).sort("symbol", "channel", "seq")


BOTH = ("000001.SZ", "600519.SH")


@pytest.mark.parametrize(
    ("earlier", "now", "setting", "refused"),
    [
        ((), (), {}, ()),  # a vendor without orders
        (BOTH, (), {}, ("SH", "SZ")),  # the day's order files are missing
        (BOTH, BOTH[:1], {}, ("SH",)),  # those of one exchange are
        (BOTH, BOTH[1:], {}, ("SZ",)),
        (BOTH, BOTH, {}, ()),
        (BOTH[:1], BOTH[:1], {}, ()),  # Shanghai had no order stream before 2021
        ((), BOTH[:1], {}, ()),  # a vendor begins to deliver them
        ((), (), {"expect_orders": "always"}, ("SH", "SZ")),
        (BOTH, (), {"expect_orders": "never"}, ()),
    ],
)
def test_a_day_without_the_orders_of_the_days_before_is_refused(earlier, now, setting, refused):
    tape = frame_of([{**row, "ask_order": 8} for row in TAPE])
    of = Day(tape, with_orders(*now) if now else None, earlier=ordered_before(*earlier), **setting)
    assert of.bars.frame.filter(pl.col("minute") == 600)["volume"].to_list() == [100, 100]
    failed = failing(of)
    assert ("orders_delivered_as_before" in failed) == bool(refused)
    if refused:
        critical, detail = failed["orders_delivered_as_before"]
        assert critical
        assert [f"no orders were delivered of 1 of 1 stocks of {exchange}" in detail for exchange in ("SH", "SZ")] == [
            exchange in refused for exchange in ("SH", "SZ")
        ]
        assert ("although orders of them were delivered on 2024-01-09" in detail) == (not setting)
        assert "bars.expect_orders = 'never'" in detail


def test_single_names_without_their_orders_are_named():
    names = [f"{n:06d}.SZ" for n in range(1, 31)]
    tape = frame_of([trade(symbol=name, channel=3, bid_order=7, ask_order=8) for name in names])
    of = Day(tape, with_orders(*names[1:]), earlier=ordered_before(*names))
    failed = failing(of)
    assert "orders_delivered_as_before" not in failed
    critical, detail = failed["orders_of_every_name_delivered"]
    assert not critical
    assert "no orders were delivered of 1 of 30 stocks of SZ that traded" in detail
    assert "(000001.SZ)" in detail


def test_the_days_that_show_it_are_those_before_and_the_day():
    calendar = Calendar.xshg()
    section = BarsSettings(order_days=3)
    key = dt.date(2024, 1, 10)
    start = dt.date(2024, 1, 2)
    assert order_days.keys(calendar, key, section, start) == [dt.date(2024, 1, n) for n in (5, 8, 9, 10)]
    assert order_days.keys(calendar, start, section, start) == [start]
    for expected in ("always", "never"):  # what does not depend on the days before does not read them
        assert order_days.keys(calendar, key, BarsSettings(expect_orders=expected), start) == [key]
