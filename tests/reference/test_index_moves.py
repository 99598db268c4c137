"""Tests the findings on closes of another day or index and on slow drifts, against plain loops and on constructed markets."""

import datetime as dt
import statistics
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.assets import indices
from assets.reference.index_moves import _expected_moves, stray_indices
from assets.reference.make_indices import make_indices
from resources.gate import judge
from resources.made import Made
from resources.reasons import Reason, describe_column
from resources.settings.reference import ReferenceSettings
from tests.making import run_make
from tests.reference.small_reference import CALENDAR, landed

LAST = dt.date(2015, 4, 30)
DAYS = CALENDAR.days(dt.date(2015, 2, 2), LAST)
FIRST, SECOND = "000905.SH", "000852.SH"
REVIEW = DAYS[len(DAYS) - 12]  # a second vector of both indices, inside the window
NAMES = [f"{600000 + n}.SH" for n in range(24)]
SETTINGS = ReferenceSettings()
Tables = dict[str, pl.DataFrame]


def market(seed: int = 3, noise: float = 0.01) -> Tables:
    """Return two indices of twelve stocks each, whose closes follow the drifted vectors to the hundredth.

    Stocks have a common move and own moves.
    """
    rng = np.random.default_rng(seed)
    rows, last = [], dict.fromkeys(NAMES, 1000)
    growth: dict[dt.date, dict[str, float]] = {}
    for day in DAYS:
        common = rng.normal(0, 0.012)
        for name in NAMES:
            if rng.random() < 0.05:
                continue
            close = round(last[name] * (1 + float(np.clip(common + rng.normal(0, noise), -0.09, 0.09))))
            growth.setdefault(day, {})[name] = close / last[name]
            cents = (last[name], last[name], max(last[name], close), min(last[name], close), close)
            volume = 1_000_000
            amount = volume * (max(cents) + min(cents)) / 200
            rows.append((day, name, *(cent / 100 for cent in cents), volume, amount, 10**8, 10**8, False))
            last[name] = close
    weights, closes = [], []
    for index, members in ((FIRST, NAMES[:12]), (SECOND, NAMES[12:])):
        level, value = 5000.0, {}
        for day in DAYS:
            if value:
                new = {name: one * growth[day].get(name, 1.0) for name, one in value.items()}
                level *= sum(new.values()) / sum(value.values())
                value = new
            if day in (DAYS[0], REVIEW):
                drawn = rng.dirichlet(np.full(12, 6.0))
                value = {name: round(float(w), 6) for name, w in zip(members, drawn, strict=True)}
                weights += [(index, day, name, weight) for name, weight in value.items()]
            closes.append((index, day, round(level, 2)))
    return {
        "daily_prices": pl.DataFrame(
            rows, orient="row",
            schema=["date", "symbol", "pre_close", "open", "high", "low", "close", "volume", "amount", "float_shares",
                    "total_shares", "is_st"],
        ),
        "index_weights": pl.DataFrame(weights, schema=["index", "date", "symbol", "weight"], orient="row"),
        "index_prices": pl.DataFrame(closes, schema=["index", "date", "close"], orient="row"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def tables() -> Tables:
    return market()


def judged(
    tables: Tables, folder: Path, day: dt.date = LAST, settings: ReferenceSettings = SETTINGS
) -> tuple[str, Made]:
    """Return (the detail of the check of index moves, "" where it passes; the partition)."""
    view = landed(folder, tables).view(day, indices.lands)
    today = tables["daily_prices"].filter(pl.col("date") == day).lazy()
    made = run_make(make_indices, date=day, daily_prices=today, landing=view, calendar=CALENDAR, settings=settings)
    verdict = judge(indices.checks, {day: made.profile}, {day: made.unavailable})[day]["index_moves_with_its_members"]
    assert made.profile is not None
    found = describe_column(made.profile.filter(pl.col("index_off") == 1)["detail"]).to_list()
    assert verdict.refuses == bool(found)
    return "\n".join(found), made


def shifted(tables: Tables, by: int, *only: str) -> Tables:
    """Date the closes of `only` (default: all indices) `by` trading days late, from a day long ago on."""
    closes = tables["index_prices"].sort("index", "date")
    moved = closes.with_columns(close=pl.col("close").shift(by).over("index")).drop_nulls()
    chosen = pl.col("index").is_in(list(only)) if only else pl.lit(True)
    return tables | {"index_prices": pl.concat([moved.filter(chosen), closes.filter(~chosen)])}


def test_correct_closes_move_as_their_members(tables: Tables, tmp_path: Path) -> None:
    for number, day in enumerate(DAYS[11:]):
        message, made = judged(tables, tmp_path / str(number), day)
        assert message == "", day
        assert "moves_not_judged" not in made.notes


@pytest.mark.parametrize("only", [(), (FIRST,)])
def test_closes_a_trading_day_late_or_early_are_reported(tables: Tables, tmp_path: Path, only: tuple[str, ...]) -> None:
    late, _ = judged(shifted(tables, 1, *only), tmp_path / "late")
    assert f"the closes of {FIRST} move as its members did on the trading day before" in late
    assert "are late by one trading day. Deliver each close under its own day" in late
    assert (SECOND in late) == (not only)
    day = CALENDAR.previous_day(LAST)
    early, _ = judged(shifted(tables, -1, *only), tmp_path / "early", day)
    assert f"the closes of {FIRST} move as its members did on the trading day after" in early
    assert "are early by one trading day" in early


def test_exchanged_indices_are_reported(tables: Tables, tmp_path: Path) -> None:
    swap = {FIRST: SECOND, SECOND: FIRST}
    for table in ("index_prices", "index_weights"):
        changed = tables | {table: tables[table].with_columns(pl.col("index").replace(swap))}
        message, _ = judged(changed, tmp_path / table)
        assert f"the closes of {FIRST} move as the members of {SECOND} do" in message
        assert f"{FIRST} is exchanged with {SECOND} in reference/index_prices, or their vectors" in message
        assert f"{SECOND} is exchanged with {FIRST}" in message


def test_an_index_without_members_that_has_the_closes_is_reported(tables: Tables, tmp_path: Path) -> None:
    """The closes of the CSI 300 and the CSI 500 are exchanged, and only the CSI 500 has vectors."""
    other = "000300.SH"
    swap = {FIRST: other, SECOND: FIRST}
    weights = tables["index_weights"].filter(index=FIRST)
    changed = {
        "daily_prices": tables["daily_prices"],
        "index_weights": weights,
        "index_prices": tables["index_prices"].with_columns(pl.col("index").replace(swap)),
    }
    message, _ = judged(changed, tmp_path)
    assert f"{FIRST} is exchanged with {other} in reference/index_prices, or landing.indices.codes" in message
    right = changed | {"index_prices": tables["index_prices"].with_columns(pl.col("index").replace({SECOND: other}))}
    assert judged(right, tmp_path / "right")[0] == ""


@pytest.mark.parametrize(("daily", "refused"), [(0.003, True), (-0.015, True), (0.0019, False), (-0.0005, False)])
def test_a_steady_drift_above_its_bound_is_refused(tables: Tables, tmp_path: Path, daily: float, refused: bool) -> None:
    number = pl.col("date").replace_strict({day: n for n, day in enumerate(DAYS)}, return_dtype=pl.Int64)
    close = pl.when(index=FIRST).then(pl.col("close") * (1 + daily) ** number).otherwise("close")
    message, _ = judged(tables | {"index_prices": tables["index_prices"].with_columns(close)}, tmp_path)
    assert (
        f"the closes of {FIRST} drift away from its members, by a median of {100 * daily:+.1f}" in message
    ) == refused
    assert SECOND not in message


def test_total_return_closes_are_judged_likewise(tables: Tables, tmp_path: Path) -> None:
    total = tables["index_prices"].with_columns(
        index=pl.col("index").replace(dict(SETTINGS.total_return_indices)), close=pl.col("close") * 1.2
    )
    both = tables | {"index_prices": pl.concat([tables["index_prices"], total])}
    assert judged(both, tmp_path / "right")[0] == ""
    message, _ = judged(shifted(both, 1, "H00905.CSI"), tmp_path / "late")
    assert "the closes of H00905.CSI move as its members did on the trading day before" in message
    assert FIRST not in message
    others = both | {"index_weights": both["index_weights"].filter(index=SECOND)}
    message, _ = judged(shifted(others, 1, "H00905.CSI"), tmp_path / "alone")
    assert f"the closes of H00905.CSI move as its price index {FIRST} did on the trading day before" in message


def test_a_short_history_is_not_judged_and_is_noted(tables: Tables, tmp_path: Path) -> None:
    late = shifted(tables, 1)
    message, made = judged(late, tmp_path / "short", DAYS[10])  # closes from the second day on: nine moves
    assert message == ""
    assert str(Reason.from_json(made.notes["moves_not_judged"][FIRST])).startswith(
        "9 of 20 days have both moves, and reference.min_index_days is 10"
    )
    message, made = judged(late, tmp_path / "enough", DAYS[11])
    assert "late by one trading day" in message
    assert "moves_not_judged" not in made.notes


def test_one_wrong_price_changes_no_verdict(tables: Tables, tmp_path: Path) -> None:
    """A tenfold close of a member inside the window would change its drifted weight on the days after it."""
    row = (pl.col("date") == DAYS[-6]) & (pl.col("symbol") == NAMES[0])
    wrong = tables["daily_prices"].with_columns(close=pl.when(row).then(pl.col("close") * 10).otherwise("close"))
    assert judged(tables | {"daily_prices": wrong}, tmp_path)[0] == ""


def test_later_data_do_not_change_a_day(tables: Tables, tmp_path: Path) -> None:
    day = DAYS[-8]
    cut = {name: frame.filter(pl.col("date") <= day) for name, frame in tables.items()}
    for name, change in (("right", tables), ("late", shifted(tables, 1))):
        here = {table: frame.filter(pl.col("date") <= day) for table, frame in change.items()}
        message, made = judged(change, tmp_path / name, day)
        again, alone = judged(here, tmp_path / f"{name}_cut", day)
        assert (message, made.notes) == (again, alone.notes)
        assert made.frame.equals(alone.frame)
    assert cut["index_prices"].height < tables["index_prices"].height


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[dict[str, float]], dict[int, dict[str, float]]]:
    """Draw the growth of each stock on each day (absent: suspended), and vectors by the day of their publication."""
    names = "ABCD"
    growth = st.dictionaries(st.sampled_from(names), st.floats(0.9, 1.1), min_size=1)
    weight = st.dictionaries(st.sampled_from(names), st.floats(0.01, 1.0), min_size=1)
    days = draw(st.lists(growth, min_size=8, max_size=8))
    return days, draw(st.dictionaries(st.integers(0, 6), weight, min_size=1, max_size=3))


@given(worlds())
@settings(max_examples=60, deadline=None)
def test_expected_moves_equal_plain_loops(
    world: tuple[list[dict[str, float]], dict[int, dict[str, float]]],
) -> None:
    growth, vectors = world
    days = DAYS[:8]
    window = days[2:]
    plain: list[float | None] = []
    value: dict[str, float] = {}
    for number in range(8):
        move = None
        if value:
            total = sum(value.values())
            if sum(one for name, one in value.items() if name in growth[number]) >= total / 2 * (1 - 1e-12):
                move = sum(one * growth[number].get(name, 1.0) for name, one in value.items()) / total - 1
            value = {name: one * growth[number].get(name, 1.0) for name, one in value.items()}
        if number in vectors:
            value = dict(vectors[number])
        if number > 2:
            plain.append(move)
    prices = pl.DataFrame(
        [(days[n], name, 1.0, one) for n, own in enumerate(growth) for name, one in own.items()],
        schema=["date", "symbol", "pre_close", "close"], orient="row",
    )  # fmt: skip
    weights = pl.DataFrame(
        [("I", days[n], name, one) for n, own in vectors.items() for name, one in own.items()],
        schema=["index", "date", "symbol", "weight"], orient="row",
    )  # fmt: skip
    found = _expected_moves(weights, prices, window).get("I", np.full(5, np.nan))
    for got, wanted in zip(found.tolist(), plain, strict=True):
        assert wanted is None if np.isnan(got) else wanted == pytest.approx(got, abs=1e-12)


@given(st.lists(st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)), min_size=12, max_size=20))
@settings(max_examples=80, deadline=None)
def test_the_verdict_equals_plain_medians(pairs: list[tuple[float, float]]) -> None:
    """The index has one member, and both have arbitrary moves."""
    days = DAYS[: len(pairs) + 1]
    level = 1000.0
    closes = [("I", days[0], level)]
    for day, (move, _) in zip(days[1:], pairs, strict=True):
        level *= 1 + move
        closes.append(("I", day, level))
    prices = [(day, "A", 1.0, 1 + member) for day, (_, member) in zip(days[1:], pairs, strict=True)]
    found = stray_indices(
        pl.DataFrame([("I", days[0], "A", 1.0)], schema=["index", "date", "symbol", "weight"], orient="row"),
        pl.DataFrame(closes, schema=["index", "date", "close"], orient="row"),
        pl.DataFrame(prices, schema=["date", "symbol", "pre_close", "close"], orient="row"),
        days, SETTINGS,
    ).findings  # fmt: skip
    move, member = zip(*pairs, strict=True)

    def median(left: tuple[float, ...], right: tuple[float, ...]) -> float:
        return statistics.median(abs(a - b) for a, b in zip(left, right, strict=True))

    own = median(move, member)
    other = min(median(move[1:], member[:-1]), median(move[:-1], member[1:]))
    drift = abs(statistics.median(a - b for a, b in zip(move, member, strict=True)))
    edges = (own - 0.0005, other - 0.5 * own, own - 0.004, drift - 0.002)
    if min(map(abs, edges)) < 1e-9:
        return
    wrong_day = own > 0.0005 and other < 0.5 * own
    drifts = own > 0.004 or drift > 0.002
    message = describe_column(found["detail"]).to_list()
    assert len(message) == (wrong_day or drifts)
    if message:
        assert ("by one trading day" in message[0]) == wrong_day


