"""The evaluation's rows against plain loops, scipy and alphalens; properties; and the reasons of missing values."""

import datetime as dt
import io
import itertools
import math
import warnings
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats

from assets import catalogue
from assets.factors.styles import STYLES
from assets.models.schemas import SEED_SCORES
from assets.performance import evaluation, rebalancing
from assets.performance.assets import TABLES
from assets.performance.evaluation import Signal, correlate_columns, cut_deciles, decile_returns, signal_ics
from assets.performance.factor_returns import cut_groups
from assets.performance.make_evaluation import make_evaluation
from assets.performance.make_rank_ics import make_rank_ics
from assets.performance.reasons import CONSTANT, NO_VALUE, NO_VALUE_ON, TOO_FEW_NAMES
from assets.report.render.charts import plot_evaluation_week
from resources.calendar import Calendar
from resources.gate import judge
from resources.made import Made
from resources.parquet import encode
from resources.reasons import Reason
from resources.settings.evaluation import EvaluationSettings
from tests.making import run_make
from tests.performance.small_market import make_market
from tests.reasons import to_reasons

FIRST, LAST = dt.date(2023, 1, 16), dt.date(2023, 4, 28)  # New Year's week has no trading day
CALENDAR = Calendar.xshg()
SETTINGS = EvaluationSettings(horizons=(1, 2, 4))
FACTORS = ("skewness", "large_trade_gain", "gru_50_1", "gru_50_2")


@dataclass(frozen=True)
class Inputs:
    """Weekly values of two factors and two models, with everything that a week of the evaluation reads."""

    days: list[dt.date]
    factors: pl.DataFrame
    scores: pl.DataFrame
    styles: pl.DataFrame
    securities: pl.DataFrame
    daily_prices: pl.DataFrame
    seeds: dict[dt.date, bytes]

    @property
    def weeks(self) -> list[dt.date]:
        return CALENDAR.weeks(Calendar.week_of(self.days[0]), Calendar.week_of(self.days[-1]))

    def of_week(self, week: dt.date, settings: EvaluationSettings = SETTINGS, **changes) -> Made:
        """One partition, given exactly what its look-backs name."""
        start = self.days[0]

        def cut(frame: pl.DataFrame, over, column: str = "date") -> pl.LazyFrame:
            return frame.filter(pl.col(column).is_in(over.keys(CALENDAR, week, settings, start))).lazy()

        def files(table: str, key: dt.date, name: str) -> bytes:
            assert (table, name) == ("scores", "seeds.parquet")
            assert key in rebalancing.evaluated_weeks.keys(CALENDAR, week, settings, start)
            return self.seeds.get(key) or encode(pl.DataFrame(schema=SEED_SCORES))

        given = {
            "week": week,
            "factors": cut(self.factors, rebalancing.evaluated_signals),
            "scores": cut(self.scores, rebalancing.evaluated_weeks, "week"),
            "styles": self.styles.filter(date=CALENDAR.signal_day(week)).lazy(),
            "securities": cut(self.securities, rebalancing.evaluated_signals),
            "daily_prices": cut(self.daily_prices, rebalancing.evaluated_days),
            "settings": settings,
            "calendar": CALENDAR,
            "start": start,
            "files": files,
            "unavailable": to_reasons({"styles": {"growth": "no fundamentals"}}),
        }
        return run_make(make_evaluation, **{**given, **changes})

    def all_weeks(self, settings: EvaluationSettings = SETTINGS) -> pl.DataFrame:
        return pl.concat([self.of_week(week, settings).frame for week in self.weeks])


def make_inputs(seed: int, stocks: int = 45) -> Inputs:
    market = make_market(seed, FIRST, LAST, stocks=stocks)
    rng = np.random.default_rng(seed)
    factors = pl.concat(
        market.scores.filter(factor=model).with_columns(
            factor=pl.lit(key), value=pl.col("value").shuffle(seed=seed) + pl.col("value").fill_null(0) / 2
        )
        for key, model in (("skewness", "gru_50_1"), ("large_trade_gain", "gru_50_2"))
    ).drop("week")
    names = market.securities.select("date", "symbol")
    styles = names.with_columns(
        pl.Series(style, rng.normal(size=names.height))
        if style != "growth"
        else pl.lit(None, pl.Float64).alias("growth")
        for style in STYLES
    )
    seeds = {}
    for (week,), own in market.scores.group_by("week"):
        cells = own.drop_nulls("value").select("factor", "symbol")
        one = cells.join(pl.DataFrame({"granularity": ["daily", "30min"]}), how="cross")
        one = one.join(pl.DataFrame({"seed": [0, 7]}, schema={"seed": pl.Int32}), how="cross")
        seeds[week] = encode(one.with_columns(value=pl.Series(rng.normal(size=one.height))).select(*SEED_SCORES))
    return Inputs(market.days, factors, market.scores, styles, market.securities, market.daily_prices, seeds)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return make_inputs(3)


