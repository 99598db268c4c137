"""Statistics and distances against plain loops, faults that are planted, and nothing from the future."""

import datetime as dt
import functools
import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from assets import catalogue
from assets.distributions.assets import TABLES
from assets.distributions.make_distribution_shifts import judged, make_distribution_shifts
from assets.distributions.make_distributions import make_distributions
from assets.distributions.schemas import DISTRIBUTIONS, KINDS, QUANTILES
from assets.distributions.shifts import FLOORS, QUANTILE_FLOOR
from assets.distributions.statistics import BAR_ITEMS, COLUMNS, LOGARITHMIC_MEANS, SUMS, VWAP
from assets.performance.evaluation import SCHEMA as EVALUATION
from resources.calendar import Calendar
from resources.gate import Verdict, judge
from resources.made import Made
from resources.settings import distributions as section
from resources.settings.distributions import DistributionsSettings
from tests.making import run_make

CALENDAR = Calendar.xshg()
DAYS = CALENDAR.days(dt.date(2023, 2, 1), dt.date(2023, 6, 30))
WEEKS = CALENDAR.weeks(CALENDAR.week_of(DAYS[0]), CALENDAR.week_of(DAYS[-1]))
SHIFTS = TABLES[1]
SETTINGS = DistributionsSettings()
NAMES = [f"{600_000 + n}.SH" for n in range(60)]


# --- a market ---------------------------------------------------------------------------------------------------------


def bars_of(seed: int, names: Sequence[str] = NAMES, minutes: int = 6, nulls: float = 0.0) -> pl.DataFrame:
    """Bars of a day. The stocks differ in size and price, and the day in its activity."""
    own = np.random.default_rng(7)
    size, price = own.lognormal(10, 1.5, len(NAMES)), own.lognormal(2.5, 0.8, len(NAMES))
    day = np.random.default_rng(seed)
    activity = day.lognormal(0, 0.2)
    count = len(names)
    volume = (size[:count, None] * activity * day.lognormal(0, 0.5, (count, minutes))).round()
    close = price[:count, None] * np.exp(day.normal(0, 0.02, (count, minutes)))
    amount = volume * close
    columns = {
        "volume": volume, "amount": amount, "trades": np.ceil(volume / 1000), "buy_amount": amount * 0.5, "sell_amount": amount * 0.5,
        "large_buy_amount": amount * 0.1, "large_sell_amount": np.where(day.random((count, minutes)) < 0.5, 0.0, amount * 0.1),
        "close": close, "spread": close * 0.001, "net_bid_change": day.normal(0, 1e5, (count, minutes)),
        "imbalance": day.normal(0, 0.3, (count, minutes)), "imbalance_5": day.normal(0, 0.2, (count, minutes)),
    }  # fmt: skip
    frame = pl.DataFrame(
        {"symbol": np.repeat(list(names), minutes), "minute": np.tile(np.arange(570, 570 + minutes), count)}
        | {name: values.ravel() for name, values in columns.items()}
    ).with_columns(pl.col("volume", "trades").cast(pl.Int64))
    if nulls:
        frame = frame.with_columns(
            pl.Series(one, frame[one]).set(pl.Series(day.random(frame.height) < nulls), None) for one in COLUMNS
        )
    return frame


def prices_of(names: Sequence[str] = NAMES) -> pl.DataFrame:
    return pl.DataFrame(
        {"symbol": names, "volume": [100] * len(names)}, schema={"symbol": pl.String, "volume": pl.Int64}
    )


def factors_of(seed: int, names: Sequence[str] = NAMES) -> pl.DataFrame:
    """Raw values of the ten factors. downside_volatility_share is about one half, the others are about 0."""
    day = np.random.default_rng(1000 + seed)
    frames = []
    for factor in catalogue.TEN:
        middle = 0.5 if factor == "downside_volatility_share" else 0.0
        raw = middle + 0.1 * day.normal(0, 1, len(names))
        frames.append(pl.DataFrame({"symbol": names, "factor": factor, "raw": raw, "value": raw * 10}))
    return pl.concat(frames)


