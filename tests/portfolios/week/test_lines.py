"""Lines of robustness: what they must equal, which data they may not use, and the reason of a missing line."""

import datetime as dt
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.catalogue import PORTFOLIOS
from assets.models.offset_windows import path_day
from assets.portfolios.reasons import NO_LINES
from assets.portfolios.week.advance import Tables, advance
from assets.portfolios.week.alphas import alpha_scores
from assets.portfolios.week.make_portfolio_lines import MEAN, SOLVES
from assets.portfolios.windows import lines_prices
from resources.builder import Builder
from resources.calendar import Calendar
from resources.settings.execution import ExecutionSettings
from resources.settings.fills import FillSettings
from resources.settings.lines import WEEKDAYS, LinesSettings
from resources.settings.portfolios import PortfoliosSettings
from tests.portfolios.week import test_portfolio_tables as tables
from tests.portfolios.week.portfolio_market import CALENDAR, SETTINGS, WEEKS, Market
from tests.portfolios.week.test_portfolio_tables import Tree, world

ALL = LinesSettings(alphas=("skewness",), weekdays=WEEKDAYS)
RETURNS = ["date", "gross", "cost", "net", "benchmark", "turnover"]


def build(builder: Builder, weeks: list[dt.date] = WEEKS) -> pl.DataFrame:
    table = builder.tables["portfolio_lines"]
    outcomes = builder.build(table, weeks)
    assert [one.state for one in outcomes] == ["built"] * len(weeks), outcomes
    return builder.lake.read(table, weeks).collect()


def of(frame: pl.DataFrame, line: str) -> pl.DataFrame:
    return frame.filter(pl.col("line") == line).sort("date").select(RETURNS)


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return world(tmp_path_factory.mktemp("lines"), Tree(lines=ALL))


@pytest.fixture(scope="module")
def lines(builder: Builder) -> pl.DataFrame:
    return build(builder)


def test_the_friday_path_and_the_line_of_the_same_score_are_the_portfolio(
    builder: Builder, lines: pl.DataFrame
) -> None:
    for name in ("csi500_portfolio", "csi1000_portfolio", "portfolio_returns"):
        builder.build(builder.tables[name], WEEKS)
    returns = builder.lake.read(builder.tables["portfolio_returns"], WEEKS).collect().sort("date").select(RETURNS)
    assert returns.height > 20
    assert of(lines, "friday").equals(returns)
    assert of(lines, "skewness").equals(returns)


def one_run(market: Market, weekday: str, settings: PortfoliosSettings = SETTINGS) -> list[tuple]:
    """A path carried from signal day to signal day, without a partition in between: date and net return of its days."""
    state, last, found = None, None, []
    for week in WEEKS:
        day = path_day(CALENDAR, week, weekday)
        days = CALENDAR.days(CALENDAR.next_day(last) if last else CALENDAR.first, day)
        known = Tables(
            alpha_scores(market.scores.lazy(), market.factors.lazy(), "skewness", day),
            market.styles.filter(pl.col("date") == day),
            market.prices.filter(pl.col("date") <= day),
            market.securities.filter(pl.col("date").is_in(days)),
            market.indices.filter(pl.col("date") == day),
            market.minute_bars.filter(pl.col("date") == days[0]),
        )
        step = advance(PORTFOLIOS[0], state, known, days, CALENDAR, settings)
        state, last = step.state, day
        found += [(one.date, one.net) for one in step.held.days]
    return found


@pytest.mark.parametrize("weekday", ["monday", "wednesday"])
def test_a_path_is_one_run_from_signal_day_to_signal_day(lines: pl.DataFrame, weekday: str) -> None:
    """The ends of partitions on Fridays have no effect on its returns."""
    found, own = one_run(Market(seed=9), weekday), of(lines, weekday)
    last = path_day(CALENDAR, WEEKS[-1], weekday)
    assert own["date"].to_list() == CALENDAR.days(own["date"][0], CALENDAR.signal_day(WEEKS[-1]))
    assert own.head(len(found)).select("date", "net").rows() == found
    assert own.height == len(found) + len([d for d in CALENDAR.week_days(WEEKS[-1]) if d > last])