@pytest.fixture(scope="module")
def rows(inputs) -> pl.DataFrame:
    return inputs.all_weeks()


class Plain:
    """The same statistics by plain loops over dictionaries."""

    def __init__(self, inputs: Inputs):
        self.price = {(row["date"], row["symbol"]): row for row in inputs.daily_prices.iter_rows(named=True)}
        self.universe = {(d, s) for d, s, inside in inputs.securities.iter_rows() if inside}
        self.values: dict = {}
        for frame in (inputs.factors, inputs.scores):
            for row in frame.iter_rows(named=True):
                if row["value"] is not None and (row["date"], row["symbol"]) in self.universe:
                    self.values.setdefault((row["factor"], row["date"]), {})[row["symbol"]] = row["value"]

    def gain(self, symbol: str, entry: dt.date, end: dt.date) -> float | None:
        if (entry, symbol) not in self.price or (end, symbol) not in self.price:
            return None
        wealth = self.price[entry, symbol]["close"] / self.price[entry, symbol]["vwap"]
        for day in CALENDAR.days(entry, end)[1:-1]:
            if (day, symbol) in self.price:
                wealth *= self.price[day, symbol]["close"] / self.price[day, symbol]["pre_close"]
        return wealth * self.price[end, symbol]["vwap"] / self.price[end, symbol]["pre_close"] - 1

    def gains(self, signal: dt.date, end: dt.date, names) -> dict[str, float]:
        entry = CALENDAR.next_day(signal)
        return {s: gain for s in names if (gain := self.gain(s, entry, end)) is not None}

    def deciles(self, factor: str, day: dt.date) -> dict[str, int]:
        own = sorted(self.values.get((factor, day), {}).items(), key=lambda pair: pair[0], reverse=True)
        own.sort(key=lambda pair: pair[1])  # stable: equal values keep descending symbols
        return {symbol: math.floor(10 * place / len(own)) + 1 for place, (symbol, _) in enumerate(own)}


def enough(names, value):
    return value if len(names) >= SETTINGS.min_names else None


def test_rank_ics_deciles_and_seeds_equal_plain_loops(inputs, rows):
    plain = Plain(inputs)
    compared = {"rank_ic": 0, "decile_return": 0, "seed_rank_ic": 0}
    for row in rows.filter(pl.col("statistic").is_in(list(compared))).iter_rows(named=True):
        signal, factor = row["signal_date"], row["factor"]
        end = CALENDAR.week_days(row["week"])[0]
        assert CALENDAR.offset_week(Calendar.week_of(signal), row["horizon"] + 1) == row["week"]
        values = plain.values.get((factor, signal), {})
        gains = plain.gains(signal, end, values)
        if row["statistic"] == "rank_ic":
            held = sorted(gains)
            expected = stats.spearmanr([values[s] for s in held], [gains[s] for s in held]).statistic
            assert row["names"] == len(held)
        elif row["statistic"] == "decile_return":
            place = plain.deciles(factor, signal)
            own = [gains[s] for s in gains if place[s] == int(row["item"])]
            held, expected = list(gains), float(np.mean(own)) if own else None
            assert row["names"] == len(own)
        else:
            cells = pl.read_parquet(io.BytesIO(inputs.seeds[Calendar.week_of(signal)]))
            mean: dict[str, list[float]] = {}
            for cell in cells.filter(factor=factor, seed=int(row["item"])).iter_rows(named=True):
                mean.setdefault(cell["symbol"], []).append(cell["value"])
            gains = plain.gains(signal, end, mean)
            held = [s for s in gains if s in values]  # those that the model's own RankIC rests on
            expected = stats.spearmanr([np.mean(mean[s]) for s in held], [gains[s] for s in held]).statistic
        expected = enough(held, expected)
        assert (row["value"] is None) == (expected is None), row
        if expected is not None:
            assert row["value"] == pytest.approx(expected, abs=1e-12)
            compared[row["statistic"]] += 1
    assert min(compared.values()) > 40, compared


