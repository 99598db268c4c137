"""The report's account of the excess: weeks add up, every number on the page is one of the table's, n/a has its reason."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import catalogue
from assets.portfolios.schemas import ATTRIBUTION, COMPONENTS
from assets.report.contributions import Contributions, chain_weeks, sum_contributions
from assets.report.issue import Grid
from assets.report.numbers import percent
from assets.report.sections.attribution import FIGURES, figure_contributions, tabulate_contributions
from assets.report.words.attribution import WORDS
from assets.report.words.names import COMPONENTS as COMPONENT_NAMES
from assets.report.words.speaker import Speaker
from resources.language import Language
from resources.reasons import as_reason
from tests.report.random_issue import CALENDAR, NO_VALUE, random_attribution

WEEK = dt.date(2023, 12, 11)
BEGIN = dt.date(2017, 1, 1)
BOTH = ("csi500", "csi1000")


def speaker(language: Language = "en") -> Speaker:
    return Speaker.of(language, WORDS)


def table_of(found: dict[str, Contributions], language: Language = "en") -> Grid:
    return tabulate_contributions(found, speaker(language), "price")


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 60))
def test_weeks_chain_to_the_relative_strength(seed: int, weeks: int) -> None:
    values = np.random.default_rng(seed).uniform(-0.2, 0.2, (weeks, 3))
    linked = chain_weeks(values)
    assert linked.shape == values.shape
    strength = 1.0
    for k in range(len(values)):
        strength *= 1 + values[k].sum()
        assert linked[k].sum() == pytest.approx(strength - 1, rel=1e-12, abs=1e-12)


def test_week_and_year_are_the_sums_of_plain_loops() -> None:
    frame = random_attribution(60, BOTH, WEEK, seed=4)
    found = sum_contributions(frame, WEEK, BEGIN, {})
    for key in BOTH:
        rows = [row for row in frame.iter_rows(named=True) if row["portfolio"] == key and row["value"] is not None]
        strength, year = 1.0, dict.fromkeys(COMPONENTS, 0.0)
        for day in sorted({row["date"] for row in rows if row["date"].year == 2023}):
            own = [row for row in rows if row["date"] == day]
            for row in own:
                year[row["component"]] += strength * row["value"]
            strength *= 1 + sum(row["value"] for row in own)
        last = [row for row in rows if row["week"] == WEEK]
        for component in COMPONENTS:
            assert found[key].year[component] == pytest.approx(year[component], abs=1e-14)
            week = sum(row["value"] for row in last if row["component"] == component)
            assert found[key].week[component] == pytest.approx(week, abs=1e-15)
        assert sum(found[key].year.values()) == pytest.approx(strength - 1, abs=1e-13)
        assert len(found[key].dates) == 60
        assert found[key].missing == {("style", "value"): as_reason(NO_VALUE)}


def test_the_table_and_its_notes() -> None:
    found = sum_contributions(
        random_attribution(5, ("csi500",), WEEK), WEEK, BEGIN, {"csi1000": as_reason("no weights")}
    )
    table = table_of(found)
    assert [row.cells[0] for row in table.rows] == [*(COMPONENT_NAMES[c].en for c in COMPONENTS), "sum"]
    for row, component in zip(table.rows, COMPONENTS, strict=False):
        own = found["csi500"]
        assert row.cells[1:] == [percent(own.week[component], 3), percent(own.year[component], 3), "n/a", "n/a"]
    assert table.rows[-1].cells[1] == percent(sum(v for v in found["csi500"].week.values() if v is not None), 3)
    assert any("value: n/a (no fundamentals)" in note for note in table.notes)
    assert any("n/a (no weights)" in note for note in table.notes)
    assert all(len(row.cells) == len(table.heads[-1]) for row in table.rows)
    assert sum(span for _, span in table.heads[0]) == len(table.heads[1])
    chinese = table_of(found, "zh")
    assert chinese.rows[0].cells[0] == "选股"
    assert chinese.lead.startswith("本周")


def test_unknown_parts_are_na_and_not_zero() -> None:
    frame = random_attribution(3, BOTH, WEEK).with_columns(
        value=pl.when(~pl.col("component").is_in(["style", "industry"])).then("value"),
        reason=pl.when(pl.col("component").is_in(["style", "industry"])).then(pl.lit("too few")),
    )
    found = sum_contributions(frame, WEEK, BEGIN, {})["csi500"]
    assert found.week["style"] is found.year["industry"] is None
    assert found.week["delisting"] == 0.0
    nothing = sum_contributions(pl.DataFrame(schema=ATTRIBUTION), WEEK, BEGIN, {"csi500": as_reason("not built")})
    assert set(nothing["csi500"].week.values()) == {None}
    assert table_of(nothing).lead == WORDS["nothing"].en
    figures = figure_contributions(nothing, speaker(), CALENDAR)
    assert [figure.svg for figure in figures] == [None, None]
    assert figures[0].absent == "not built"


def test_charts_draw_the_sum_and_every_part() -> None:
    found = sum_contributions(random_attribution(8, BOTH, WEEK), WEEK, BEGIN, {})
    figures = figure_contributions(found, speaker("zh"), CALENDAR)
    assert tuple(figure.number for figure in figures) == FIGURES
    for figure, portfolio in zip(figures, catalogue.PORTFOLIOS, strict=True):
        assert portfolio.name_zh in figure.title
        assert figure.svg is not None
        for key in set(COMPONENTS) - {"delisting"}:
            assert COMPONENT_NAMES[key].zh in figure.svg
        assert COMPONENT_NAMES["delisting"].zh not in figure.svg


def test_every_component_has_a_name() -> None:
    assert set(COMPONENT_NAMES) == set(COMPONENTS)
