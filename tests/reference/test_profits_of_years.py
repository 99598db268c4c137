"""Tests the findings on profits of four quarters: fourth quarters with the profit of the year, and trailing sums."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.announcements import fourth_quarters_off, large_fourth_quarters, steady_profits, trailing_profits
from resources.reasons import Reason
from resources.settings.reference import ReferenceSettings

DATE = dt.date(2016, 6, 30)
Figures = dict[str, dict[int, float]]  # symbol → number of the quarter since 2014Q1 → profit


def period(number: int) -> dt.date:
    year, quarter = 2014 + number // 4, number % 4 + 1
    return dt.date(year, 3 * quarter, 31 if quarter in (1, 4) else 30)


def announced(figures: Figures, equity: float = 1e9) -> pl.DataFrame:
    rows = [
        (symbol, period(number), period(number) + dt.timedelta(days=30), profit, equity)
        for symbol, own in figures.items()
        for number, profit in own.items()
    ]
    schema = {
        "symbol": pl.String, "period": pl.Date, "announce_date": pl.Date, "net_profit": pl.Float64, "equity": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def seasonal(names: int, seed: int, quarters: int = 8, level: float = 2e7) -> Figures:
    """Return single quarters with a season of each stock and noise."""
    rng = np.random.default_rng(seed)
    found: Figures = {}
    for name in range(names):
        season = rng.lognormal(0, 0.5, 4)
        own = level * season[np.arange(quarters) % 4] * rng.lognormal(0, 0.1, quarters)
        found[f"{600000 + name}.SH"] = dict(enumerate(own.tolist()))
    return found


def changed(figures: Figures, f: Callable[[dict[int, float], int], float]) -> Figures:
    return {symbol: {number: f(own, number) for number in own} for symbol, own in figures.items()}


def annual_fourth(own: dict[int, float], number: int) -> float:
    return sum(own[n] for n in range(number - 3, number + 1)) if number % 4 == 3 else own[number]


def trailing(figures: Figures) -> Figures:
    return {s: {n: sum(own[n - k] for k in range(4)) for n in own if n >= 3} for s, own in figures.items()}


def findings(
    figures: Figures | pl.DataFrame, equity: float = 1e9, **chosen: float
) -> tuple[Reason | None, Reason | None]:
    frame = figures if isinstance(figures, pl.DataFrame) else announced(figures, equity)
    latest = frame.sort("period").unique("symbol", keep="last").select("equity", "net_profit")
    chosen_settings = ReferenceSettings().model_copy(update=chosen)
    fourth = fourth_quarters_off(frame, DATE, chosen_settings)
    trailing = trailing_profits(frame, latest, DATE, chosen_settings)
    return fourth[0] or trailing[0], fourth[1] or trailing[1]


@pytest.mark.parametrize(("names", "quarters"), [(8, 4), (8, 8), (200, 8)])
def test_fourth_quarters_with_the_profit_of_the_year_are_refused(names: int, quarters: int) -> None:
    single = seasonal(names, seed=1, quarters=quarters)
    assert findings(single) == (None, None)
    found, _ = findings(changed(single, annual_fourth))
    assert found is not None
    assert "the rows of the fourth quarters have the profit of the year" in str(found)
    assert f"in {names * quarters // 4} of {names * quarters // 4} years" in str(found)


def test_one_year_in_another_form_is_reported() -> None:
    single = seasonal(40, seed=2)
    found, _ = findings(
        changed(single, lambda own, n: annual_fourth(own, n) if n < 4 else own[n]), max_large_fourth_quarters=0.6
    )
    assert found is not None
    assert "in 40 of 40 years of 2014 of a stock" in str(found)


@given(
    st.dictionaries(
        st.sampled_from(["600000.SH", "600001.SH", "600002.SH"]),
        st.dictionaries(st.integers(0, 9), st.sampled_from([-3.0, 0.0, 1.0, 2.0, 2.1, 2.2, 5.0, 10.0])),
    )
)
@settings(max_examples=300, deadline=None)
def test_counts_equal_a_plain_count(figures: Figures) -> None:
    large: dict[int, tuple[int, int]] = {}
    for own in figures.values():
        for year in (2014, 2015, 2016):
            profits = [own[n] for n in range(4 * (year - 2014), 4 * (year - 2014) + 4) if n in own]
            if len(profits) == 4 and min(profits[:3]) > 0:
                count, of = large.get(year, (0, 0))
                large[year] = count + (profits[3] >= profits[0] + profits[1] + profits[2]), of + 1
    frame = announced(figures)
    assert large_fourth_quarters(frame, DATE) == large
    steady, judged, returns = 0, 0, []
    for own in figures.values():
        for n, profit in own.items():
            if n - 1 in own and n - 4 in own:
                judged += 1
                returns.append(profit / 1e9)
                step = abs(profit - own[n - 1])
                steady += step < 0.2 * max(abs(profit), abs(own[n - 1])) and step < abs(profit - own[n - 4])
    found = steady_profits(frame, DATE)
    assert found[:2] == (steady, judged)
    assert found[2] == pytest.approx(float(np.median(returns)) if returns else 0.0)


@pytest.mark.parametrize("names", [8, 40])
def test_trailing_sums_are_refused_and_steady_single_quarters_are_not(names: int) -> None:
    rng = np.random.default_rng(3)
    single = seasonal(names, seed=3, quarters=10)
    for own in single.values():
        for number, growth in enumerate(np.cumprod(rng.uniform(0.95, 1.15, 10)).tolist()):
            own[number] *= growth
    assert findings(single) == (None, None)
    found, _ = findings(trailing(single))
    assert found is not None
    assert "these are trailing sums of four quarters" in str(found)
    # Profits that grow without seasons are as steady; their size distinguishes them.
    growing = {s: {n: 1e7 * 1.05**n for n in own} for s, own in single.items()}
    assert findings(growing) == (None, None)
    found, _ = findings(trailing(growing), equity=4e8)
    assert found is not None


@pytest.mark.parametrize(("names", "refused"), [(8, False), (60, True)])
def test_the_size_of_profits_refuses_many_stocks_and_warns_of_few(names: int, refused: bool) -> None:
    """Each stock has a single announcement, so that only the size is evidence."""
    one = {s: {3: 8e7} for s in seasonal(names, seed=0)}
    found, doubt = findings(one)
    message = found if refused else doubt
    assert (found is not None) == refused
    assert message is not None
    assert f"net_profit / equity of {names} of {names} stocks is above 0.04" in str(message)
    assert findings({s: {3: 2e7} for s in one}) == (None, None)