def test_autocorrelation_and_turnover_equal_plain_loops(inputs, rows):
    plain, compared = Plain(inputs), 0
    for row in rows.filter(pl.col("statistic").is_in(["autocorrelation", "turnover"])).iter_rows(named=True):
        now, factor = row["signal_date"], row["factor"]
        before = CALENDAR.signal_day(CALENDAR.offset_week(row["week"], -1))
        assert now == CALENDAR.signal_day(row["week"])
        new, old = (plain.values.get((factor, day), {}) for day in (now, before))
        if row["statistic"] == "autocorrelation":
            held = sorted(set(new) & set(old))
            expected = enough(held, stats.spearmanr([new[s] for s in held], [old[s] for s in held]).statistic)
        else:
            top, last = ({s for s, d in plain.deciles(factor, day).items() if d == 10} for day in (now, before))
            expected = enough(min(new, old, key=len), len(top - last) / len(top))
            assert row["names"] == len(top)
        assert row["value"] == (None if expected is None else pytest.approx(expected, abs=1e-12)), row
        compared += row["value"] is not None
    assert compared > 60


def test_correlations_and_exposures_equal_plain_loops(inputs, rows):
    plain, pairs, exposed = Plain(inputs), 0, 0
    style = {(row["date"], row["symbol"]): row for row in inputs.styles.iter_rows(named=True)}
    for row in rows.filter(pl.col("statistic").is_in(["correlation", "exposure"])).iter_rows(named=True):
        day = row["signal_date"]
        assert day == CALENDAR.signal_day(row["week"])
        own = plain.values[row["factor"], day]
        if row["statistic"] == "correlation":
            other = plain.values[row["item"], day]
            pairs += 1
        else:
            other = {s: v for s in own if (v := style[day, s][row["item"]]) is not None}
            exposed += 1
        held = sorted(set(own) & set(other))
        if len(held) < SETTINGS.min_names:
            assert row["value"] is None
        else:
            expected = np.corrcoef([own[s] for s in held], [other[s] for s in held])[0, 1]
            assert row["value"] == pytest.approx(expected, abs=1e-12)
            assert row["names"] == len(held)
    assert pairs == 6 * len(inputs.weeks)
    assert exposed == 4 * len(STYLES) * len(inputs.weeks)
    growth = rows.filter(statistic="exposure", item="growth")
    assert growth["reason"].unique().to_list() == ["no fundamentals"]


def test_every_statistic_has_a_value_or_a_reason(rows):
    assert rows["value"].is_null().to_list() == rows["reason"].is_not_null().to_list()
    assert rows.filter(pl.col("value").is_nan()).is_empty()
    assert set(rows["statistic"]) == set(evaluation.STATISTICS)


def test_each_week_has_the_statistics_that_its_history_allows(inputs, rows):
    """From the first week on, one more statistic with every week that passes, and never more than are declared."""
    counts = rows.filter(factor="skewness").group_by("week", "statistic").len()
    for position, week in enumerate(inputs.weeks):
        held = dict(counts.filter(week=week).select("statistic", "len").iter_rows())
        assert held.get("rank_ic", 0) == sum(position >= horizon + 1 for horizon in SETTINGS.horizons)
        assert held.get("decile_return", 0) == (10 if position >= 2 else 0)
        assert held.get("autocorrelation", 0) == held.get("turnover", 0) == (position >= 1)
        assert held["exposure"] == len(STYLES)


# --- against alphalens ------------------------------------------------------------------------------------------------