def described(day: dt.date, bars: pl.DataFrame, factors: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    made = run_make(make_distributions, date=day, minute_bars=bars, factors=factors, daily_prices=prices)
    assert isinstance(made.frame, pl.DataFrame)
    assert made.frame.schema == pl.Schema(DISTRIBUTIONS)
    return made.frame


Change = Callable[[pl.DataFrame], pl.DataFrame]


def same(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


@functools.cache
def calm_day(n: int) -> pl.DataFrame:
    return described(DAYS[n], bars_of(n), factors_of(n), prices_of())


def history(first: dt.date | None = None, bars: Change = same, factors: Change = same) -> pl.DataFrame:
    """The table `distributions` of all days. From the day `first` on the deliveries are changed."""
    return pl.concat(
        described(day, bars(bars_of(n)), factors(factors_of(n)), prices_of()) if first and day >= first else calm_day(n)
        for n, day in enumerate(DAYS)
    )


def evaluation_of(flipped: dt.date | None = None, unpredictive: dt.date | None = None) -> pl.DataFrame:
    """The table `evaluation`. In the week `flipped` the sign of skewness changes; from `unpredictive` on its RankIC does."""
    generator = np.random.default_rng(3)
    rows = []
    for week in WEEKS:
        for factor in catalogue.BY_KEY:
            ic, auto, turned = (
                0.08 + generator.normal(0, 0.05),
                0.75 + generator.normal(0, 0.05),
                0.4 + generator.normal(0, 0.05),
            )
            if factor == "skewness" and week == flipped:
                auto, turned = -auto, 1.0
            if factor == "skewness" and unpredictive and week >= unpredictive:
                ic = -0.5
            values = {
                ("rank_ic", 1): ic,
                ("rank_ic", 4): -9.0,
                ("autocorrelation", None): auto,
                ("turnover", None): turned,
            }
            rows += [
                (week, factor, name, "", horizon, value, 60, week, None) for (name, horizon), value in values.items()
            ]
    return pl.DataFrame(rows, schema=EVALUATION, orient="row")


@functools.cache
def calm() -> pl.DataFrame:
    return history()


@functools.cache
def calm_signals() -> pl.DataFrame:
    return evaluation_of()


def shifts_in(
    week: dt.date,
    table: pl.DataFrame | None = None,
    signals: pl.DataFrame | None = None,
    settings: DistributionsSettings = SETTINGS,
) -> Made:
    """The partition of a week, from what its look-backs read; of the calm market where no other table is given."""
    table = calm() if table is None else table
    signals = calm_signals() if signals is None else signals
    days = SHIFTS.reads[0].over.keys(CALENDAR, week, settings, DAYS[0])
    weeks = SHIFTS.reads[1].over.keys(CALENDAR, week, settings, WEEKS[0])
    assert max(days) == CALENDAR.signal_day(week)
    assert max(weeks) == week
    made = run_make(
        make_distribution_shifts,
        week=week,
        settings=settings,
        distributions=table.filter(pl.col("date").is_in(days)),
        evaluation=signals.filter(pl.col("week").is_in(weeks)),
    )
    assert isinstance(made.frame, pl.DataFrame)
    return made


def verdicts(made: Made) -> dict[str, Verdict]:
    assert made.profile is not None
    return judge(SHIFTS.checks, {DAYS[0]: made.profile}, {DAYS[0]: {}})[DAYS[0]]


def failing(made: Made) -> set[str]:
    return {name for name, verdict in verdicts(made).items() if not verdict.passed}


# --- the statistics of a day --------------------------------------------------------------------------------------------


def quantile(values: list[float], share: float) -> float | None:
    """Linear interpolation between order statistics."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def plain_figure(item: str, rows: list[dict[str, float | None]]) -> tuple[bool, float | None]:
    """Whether a stock has the item on the day, and its figure."""
    if item == VWAP:
        volumes, amounts = ([one[name] for one in rows if one[name] is not None] for name in ("volume", "amount"))
        known = bool(volumes) and bool(amounts) and sum(volumes) > 0
        return known, math.log(sum(amounts) / sum(volumes)) if known and sum(amounts) > 0 else None
    held = [one[item] for one in rows if one[item] is not None]
    if not held:
        return False, None
    total = sum(held) if item in SUMS else sum(held) / len(held)
    if item in (*SUMS, *LOGARITHMIC_MEANS):
        return True, math.log(total) if total > 0 else None
    return True, total


@pytest.mark.parametrize("nulls", [0.0, 0.3, 0.9, 1.0])
def test_statistics_of_bars_are_those_of_plain_loops(nulls: float) -> None:
    bars = bars_of(5, NAMES[:9], minutes=3, nulls=nulls)
    traded = [*NAMES[2:9], "000001.SZ"]
    found = described(DAYS[0], bars, factors_of(5), prices_of(traded)).filter(table="minute_bars")
    assert sorted(found["item"]) == sorted(BAR_ITEMS)
    by_symbol = {name: bars.filter(symbol=name).to_dicts() for name in NAMES[:9]}
    for row in found.iter_rows(named=True):
        figures = {name: plain_figure(row["item"], rows) for name, rows in by_symbol.items()}
        known = [name for name, (is_known, _) in figures.items() if is_known]
        values = [value for _, value in figures.values() if value is not None]
        held = ("volume", "amount") if row["item"] == VWAP else (row["item"],)
        missing = sum(any(one[name] is None for name in held) for rows in by_symbol.values() for one in rows)
        assert (row["rows"], row["names"]) == (bars.height, len(known))
        assert row["coverage"] == pytest.approx(len(set(known) & set(traded)) / len(traded))
        assert row["null_share"] == pytest.approx(missing / bars.height)
        for name, share in QUANTILES.items():
            assert row[name] == (None if not values else pytest.approx(quantile(values, share), rel=1e-12))


def test_statistics_of_factors_are_those_of_plain_loops() -> None:
    generator = np.random.default_rng(11)
    factors = factors_of(3).with_columns(
        raw=pl.when(pl.Series(generator.random(600) > 0.2)).then("raw"),
        value=pl.when(pl.Series(generator.random(600) > 0.4)).then("value"),
    ).with_columns(raw=pl.when(pl.col("factor") != "skewness").then("raw"))  # fmt: skip
    found = described(DAYS[0], bars_of(1), factors, prices_of()).filter(table="factors")
    assert sorted(found["item"]) == sorted(catalogue.TEN)
    for row in found.iter_rows(named=True):
        own = factors.filter(factor=row["item"]).to_dicts()
        raw = [one["raw"] for one in own if one["raw"] is not None]
        names = sum(one["value"] is not None for one in own)
        assert (row["rows"], row["names"], row["coverage"]) == (60, names, pytest.approx(names / 60))
        assert row["null_share"] == pytest.approx(1 - len(raw) / 60)
        for name, share in QUANTILES.items():
            assert row[name] == (None if not raw else pytest.approx(quantile(raw, share), rel=1e-12))


def test_a_day_without_rows_has_no_statistics_and_nobody_who_traded_no_coverage() -> None:
    bars, factors = bars_of(1), factors_of(1)
    assert described(DAYS[0], bars.clear(), factors.clear(), prices_of()).is_empty()
    assert described(DAYS[0], bars, factors, prices_of([])).filter(table="minute_bars")["coverage"].null_count() == len(
        BAR_ITEMS
    )
    idle = bars.with_columns(pl.lit(0).alias(one) for one in ("volume", "amount", "trades"))
    row = described(DAYS[0], idle, factors, prices_of()).filter(item="volume").row(0, named=True)
    assert (row["names"], row["coverage"], row["quantile_50"]) == (60, 1.0, None)


def test_the_order_of_rows_and_names_is_ignored() -> None:
    """To the last bit."""
    bars, factors = bars_of(2, nulls=0.2), factors_of(2)
    straight = described(DAYS[0], bars, factors, prices_of())
    for seed in range(3):
        mixed = described(
            DAYS[0],
            bars.sample(fraction=1, shuffle=True, seed=seed),
            factors.sample(fraction=1, shuffle=True, seed=seed),
            prices_of(NAMES[::-1]),
        )
        assert_frame_equal(straight, mixed, check_exact=True)


# --- the distances --------------------------------------------------------------------------------------------------------


def plain_distance(
    value: float | None, before: Sequence[float | None], floor: float, least: int, rows: int = 1
) -> tuple[float, float, float] | None:
    """Median, scale and distance by the formula of SPEC §7; None where there is no distance."""
    known = [one for one in before if one is not None]
    if value is None or len(known) < least:
        return None
    middle = statistics.median(known)
    mad = statistics.median(abs(one - middle) for one in known)
    scale = max(max(1.4826 * mad, floor) / math.sqrt(rows), 1e-9 * max(1, abs(middle)))
    return middle, scale, (value - middle) / scale


@hypothesis_settings(max_examples=25)
@given(
    week=st.sampled_from(WEEKS[2:]),
    days=st.integers(5, 40),
    least=st.integers(2, 5),
    missing=st.floats(0, 0.6),
    seed=st.integers(0, 2**20),
)
def test_distances_of_days_are_those_of_plain_loops(
    week: dt.date, days: int, least: int, missing: float, seed: int
) -> None:
    settings = DistributionsSettings(days=days, least_days=least)
    generator = np.random.default_rng(seed)
    table = pl.DataFrame(
        [
            (
                day,
                "factors",
                item,
                9,
                int(generator.integers(0, 99)),
                generator.random(),
                generator.random(),
                *sorted(generator.normal(size=5)),
            )
            for day in DAYS
            for item in ("a", "b")
            if generator.random() > missing / 2
        ],
        schema=DISTRIBUTIONS,
        orient="row",
    )
    measured = ("coverage", "null_share", *QUANTILES)
    table = table.with_columns(
        pl.when(pl.Series(generator.random(table.height) > missing)).then(one).alias(one) for one in measured
    )
    found = shifts_in(week, table, settings=settings).frame.filter(table="factors")
    held = {(row["date"], row["item"]): row for row in table.iter_rows(named=True)}

    def at(day: dt.date, item: str, name: str) -> float | None:
        value = held.get((day, item), {}).get(name)
        return math.log(1 + value) if name == "names" and value is not None else value

    items = sorted(
        {row["item"] for row in table.filter(pl.col("date") <= CALENDAR.signal_day(week)).iter_rows(named=True)}
    )
    own = CALENDAR.week_days(week)
    assert found.height == len(own) * len(items) * 8
    for row in found.iter_rows(named=True):
        place = DAYS.index(row["date"])
        before = DAYS[max(place - days, 0) : place]
        values = [at(day, row["item"], row["statistic"]) for day in before]
        floor = FLOORS.get(row["statistic"])
        if floor is None:
            widths = [
                high - low
                for day in before
                if (high := at(day, row["item"], "quantile_75")) is not None
                and (low := at(day, row["item"], "quantile_25")) is not None
            ]
            floor = QUANTILE_FLOOR * statistics.median(widths) if len(widths) >= least else None
        expected = None
        if floor is not None:
            expected = plain_distance(at(row["date"], row["item"], row["statistic"]), values, floor, least)
        assert row["earlier"] == sum(one is not None for one in values)
        if expected is None:
            assert row["distance"] is None
            assert row["reason"] is not None
        else:
            assert (row["median"], row["scale"], row["distance"]) == pytest.approx(expected, rel=1e-9)
            assert row["reason"] is None


@hypothesis_settings(max_examples=15)
@given(week=st.sampled_from(WEEKS), weeks=st.integers(3, 14), ic_weeks=st.integers(1, 5), seed=st.integers(0, 2**20))
def test_distances_of_weeks_are_those_of_plain_loops(week: dt.date, weeks: int, ic_weeks: int, seed: int) -> None:
    settings = DistributionsSettings(weeks=weeks, least_weeks=2, ic_weeks=ic_weeks)
    generator = np.random.default_rng(seed)
    signals = calm_signals().with_columns(
        value=pl.when(pl.Series(generator.random(calm_signals().height) > 0.15)).then("value")
    )
    found = shifts_in(week, signals=signals, settings=settings).frame.filter(table="evaluation")
    held = {
        (row["week"], row["factor"], row["statistic"]): row["value"]
        for row in signals.iter_rows(named=True)
        if row["horizon"] in (None, 1)
    }
    assert found.height == 16 * 3
    for row in found.iter_rows(named=True):
        count = ic_weeks if row["statistic"] == "rank_ic" else 1
        place = WEEKS.index(week) + 1
        own = [held[one, row["item"], row["statistic"]] for one in WEEKS[max(place - count, 0) : place]]
        before = [
            held[one, row["item"], row["statistic"]]
            for one in WEEKS[max(place - count - weeks, 0) : max(place - count, 0)]
        ]
        value = None if len(own) < count or None in own else sum(own) / count
        error = 0.5 / math.sqrt(60 / 10) if row["statistic"] == "turnover" else 1 / math.sqrt(60)  # of 60 stocks
        expected = plain_distance(value, before, max(0.1, error), 2, count)
        assert (row["distance"] is None) == (expected is None)
        if expected is not None:
            assert (row["value"], row["median"], row["scale"], row["distance"]) == pytest.approx(
                (value, *expected), rel=1e-9
            )


def test_too_short_a_history_is_stated() -> None:
    frame = shifts_in(WEEKS[2]).frame
    assert frame["distance"].null_count() == frame.height
    assert not failing(shifts_in(WEEKS[2]))
    bars = frame.filter(table="minute_bars", item="volume", statistic="names")
    assert '"earlier":8,"least":20' in bars["reason"][0]  # 13 February 2023 is the ninth trading day from 1 February
    later = shifts_in(WEEKS[6]).frame.filter(table="minute_bars", item="volume", statistic="names")
    assert later["distance"].null_count() == 0


@pytest.mark.parametrize("week", [WEEKS[5], WEEKS[-2], WEEKS[-1]])
def test_nothing_later_is_read(week: dt.date) -> None:
    """Neither a history that ends with the week nor noise after it changes a figure of the week."""
    last = CALENDAR.signal_day(week)
    straight = shifts_in(week).frame
    noise = calm().with_columns(
        pl.when(pl.col("date") > last).then(pl.col(one) * 7 + 1).otherwise(one).alias(one) for one in QUANTILES
    )
    others = calm_signals().with_columns(value=pl.when(pl.col("week") > week).then(5.0).otherwise("value"))
    assert_frame_equal(straight, shifts_in(week, noise, others).frame, check_exact=True)
    cut = shifts_in(week, calm().filter(pl.col("date") <= last), calm_signals().filter(pl.col("week") <= week)).frame
    assert_frame_equal(straight, cut, check_exact=True)


def test_a_day_is_compared_with_the_days_before_it_alone() -> None:
    """Other values on a Wednesday change nothing of Monday to Wednesday but Wednesday's own row."""
    week = WEEKS[-2]
    wednesday = CALENDAR.week_days(week)[2]
    other = calm().with_columns(
        pl.when(date=wednesday).then(pl.col("quantile_50") + 5).otherwise("quantile_50").alias("quantile_50")
    )
    straight, changed = shifts_in(week).frame, shifts_in(week, other).frame
    before = pl.col("date") < wednesday
    assert_frame_equal(straight.filter(before), changed.filter(before), check_exact=True)
    own = pl.col("date") == wednesday
    same_median = (pl.col("table") != "evaluation") & own
    assert_frame_equal(
        straight.filter(same_median).select("item", "statistic", "median", "scale"),
        changed.filter(same_median).select("item", "statistic", "median", "scale"),
        check_exact=True,
    )
    assert failing(shifts_in(week, other)) == {"quantile_as_before", "quantile_near_before"}


def test_the_order_of_input_rows_is_ignored() -> None:
    mixed = shifts_in(
        WEEKS[-1],
        calm().sample(fraction=1, shuffle=True, seed=1),
        calm_signals().sample(fraction=1, shuffle=True, seed=2),
    )
    assert_frame_equal(shifts_in(WEEKS[-1]).frame, mixed.frame, check_exact=True)


# --- planted faults -------------------------------------------------------------------------------------------------------

FAULTY = WEEKS[-2]
FIRST = CALENDAR.week_days(FAULTY)[1]


def test_a_calm_market_neither_warns_nor_stops() -> None:
    assert {name for week in WEEKS for name in failing(shifts_in(week))} == set()


@pytest.mark.parametrize(
    ("changes", "stopped"),
    [
        pytest.param({"bars": lambda bars: bars.with_columns(pl.col("volume") // 100)}, {"quantile"}, id="volume in lots"),
        pytest.param({"bars": lambda bars: bars.with_columns(pl.col("amount") * 1000)}, {"quantile"}, id="amount in another unit"),
        pytest.param({"bars": lambda bars: bars.filter(pl.col("symbol").is_in(NAMES[::2]))}, {"coverage"}, id="half of the names"),
        pytest.param(
            {"bars": lambda bars: bars.with_columns(buy_amount=pl.lit(None, pl.Float64))}, {"coverage", "null_share"}, id="a null column"
        ),
        pytest.param(
            {"factors": lambda rows: rows.with_columns(raw=pl.when(factor="skewness").then(None).otherwise("raw"), value=pl.when(factor="skewness").then(None).otherwise("value"))},
            {"coverage", "null_share"}, id="a null factor",
        ),
        pytest.param(
            {"factors": lambda rows: rows.with_columns(raw=pl.when(factor="downside_volatility_share").then(-pl.col("raw")).otherwise("raw"))},
            {"quantile"}, id="a factor with the other sign",
        ),
    ],
)  # fmt: skip
def test_a_planted_fault_stops_the_week(changes: dict[str, Change], stopped: set[str]) -> None:
    table = history(FIRST, **changes)
    assert not failing(shifts_in(WEEKS[WEEKS.index(FAULTY) - 1], table))
    found = verdicts(shifts_in(FAULTY, table))
    refusing = {name.removesuffix("_as_before") for name, verdict in found.items() if verdict.refuses}
    assert refusing == stopped
    assert all(str(FIRST) in found[f"{kind}_as_before"].words() or kind != "quantile" for kind in stopped)


def test_a_flipped_signal_stops_the_week_in_which_it_flips() -> None:
    """A factor with a distribution about 0 looks the same after a change of sign, but it is not correlated with itself any more."""
    signals = evaluation_of(flipped=FAULTY)
    found = verdicts(shifts_in(FAULTY, signals=signals))
    assert not found["turnover_near_before"].passed  # among sixty stocks, 1.5 is eleven standard errors
    found = verdicts(shifts_in(FAULTY, signals=signals.with_columns(names=pl.lit(500, pl.Int64))))
    assert found["turnover_as_before"].refuses
    assert "autocorrelation of skewness in evaluation" in found["turnover_as_before"].words()


def test_a_lost_prediction_warns_and_then_stops() -> None:
    states = []
    for week in WEEKS[-4:]:
        found = verdicts(shifts_in(week, signals=evaluation_of(unpredictive=WEEKS[-4])))
        states.append((found["rank_ic_near_before"].passed, found["rank_ic_as_before"].refuses))
    assert states[0] == (True, False)
    assert states[-1] == (False, True)


def test_more_stocks_and_fewer_nulls_are_no_fault() -> None:
    many = history(FIRST, bars=same)
    sparse = pl.concat(
        described(day, bars_of(n) if day >= FIRST else bars_of(n).with_columns(spread=pl.lit(None, pl.Float64)), factors_of(n), prices_of())
        for n, day in enumerate(DAYS)
    )  # fmt: skip
    assert not failing(shifts_in(FAULTY, many))
    assert not failing(shifts_in(FAULTY, sparse))


@hypothesis_settings(max_examples=40)
@given(distance=st.floats(-60, 60), statistic=st.sampled_from([one for several in KINDS.values() for one in several]))
def test_thresholds_are_those_of_the_settings(distance: float, statistic: str) -> None:
    kind = next(kind for kind, several in KINDS.items() if statistic in several)
    rows = pl.DataFrame(
        {
            "date": [DAYS[0]],
            "table": ["t"],
            "item": ["i"],
            "statistic": [statistic],
            "value": [1.0],
            "median": [1.0],
            "distance": [distance],
        }
    )
    row = judged(rows, SETTINGS).row(0, named=True)
    bad = -distance if kind == "coverage" else distance if kind == "null_share" else abs(distance)
    warning, stop = SETTINGS.limits(kind)
    assert row[f"{kind}_warned"] == (bad > warning)
    assert row[f"{kind}_stopped"] == (bad > stop)
    assert (row["detail"] is not None) == (bad > warning)
    assert [row[f"{other}_warned"] for other in KINDS if other != kind] == [None] * (len(KINDS) - 1)


@pytest.mark.parametrize(
    ("changed", "approved"),
    [
        ({}, True),
        ({"kind": "quantile", "table": "minute_bars", "item": "volume"}, True),
        ({"kind": "coverage"}, False),
        ({"table": "factors"}, False),
        ({"item": "amount"}, False),
        ({"first_day": DAYS[1], "last_day": DAYS[1]}, False),
    ],
)
def test_an_approved_shift_warns_with_its_reason_and_does_not_stop(changed: dict[str, object], approved: bool) -> None:
    row = {
        "date": DAYS[0],
        "table": "minute_bars",
        "item": "volume",
        "statistic": "quantile_50",
        "value": 9.0,
        "median": 1.0,
        "distance": 99.0,
    }
    own = {"first_day": DAYS[0], "last_day": DAYS[0], "why": "a record day of the market", **changed}
    found = judged(pl.DataFrame([row]), DistributionsSettings(approved=(own,)))
    assert found["quantile_warned"].to_list() == [1]
    assert found["quantile_stopped"].to_list() == [0 if approved else 1]
    assert ("a record day of the market" in found["detail"][0]) == approved
    refused = judge(SHIFTS.checks, {FAULTY: found}, {FAULTY: {}})[FAULTY]
    assert refused["quantile_as_before"].refuses != approved
    assert not approved or not refused["quantile_near_before"].passed


def test_an_approval_ends_after_it_begins() -> None:
    with pytest.raises(ValueError, match="must not be after last_day"):
        DistributionsSettings(approved=({"first_day": DAYS[1], "last_day": DAYS[0], "why": "reversed"},))


def test_the_settings_have_every_kind() -> None:
    assert tuple(KINDS) == section.KINDS
    with pytest.raises(ValueError, match=r"quantile_warning = 30.0 must not be above quantile_stop = 25.0"):
        DistributionsSettings(quantile_warning=30.0)
    with pytest.raises(ValueError, match="least_days = 61 must not be above days = 60"):
        DistributionsSettings(least_days=61)


def test_what_moves_money_reads_the_table() -> None:
    """A refused partition is refused to its readers, so that neither portfolio nor the report is made from the week."""
    from orchestration.tables import load_tables

    for name in ("csi500_portfolio", "csi1000_portfolio", "report"):
        read = load_tables()[name].read("distribution_shifts")
        assert read is not None
        assert read.keys(CALENDAR, load_tables()[name], SHIFTS, FAULTY, None, DAYS[0], DAYS[0]) == [FAULTY]
