"""Both tables always have every row, with numbers or with a reason."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from assets import catalogue
from assets.performance.reasons import MODEL_NOT_BUILT, NO_RETURNS
from assets.portfolios.reasons import NOT_BUILT_YET
from assets.report.tables import (
    explain_absence,
    factor_series,
    portfolio_series,
    tabulate_factors,
    tabulate_ics,
    tabulate_portfolios,
)
from resources.reasons import as_reason
from tests.reasons import to_reasons
from tests.report.random_issue import inputs

DAY = dt.date(2023, 12, 15)


@pytest.fixture(scope="module")
def made():
    return inputs(factors=("skewness", "gru_50_1"), portfolios=("csi500",))


def periods_of(rows: list[tuple[dt.date, float, float]]) -> dict[str, float]:
    """SPEC §7 by loops: ratio of relative strength and difference of compounded returns of each period, wins of months."""
    firsts = {"week": dt.date(2023, 12, 11), "month": dt.date(2023, 12, 1), "ytd": dt.date(2023, 1, 1)}
    found: dict[str, float] = {}
    for period, first in firsts.items():
        own = against = strength = 1.0
        for date, one, other in rows:
            if first <= date <= DAY:
                own, against, strength = own * (1 + one), against * (1 + other), strength * (1 + one) / (1 + other)
        found[period], found[f"{period}_difference"] = strength - 1, own - against
    months: dict[int, float] = {}
    for date, one, other in rows:
        if firsts["ytd"] <= date <= DAY:
            months[date.month] = months.get(date.month, 1.0) * (1 + one) / (1 + other)
    return found | {"wins": sum(value > 1 for value in months.values()), "months": len(months)}


def test_table1_has_every_factor_in_order_and_the_numbers_of_its_legs(made):
    returns = made["factor_returns"].collect()
    table = tabulate_factors(factor_series(returns), DAY, {"gru_50_2": MODEL_NOT_BUILT()})
    assert table["factor"].to_list() == [factor.key for factor in catalogue.FACTORS]
    for key in ("skewness", "gru_50_1"):
        own = returns.filter(pl.col("factor") == key)
        row = table.row(by_predicate=pl.col("factor") == key, named=True)
        for name, against in (("long_short", "short"), ("long_excess", "market")):
            expected = periods_of(own.select("date", "long", against).rows())
            assert 0 < expected["wins"] < expected["months"]
            assert {k: row[f"{name}_{k}"] for k in expected} == pytest.approx(expected, rel=1e-12)
        assert row["reason"] is None
    empty = table.filter(pl.col("factor") == "gru_50_2").row(0, named=True)
    assert empty["reason"] == MODEL_NOT_BUILT().dumps()
    assert all(empty[column] is None for column in table.columns if column not in ("factor", "reason"))


def test_a_factor_without_this_week_keeps_its_year_and_says_why(made):
    returns = made["factor_returns"].collect().filter(pl.col("date") < dt.date(2023, 12, 11))
    row = tabulate_factors(factor_series(returns), DAY, {"skewness": as_reason("lost")}).row(0, named=True)
    assert (row["long_short_week"], row["reason"]) == (None, "lost")
    assert row["long_short_ytd"] is not None


def test_table2_has_both_portfolios(made):
    table = tabulate_portfolios(
        portfolio_series(made["portfolio_returns"].collect()), DAY, {"csi1000": as_reason("no weights")}
    )
    assert table["portfolio"].to_list() == ["csi500", "csi1000"]
    assert table["reason"].to_list() == [None, "no weights"]
    assert table["weeks"].to_list()[0] == 41  # from 1 March
    assert table["since"].to_list() == [dt.date(2023, 3, 1), None]
    strength, before, weeks = 1.0, {}, {}
    for row in made["portfolio_returns"].collect().sort("date").iter_rows(named=True):
        day = row["date"]
        for period in ("ytd", ("month", day.month), ("week", day.isocalendar().week)):
            before.setdefault(period, strength)
        strength *= (1 + row["net"]) / (1 + row["benchmark"])
        weeks[day.isocalendar().week] = strength / before["week", day.isocalendar().week] - 1
    row = table.row(0, named=True)
    assert row["excess_ytd"] == pytest.approx(strength / before["ytd"] - 1, abs=1e-12)
    assert row["excess_month"] == pytest.approx(strength / before["month", 12] - 1, abs=1e-12)
    assert row["excess_week"] == pytest.approx(weeks[50], abs=1e-12)
    assert (row["wins"], row["weeks"]) == (sum(one > 0 for one in weeks.values()), len(weeks))


def test_ics_not_yet_known_are_left_out(made):
    ics = made["rank_ics"].collect()
    late = tabulate_ics(ics, DAY).row(0, named=True)
    early = tabulate_ics(ics, dt.date(2023, 6, 1)).row(0, named=True)
    known = ics.filter((pl.col("factor") == "skewness") & (pl.col("next_trade_date") <= dt.date(2023, 6, 1)))
    assert early["count"] == known.height < late["count"]
    assert early["mean"] == pytest.approx(np.mean(known["rank_ic"].to_numpy()))
    assert tabulate_ics(ics, DAY).height == 16


def test_icir_is_yearly_by_each_factors_own_rebalancing(made):
    ics = made["rank_ics"].collect()
    rows = {row["factor"]: row for row in tabulate_ics(ics, DAY).iter_rows(named=True)}
    for key, periods in (("skewness", 12), ("gru_50_1", 52)):
        own = ics.filter(pl.col("factor") == key)["rank_ic"].to_numpy()
        assert rows[key]["icir"] == pytest.approx(own.mean() / own.std(ddof=1) * periods**0.5)


def test_reasons_come_from_upstream_first_then_from_what_is_built():
    factors, portfolios = explain_absence(
        to_reasons(
            {"factor_returns": {"skewness": "bars lack volume"}, "csi500_portfolio": {"weight": "no index weights"}}
        ),
        built={"gru_50_1", "csi1000_portfolio"},
        factors_seen=set(),
    )
    assert factors["skewness"] == as_reason("bars lack volume")
    assert factors["downside_volatility_share"] == NO_RETURNS()
    assert factors["gru_50_1"] == NO_RETURNS()
    assert factors["gru_50_2"] == MODEL_NOT_BUILT()
    assert portfolios == {"csi500": as_reason("no index weights"), "csi1000": NO_RETURNS()}
    _, nothing = explain_absence({}, built=set(), factors_seen=set())
    assert nothing == {"csi500": NOT_BUILT_YET(), "csi1000": NOT_BUILT_YET()}