def whole_market(seed: int, stocks: int = 60) -> Inputs:
    """Every name trades every day and is in U(t); factors drift from week to week. No ties: alphalens cuts them otherwise."""
    rng = np.random.default_rng(seed)
    days = CALENDAR.days(FIRST, LAST)
    symbols = [f"{600_000 + n}.SH" for n in range(stocks)]
    cells = [(day, symbol) for day in days for symbol in symbols]
    pre_close = rng.uniform(5, 50, len(cells))
    vwap, close = pre_close * rng.uniform(0.95, 1.05, (2, len(cells)))
    daily_prices = pl.DataFrame(cells, schema=["date", "symbol"], orient="row").with_columns(
        pre_close=pl.Series(pre_close), high=pl.Series(np.maximum(vwap, close)), low=pl.Series(np.minimum(vwap, close)),
        close=pl.Series(close), volume=pl.lit(100), vwap=pl.Series(vwap), limit_up=pl.Series(pre_close * 1.1),
        limit_down=pl.Series(pre_close * 0.9),
    )  # fmt: skip
    level = rng.normal(size=(len(FACTORS), stocks))
    values = []
    for day in (day for day in days if CALENDAR.is_last_of_week(day)):
        level = 0.7 * level + rng.normal(size=level.shape)
        values += [(day, s, key, level[i, j]) for i, key in enumerate(FACTORS) for j, s in enumerate(symbols)]
    table = pl.DataFrame(values, schema=["date", "symbol", "factor", "value"], orient="row")
    scores = table.filter(pl.col("factor").is_in(catalogue.MODELS)).with_columns(week=pl.col("date").dt.truncate("1w"))
    names = daily_prices.select("date", "symbol")
    return Inputs(
        days,
        table.filter(pl.col("factor").is_in(catalogue.TEN)),
        scores,
        names.with_columns(pl.Series(style, rng.normal(size=names.height)) for style in STYLES),
        names.with_columns(in_universe=pl.lit(True)),
        daily_prices,
        {},
    )


@pytest.mark.slow
def test_statistics_equal_those_of_alphalens():
    """Its factor dates are our trade days: it buys at the price of the date itself."""
    import pandas as pd
    from alphalens import performance, utils

    horizons = (1, 2, 3, 4, 8)
    inputs = whole_market(11)
    rows = inputs.all_weeks(EvaluationSettings(horizons=horizons))
    wealth: dict[str, float] = {}
    prices: dict[tuple[dt.date, str], float] = {}  # ex-rights price of one yuan's worth at the VWAP of each day
    for row in inputs.daily_prices.sort("date").iter_rows(named=True):
        held = wealth.get(row["symbol"], 1.0)
        prices[row["date"], row["symbol"]] = held * row["vwap"] / row["pre_close"]
        wealth[row["symbol"]] = held * row["close"] / row["pre_close"]
    signals = sorted(inputs.factors["date"].unique())
    trade = {signal: CALENDAR.next_day(signal) for signal in signals[:-1]}
    symbols = sorted(wealth)
    index = pd.DatetimeIndex([trade[signal] for signal in signals[:-1]])
    frame = pd.DataFrame([[prices[day.date(), s] for s in symbols] for day in index], index, symbols)
    table = pl.concat([inputs.factors, inputs.scores.drop("week")])
    for factor in FACTORS:
        own = {(d, s): v for d, s, v in table.filter(factor=factor).select("date", "symbol", "value").iter_rows()}
        series = pd.DataFrame([[own[signal, s] for s in symbols] for signal in signals[:-1]], index, symbols).stack()
        series.index.names = ["date", "asset"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ics = {}
            for horizon in horizons:  # one at a time: it drops every date that lacks the longest return
                clean = utils.get_clean_factor_and_forward_returns(
                    series, frame, quantiles=10, periods=(horizon,), max_loss=1
                )
                ics[horizon] = performance.factor_information_coefficient(clean).iloc[:, 0]
                if horizon == 1:
                    returns = performance.mean_return_by_quantile(clean, by_date=True, demeaned=False)[0].iloc[:, 0]
            none = pd.DataFrame({"1D": 0.0}, series.index)  # scores alone: no date may drop out for want of a return
            whole = utils.get_clean_factor(series, none, quantiles=10, max_loss=1)
            steady = performance.factor_rank_autocorrelation(whole, 1)
            turnover = performance.quantile_turnover(whole["factor_quantile"], 10, 1)
        compared = 0
        for row in rows.filter(factor=factor).iter_rows(named=True):
            day = pd.Timestamp(CALENDAR.next_day(row["signal_date"]))
            if row["statistic"] == "rank_ic":
                theirs = ics[row["horizon"]][day]
            elif row["statistic"] == "decile_return":
                theirs = returns[int(row["item"]), day]
            elif row["statistic"] in ("autocorrelation", "turnover") and row["signal_date"] in trade:
                theirs = (steady if row["statistic"] == "autocorrelation" else turnover)[day]
            else:
                continue
            assert row["value"] == pytest.approx(theirs, abs=1e-12), row
            compared += 1
        weeks = len(inputs.weeks)
        assert compared == sum(weeks - h - 1 for h in horizons) + 10 * (weeks - 2) + 2 * (weeks - 2)


# --- properties ---------------------------------------------------------------------------------------------------------

CELLS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-50, 50)), min_size=3, max_size=60)