def test_minute_bars_block_a_path_as_they_block_the_portfolio(
    lines: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other stock traded only at limit-up according to its minute bars, also on a trade day within a week."""
    locked = Market(seed=9)
    half = locked.prices.filter(pl.col("symbol").is_in(locked.symbols[::2])).with_columns(
        amount=pl.col("limit_up") * 1000
    )
    recorded = {"minute": pl.lit(570), "low": pl.col("limit_up"), "high": pl.col("limit_up")}
    bars = half.with_columns(**recorded)
    columns = [
        pl.col(name).cast(dtype) if name in bars.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in locked.minute_bars.schema.items()
    ]
    locked.minute_bars = bars.select(columns)
    monkeypatch.setattr(tables, "market", lambda: locked)
    by_minutes = ExecutionSettings(fills=FillSettings(rule="minutes"))
    settings = SETTINGS.model_copy(update={"execution": by_minutes})
    builder = world(tmp_path, Tree(portfolios=settings, lines=LinesSettings(weekdays=("wednesday", "friday"))))
    own = build(builder)
    found = one_run(locked, "wednesday", settings)
    path = of(own, "wednesday")
    assert path.head(len(found)).select("date", "net").rows() == found
    assert not path.equals(of(lines, "wednesday"))
    for name in ("csi500_portfolio", "csi1000_portfolio", "portfolio_returns"):
        builder.build(builder.tables[name], WEEKS)
    returns = builder.lake.read(builder.tables["portfolio_returns"], WEEKS).collect().sort("date").select(RETURNS)
    assert of(own, "friday").equals(returns)


def test_prices_cover_the_last_trade_day_whatever_the_maximum_age_of_weights() -> None:
    section = {"lines": ALL, "portfolios": SETTINGS.model_copy(update={"benchmark_max_age": 1})}
    read = lines_prices.keys(CALENDAR, WEEKS[2], section, CALENDAR.first)
    assert set(CALENDAR.week_days(WEEKS[1]) + CALENDAR.week_days(WEEKS[2])) <= set(read)


def test_their_mean_is_the_mean_of_the_days_that_all_paths_have(lines: pl.DataFrame) -> None:
    mean = of(lines, MEAN)
    paths = [of(lines, weekday) for weekday in WEEKDAYS]
    assert mean["date"].to_list() == sorted(set.intersection(*(set(path["date"]) for path in paths)))
    for column in ("gross", "cost", "net", "turnover"):
        each = [dict(path.select("date", column).iter_rows()) for path in paths]
        plain = [sum(one[day] for one in each) / 5 for day in mean["date"]]
        assert mean[column].to_numpy() == pytest.approx(np.array(plain), abs=1e-15)


def test_every_rebalance_is_verified_and_weekly(builder: Builder, lines: pl.DataFrame) -> None:
    for week in WEEKS:
        data = builder.lake.read_file(builder.tables["portfolio_lines"], week, SOLVES)
        solves = pl.read_parquet(io.BytesIO(data))
        assert set(solves["line"]) == {"skewness", *WEEKDAYS}
        assert solves["residual"].max() <= 1e-8
        assert solves["duality_gap"].abs().max() <= 1e-8
        days = dict(solves.select("line", "date").iter_rows())
        assert [days[weekday] for weekday in WEEKDAYS] == CALENDAR.week_days(week)


def test_later_days_have_no_effect_on_a_day(
    lines: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With noise in place of all data after a Wednesday, the rows of every line up to it are the same, also in that week."""
    cut = CALENDAR.week_days(WEEKS[3])[2]
    noisy, other = Market(seed=9), Market(seed=10)
    for name in ("prices", "securities", "indices", "styles", "factors"):
        before, after = (getattr(noisy, name).filter(pl.col("date") <= cut), getattr(other, name))
        setattr(noisy, name, pl.concat([before, after.filter(pl.col("date") > cut)]))
    noisy.indices = noisy.indices.with_columns(
        pl.when(pl.col("date") > cut)
        .then(pl.lit(CALENDAR.next_day(cut)))
        .otherwise("published_date")
        .alias("published_date")
    )
    monkeypatch.setattr(tables, "market", lambda: noisy)
    found = build(world(tmp_path, Tree(lines=ALL)), WEEKS[:4])
    known = pl.col("date") <= cut
    order = ["line", "date"]
    assert found.filter(known).sort(order).equals(lines.filter(known).sort(order))
    assert not of(found, "monday").equals(of(lines.filter(pl.col("week") <= WEEKS[3]), "monday"))


def test_week_by_week_equals_a_backfill(lines: pl.DataFrame, tmp_path: Path) -> None:
    other = world(tmp_path, Tree(lines=ALL))
    weekly = pl.concat([build(other, [week]) for week in WEEKS])
    assert weekly.equals(lines)


def test_without_a_line_nothing_is_read_or_stored(tmp_path: Path) -> None:
    builder = world(tmp_path, Tree())
    table = builder.tables["portfolio_lines"]
    assert build(builder).is_empty()
    for week in WEEKS:
        assert all(not keys for _, keys in builder.reads(table, week))
        assert builder.lake.manifest(table, week).notes["lines"] == NO_LINES().to_json()


def test_a_line_that_cannot_be_built_has_a_reason(builder: Builder, lines: pl.DataFrame, tmp_path: Path) -> None:
    recorded = builder.lake.manifest(builder.tables["portfolio_lines"], WEEKS[-1]).unavailable
    assert "no weights of 000852.SH" in str(recorded["csi1000: monday"])
    assert not any(key.startswith("csi500") for key in recorded)
    other = world(tmp_path, Tree(lines=LinesSettings(alphas=(("skewness", "gru_50_1"), "skewness"))))
    found = build(other)
    assert set(found["line"]) == {"skewness"}
    recorded = other.lake.manifest(other.tables["portfolio_lines"], WEEKS[0]).unavailable
    assert "gru_50_1" in str(recorded["csi500: skewness + gru_50_1"])


def test_a_line_on_an_unknown_factor_is_refused(tmp_path: Path) -> None:
    builder = world(tmp_path, Tree(lines=LinesSettings(alphas=("skewnes",))))
    (outcome,) = builder.build(builder.tables["portfolio_lines"], WEEKS[:1])
    assert outcome.state == "blocked"
    assert "lines.alphas = 'skewnes' is no factor; choose one of skewness" in str(outcome.detail)


@pytest.mark.parametrize(
    "wrong",
    [
        {"alphas": ["skewness", "skewness"]},
        {"alphas": [[]]},
        {"alphas": [["a", "a"]]},
        {"weekdays": ["monday", "monday"]},
    ],
)
def test_a_repeated_line_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"twice|without repetition"):
        LinesSettings.model_validate(wrong)


def test_on_a_holiday_a_path_signals_on_the_last_day_before_it_or_the_weeks_first() -> None:
    week = dt.date(2023, 6, 5)
    short = Calendar([dt.date(2023, 6, 2), *(week + dt.timedelta(days=k) for k in (1, 2, 4)), dt.date(2023, 6, 12)])
    days = [path_day(short, week, weekday).day for weekday in WEEKDAYS]
    assert days == [6, 6, 7, 7, 9]