def week(tables: Tables, monday: dt.date, days: int, *, carried: bool = False) -> Tables:
    """Return prices and closes from a Monday on, with closes dated a calendar day early.

    carried: the closes are dated correctly, and Sunday repeats Friday's close. The last vector is from before the week.
    """
    trading = CALENDAR.days(monday, LAST)[:days]
    prices = tables["daily_prices"].filter(pl.col("date").is_in(trading))
    closes = tables["index_prices"]
    own = closes.filter(pl.col("date").is_in(trading))
    if carried:
        sunday = closes.filter(pl.col("date") == CALENDAR.previous_day(monday)).with_columns(
            date=pl.lit(monday - dt.timedelta(days=1))
        )
        own = pl.concat([sunday, own])
    else:
        own = own.with_columns(pl.col("date") - dt.timedelta(days=1))
    weights = tables["index_weights"].filter(pl.col("date") == DAYS[0])
    return tables | {"daily_prices": prices, "index_prices": own, "index_weights": weights}


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_closes_that_begin_on_sunday_are_compared_with_the_first_days(seed: int, tmp_path: Path) -> None:
    """At least two of three days are refused where the dates are a day early, and none where Sunday's close is Friday's."""
    tables = market(seed)
    mondays = [day for day in DAYS[5:-12] if day.weekday() == 0 and CALENDAR.days(day, LAST)[2].weekday() == 2]
    assert mondays
    for monday in mondays:
        early, right = week(tables, monday, 3), week(tables, monday, 3, carried=True)
        refused = []
        for day in CALENDAR.days(monday, LAST)[:3]:
            message, _ = judged(right, tmp_path / f"{day}right", day)
            assert message == ""
            message, _ = judged(early, tmp_path / f"{day}early", day)
            refused.append(f"begin on {monday - dt.timedelta(days=1)}, no trading day" in message)
        assert sum(refused) >= 2, (monday, refused)


@pytest.mark.parametrize(("size", "named"), [(1e-4, False), (2e-3, True)])
def test_closes_that_agree_closely_are_not_those_of_another_day(size: float, named: bool) -> None:
    """In a market that hardly moves, the members' moves of the day before are as close as those of the same day."""
    rng = np.random.default_rng(5)
    days = CALENDAR.days(dt.date(2015, 3, 2), LAST)[:21]
    moves = size * rng.normal(0, 1, len(days))
    price = np.cumprod(1 + moves)
    level = 5000 * np.cumprod(1 + np.append(0.0, moves[:-1]))  # a trading day late
    prices = pl.DataFrame({"date": days, "symbol": NAMES[0], "pre_close": np.append(1.0, price[:-1]), "close": price})
    vectors = pl.DataFrame({"index": [FIRST], "date": days[:1], "symbol": NAMES[:1], "weight": [1.0]})
    closes = pl.DataFrame({"index": FIRST, "date": days, "close": level})
    found = stray_indices(vectors, closes, prices, days, SETTINGS).findings
    assert ["are late by one trading day" in detail for detail in describe_column(found["detail"])] == [True] * named