def as_signal(values, symbols=None) -> Signal:
    symbols = symbols or [f"{n:06d}" for n in range(len(values))]
    frame = pl.DataFrame({"symbol": symbols, "factor": ["skewness"] * len(values), "value": [float(v) for v in values]})
    return Signal.of(FIRST, frame)


def as_returns(gains, symbols=None) -> pl.DataFrame:
    symbols = symbols or [f"{n:06d}" for n in range(len(gains))]
    return pl.DataFrame({"symbol": symbols, "return": [g / 1000 for g in gains]})


@given(CELLS, st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=60, deadline=None)
def test_the_order_of_names_changes_no_bit(cells, random):
    values, gains = zip(*cells, strict=True)
    symbols = [f"{n:06d}" for n in range(len(cells))]
    signal, returns = as_signal(values), as_returns(gains)
    order = random.sample(range(len(cells)), len(cells))
    mixed = [symbols[n] for n in order]
    signal2, returns2 = as_signal([values[n] for n in order], mixed), as_returns([gains[n] for n in order], mixed)
    for measure in (signal_ics, decile_returns):
        assert measure(signal, returns).equals(measure(signal2, returns2))


@given(CELLS)
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_monotone_transformation_does_not_change_rank_ic_and_deciles(cells):
    values, gains = zip(*cells, strict=True)
    plain = as_signal(values)
    for transform in (lambda v: v**3 + v, lambda v: math.exp(v / 3), lambda v: 5 * v - 2):
        bent = as_signal([transform(v) for v in values])
        for measure in (signal_ics, decile_returns):
            assert measure(plain, as_returns(gains)).equals(measure(bent, as_returns(gains)))
    turned = signal_ics(as_signal([-v for v in values]), as_returns(gains))["value"].item()
    ours = signal_ics(plain, as_returns(gains))["value"].item()
    assert turned == (None if ours is None else pytest.approx(-ours, abs=1e-12))


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=75))
@hypothesis_settings(max_examples=80, deadline=None)
def test_deciles_partition_the_names_and_the_tenth_is_the_long_group(values):
    signal = as_signal(values)
    cut = cut_deciles(signal.values)
    assert sorted(cut["symbol"]) == sorted(signal.values["symbol"])
    sizes = [cut.filter(decile=d).height for d in range(1, 11)]
    assert sum(sizes) == len(values)
    assert max(sizes) - min(sizes) <= 1
    ends = [cut.filter(decile=d)["value"] for d in range(1, 11) if sizes[d - 1]]
    assert all(a.max() <= b.min() for a, b in itertools.pairwise(ends))
    groups = cut_groups(signal.values, 0.1)
    assert set(cut.filter(decile=10)["symbol"]) == set(groups.filter("long")["symbol"])
    assert set(cut.filter(decile=1)["symbol"]) >= set(groups.filter("short")["symbol"])


@given(CELLS, st.integers(0, 5))
@hypothesis_settings(max_examples=60, deadline=None)
def test_deciles_add_up_to_the_market(cells, untraded):
    values, gains = zip(*cells, strict=True)
    returns = as_returns(gains)[untraded:]
    found = decile_returns(as_signal(values), returns).drop_nulls("value")
    total = sum(value * names for value, names in found.select("value", "names").iter_rows())
    assert found["names"].sum() == returns.height
    assert total == pytest.approx(returns["return"].sum(), abs=1e-12)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=40))
@hypothesis_settings(max_examples=60, deadline=None)
def test_correlations_are_symmetric_and_one_with_themselves(cells):
    table = np.array(cells, dtype=float)
    value, names = correlate_columns(table, table)
    assert np.array_equal(value, value.T, equal_nan=True)
    assert (names == len(cells)).all()
    for column in range(2):
        constant = np.ptp(table[:, column]) == 0
        assert math.isnan(value[column, column]) if constant else value[column, column] == pytest.approx(1)


