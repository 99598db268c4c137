"""The report's lines of robustness: every number on the page against plain loops; nothing where none is set."""

import datetime as dt
import io
import itertools
import math
import operator
import zipfile

import numpy as np
import polars as pl
import pytest

from assets.report.issue import Grid
from assets.report.lines import COLUMNS, ITSELF, LEAST_DAYS, Lines, judge_line, judge_lines
from assets.report.sections.lines import TABLE, tabulate_lines
from assets.report.words.lines import WORDS
from assets.report.words.names import LINES as LINE_NAMES
from assets.report.words.speaker import Speaker
from resources.reasons import as_reason
from tests.report.random_issue import CALENDAR, inputs, make_report

DAY = dt.date(2023, 12, 15)
NAMES = ("gru_50_1", "multi_granularity_5d + multi_granularity_10d", "monday", "mean of weekdays")


def rows(n: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    days = CALENDAR.days(CALENDAR.offset(DAY, 1 - n), DAY)
    return pl.DataFrame(
        {
            "date": days,
            "net": rng.normal(0, 0.01, n),
            "benchmark": rng.normal(0, 0.01, n),
            "turnover": [0.25 if day.weekday() == 0 else 0.0 for day in days],
        },
        schema={"date": pl.Date, "net": pl.Float64, "benchmark": pl.Float64, "turnover": pl.Float64},
    )


def table_of(lines: Lines | None) -> Grid:
    assert lines is not None
    return tabulate_lines(lines, Speaker.of("en", WORDS))


def plain_line(frame: pl.DataFrame) -> dict[str, float]:
    """A line's statistics by loops over its days up to DAY that have a benchmark."""
    rows = [
        row for row in frame.sort("date").iter_rows(named=True) if row["date"] <= DAY and row["benchmark"] is not None
    ]
    daily = [(1 + row["net"]) / (1 + row["benchmark"]) - 1 for row in rows]
    strength, top, deepest, week, ytd = 1.0, 1.0, 0.0, 1.0, 1.0
    for row, value in zip(rows, daily, strict=True):
        strength *= 1 + value
        top = max(top, strength)
        deepest = min(deepest, strength / top - 1)
        week *= 1 + value if row["date"] >= dt.date(2023, 12, 11) else 1.0
        ytd *= 1 + value if row["date"].year == 2023 else 1.0
    mean = sum(daily) / len(daily)
    error = math.sqrt(sum((value - mean) ** 2 for value in daily) / (len(daily) - 1)) * math.sqrt(252)
    annual = strength ** (252 / len(daily)) - 1
    traded: dict[tuple[int, int], float] = {}
    for row in rows:
        key = row["date"].isocalendar()[:2]
        traded[key] = traded.get(key, 0.0) + row["turnover"]
    weeks = [value for value in traded.values() if value > 0]
    return {
        "week": week - 1, "ytd": ytd - 1, "annual": annual, "error": error, "ratio": annual / error, "drawdown": deepest,
        "turnover": sum(weeks) / len(weeks),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_statistics_of_a_line_equal_plain_loops(seed: int) -> None:
    frame = rows(100, seed)
    late = frame.head(1).with_columns(date=pl.lit(DAY + dt.timedelta(days=3)), net=pl.lit(9.0))
    one = judge_line(pl.concat([frame, late]), DAY)
    assert {name: getattr(one, name) for name in COLUMNS} == pytest.approx(plain_line(frame), rel=1e-12)
    assert one.turnover == pytest.approx(0.25)
    daily = [(1 + own) / (1 + index) for own, index in frame.select("net", "benchmark").iter_rows()]
    assert one.strength == pytest.approx(list(itertools.accumulate(daily, operator.mul)))


def test_paths_held_together_turn_over_as_much_a_week_as_each_alone() -> None:
    together = rows(100).with_columns(turnover=pl.lit(0.05))  # five paths, a fifth of the money each
    weeks = {CALENDAR.week_of(day) for day in together["date"]}
    assert judge_line(together, DAY).turnover == pytest.approx(0.05 * together.height / len(weeks))


def test_too_few_days_and_days_without_a_benchmark() -> None:
    few = judge_line(rows(LEAST_DAYS - 1), DAY)
    assert (few.annual, few.error, few.ratio, few.drawdown) == (None, None, None, None)
    assert few.week is not None
    holes = rows(60).with_columns(
        pl.when(pl.col("date").dt.weekday() == 3).then(None).otherwise("benchmark").alias("benchmark")
    )
    judged = judge_line(holes, DAY)
    assert {name: getattr(judged, name) for name in COLUMNS} == pytest.approx(plain_line(holes), rel=1e-12)
    assert judged.annual != pytest.approx(judge_line(rows(60), DAY).annual, rel=1e-3)
    none = judge_line(rows(60).clear(), DAY)
    assert (none.week, none.annual, none.turnover) == (None, None, None)


def test_the_table_holds_the_portfolio_its_lines_and_what_is_missing() -> None:
    given = inputs(lines=NAMES)
    lines, returns = given["portfolio_lines"].collect(), given["portfolio_returns"].collect()
    found = judge_lines(
        lines, returns, DAY, {"csi1000: monday": as_reason("no weights"), "week": as_reason("of a column")}
    )
    grid = table_of(found)
    assert grid.number == TABLE
    cells = [row.cells for row in grid.rows]
    assert [row[0] for row in cells] == [
        "the portfolio", "GRU(50,1)+NN(10)", "mean of factors 15 and 16", "Monday path", "mean of the paths",
    ]  # fmt: skip
    assert [sum(span for _, span in head) for head in grid.heads] == [len(cells[0])] * 2
    for row, name in zip(cells, (ITSELF, *NAMES), strict=True):
        source = returns if name == ITSELF else lines.filter(pl.col("line") == name)
        for n, key in enumerate(("csi500", "csi1000")):
            one = plain_line(source.filter(pl.col("portfolio") == key))
            cells_of_one = dict(zip(COLUMNS, row[1 + n * len(COLUMNS) :][: len(COLUMNS)], strict=True))
            for column, cell in cells_of_one.items():
                printed = float(cell) if column == "ratio" else float(cell.removesuffix("%")) / 100
                assert printed == pytest.approx(one[column], abs=0.0051 if column == "ratio" else 5.1e-5), (
                    name,
                    column,
                )
    alone = judge_lines(lines.filter(pl.col("portfolio") == "csi500"), returns, DAY, {})
    grid_alone = table_of(alone)
    assert grid_alone.rows[1].cells[1 + len(COLUMNS) :] == ["n/a"] * len(COLUMNS)
    assert any("Monday path: n/a (no weights)" in note for note in grid.notes)
    assert len(grid.notes) == 2


def test_the_report_prints_lines_only_where_they_are_set() -> None:
    without, given = make_report(**inputs()), make_report(**inputs(lines=NAMES))
    title = WORDS["title"]["zh"]
    assert title not in without.files["report.html"].decode()
    page = given.files["report.html"].decode()
    assert title in page
    assert LINE_NAMES["monday"]["zh"] in page
    assert {"figures/figure_A5.svg", "figures/figure_A6.svg"} == set(given.files) - set(without.files)
    assert TABLE in zipfile.ZipFile(io.BytesIO(given.files["report.xlsx"])).read("xl/workbook.xml").decode()