# --- what can't be computed ---------------------------------------------------------------------------------------------


def test_few_names_constants_gaps_and_missing_seeds_have_their_reasons(inputs):
    week = inputs.weeks[7]
    signal = CALENDAR.signal_day(CALENDAR.offset_week(week, -2))
    now = CALENDAR.signal_day(week)
    at = pl.col("date") == signal
    changed = Inputs(
        inputs.days,
        inputs.factors.with_columns(
            pl.when(at & (pl.col("factor") == "skewness")).then(1.0).otherwise("value").alias("value")
        ).filter(~((pl.col("date") == now) & (pl.col("factor") == "large_trade_gain"))),
        inputs.scores.filter(
            ~(at & (pl.col("factor") == "gru_50_1")) | (pl.col("symbol") < "000009"),
            pl.col("factor") != "gru_50_2",
        ),
        inputs.styles,
        inputs.securities,
        inputs.daily_prices,
        {},
    )
    made = changed.of_week(week)
    one = {
        (row["factor"], row["statistic"], row["horizon"]): row
        for row in made.frame.filter(pl.col("item").is_null()).iter_rows(named=True)
    }
    assert one["skewness", "rank_ic", 1]["reason"] == CONSTANT().dumps()
    few = Reason.loads(one["gru_50_1", "rank_ic", 1]["reason"])
    assert (few.code, few.parameters["fewest"]) == (TOO_FEW_NAMES.name, 20)
    assert 0 < few.parameters["names"] < 20
    assert one["gru_50_1", "rank_ic", 2]["reason"] is None
    assert one["large_trade_gain", "turnover", 1]["reason"] == NO_VALUE_ON(date=now).dumps()
    assert one["gru_50_1", "seed_rank_ic", 1]["reason"] == TOO_FEW_NAMES(names=0, fewest=20).dumps()
    assert set(made.frame["factor"]) == {"skewness", "large_trade_gain", "gru_50_1"}
    assert set(made.unavailable) == set(catalogue.BY_KEY) - set(made.frame["factor"])
    assert made.frame["value"].is_null().to_list() == made.frame["reason"].is_not_null().to_list()
    assert "rank_ic_1w" not in made.notes["skewness"]
    assert made.notes["gru_50_1"]["rank_ic_2w"] == round(one["gru_50_1", "rank_ic", 2]["value"], 4)


def test_the_notes_summarise_the_week(inputs):
    made = inputs.of_week(inputs.weeks[-1])
    own = made.frame.filter(factor="gru_50_1")
    value = {(row["statistic"], row["item"], row["horizon"]): row["value"] for row in own.iter_rows(named=True)}
    seeds = [value["seed_rank_ic", seed, 1] for seed in ("0", "7")]
    exposed = [v for (statistic, _, _), v in value.items() if statistic == "exposure" and v is not None]
    expected = {
        **{f"rank_ic_{horizon}w": value["rank_ic", None, horizon] for horizon in SETTINGS.horizons},
        "autocorrelation": value["autocorrelation", None, 1],
        "turnover": value["turnover", None, 1],
        "decile_spread": value["decile_return", "10", 1] - value["decile_return", "1", 1],
        "seeds_mean": np.mean(seeds),
        "seeds_std": np.std(seeds, ddof=1),
        "largest_exposure": max(exposed, key=abs),
    }
    assert made.notes["gru_50_1"] == pytest.approx(expected, abs=5e-5)


def test_a_reason_from_upstream_takes_precedence(inputs):
    upstream = {"scores": {"gru_50_2": "its window needs 90 days"}, "factors": {}}
    made = inputs.of_week(inputs.weeks[-1], unavailable=upstream)
    assert "gru_50_2" not in made.unavailable
    assert made.unavailable["improved_gru"] == NO_VALUE()


def test_an_empty_first_week_is_a_valid_table(inputs):
    nothing = Inputs(inputs.days, inputs.factors.clear(), inputs.scores.clear(), inputs.styles, inputs.securities, inputs.daily_prices, {})  # fmt: skip
    made = nothing.of_week(inputs.weeks[0])
    assert made.frame.is_empty()
    assert dict(made.frame.schema) == evaluation.SCHEMA
    assert set(made.unavailable) == set(catalogue.BY_KEY)


# --- time, the gate, the plot ---------------------------------------------------------------------------------------------


def test_a_week_reads_nothing_after_its_signal_day():
    for settings in (SETTINGS, EvaluationSettings()):
        for week in CALENDAR.weeks(dt.date(2015, 1, 5), dt.date(2016, 12, 26)):
            last = CALENDAR.signal_day(week)
            for start in (dt.date(2010, 1, 4), CALENDAR.offset(last, -8), CALENDAR.week_days(week)[0]):
                weeks = rebalancing.evaluated_weeks.keys(CALENDAR, week, settings, start)
                signals = rebalancing.evaluated_signals.keys(CALENDAR, week, settings, start)
                days = rebalancing.evaluated_days.keys(CALENDAR, week, settings, start)
                assert weeks[-1] == week
                assert signals[-1] == last
                assert all(start <= day <= last for day in (*signals, *days))
                assert not days or days[-1] == CALENDAR.week_days(week)[0]


def test_rows_do_not_depend_on_the_order_of_the_inputs(inputs):
    mixed = Inputs(
        inputs.days,
        *(
            frame.sample(fraction=1, shuffle=True, seed=1)
            for frame in (inputs.factors, inputs.scores, inputs.styles, inputs.securities, inputs.daily_prices)
        ),
        inputs.seeds,
    )
    week = inputs.weeks[-1]
    assert inputs.of_week(week).frame.equals(mixed.of_week(week).frame)


def test_the_one_week_rank_ics_of_models_are_those_of_the_table_rank_ics(inputs, rows):
    week = inputs.weeks[-1]
    calendar, start = CALENDAR, inputs.days[0]
    closed = {
        "scores": ("week", rebalancing.closed_score_weeks),
        "securities": ("date", rebalancing.closed_signals),
        "daily_prices": ("date", rebalancing.closed_days),
    }
    frames = {
        name: getattr(inputs, name).filter(pl.col(column).is_in(over.keys(calendar, week, None, start))).lazy()
        for name, (column, over) in closed.items()
    }
    ics = run_make(make_rank_ics, week=week, factors=inputs.factors.clear(), calendar=calendar, **frames).frame
    ours = rows.filter(week=week, statistic="rank_ic", horizon=1)
    for row in ics.iter_rows(named=True):
        assert ours.filter(factor=row["factor"])["value"].item() == row["rank_ic"]
        assert ours.filter(factor=row["factor"])["signal_date"].item() == row["signal_date"]
    assert ics.height == 2


def test_the_gate_passes_correct_rows_and_refuses_wrong_ones(inputs):
    table = next(table for table in TABLES if table.name == "evaluation")
    made = inputs.of_week(inputs.weeks[-1])
    assert dict(made.frame.schema) == dict(table.schema)
    twice = pl.concat([made.profile, made.profile.head(1)])
    wrong = made.profile.with_columns(correlation=pl.lit(1.5), turnover=pl.lit(-0.1), decile_return=pl.lit(-1.5))
    weeks = inputs.weeks[:3]
    verdicts = judge(
        table.checks, dict(zip(weeks, (made.profile, twice, wrong), strict=True)), {key: {} for key in weeks}
    )
    assert all(verdict.passed for verdict in verdicts[weeks[0]].values())
    assert [name for name, verdict in verdicts[weeks[1]].items() if not verdict.passed] == ["statistic_unique"]
    failed = {name for name, verdict in verdicts[weeks[2]].items() if not verdict.passed}
    assert failed == {"correlation_within_one", "turnover_is_a_share", "decile_return_possible"}


def test_the_plot_is_an_svg_also_of_a_first_week(inputs):
    for week in (inputs.weeks[0], inputs.weeks[-1]):
        svg = plot_evaluation_week(inputs.of_week(week).frame)
        assert svg.startswith("<svg")
        assert svg == plot_evaluation_week(inputs.of_week(week).frame)


@pytest.mark.parametrize("horizons", [(2, 4), (1, 1), (1, 4, 2), ()])
def test_invalid_horizons_are_refused(horizons):
    with pytest.raises(ValueError, match="horizons"):
        EvaluationSettings(horizons=horizons)
