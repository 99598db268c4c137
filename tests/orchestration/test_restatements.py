"""The restatement log on the console, and the lines with which a run reports the issues that it replaces."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from orchestration.restatements import describe_issued, describe_restatements
from orchestration.run import main
from resources.issues import Issues
from resources.lake import Lake
from resources.parquet import encode
from tests.report.test_restatements import LANDED, WEEK, publish, with_other

TABLE1 = pl.DataFrame(
    {"factor": ["skewness", "large_trade_gain"], "long_short_week": [0.01, None], "long_short_wins": [3, 2]}
)
TABLE2 = pl.DataFrame({"portfolio": ["csi500"], "excess_week": [0.002]})


def files(table1: pl.DataFrame, page: bytes = b"page") -> dict[str, bytes]:
    return {"table1.parquet": encode(table1), "table2.parquet": encode(TABLE2), "report.html": page}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three issues of one week: two figures move, then only the page."""
    found = Lake(str(tmp_path / "lake"))
    moved = TABLE1.with_columns(long_short_week=pl.Series([0.0085, 0.02]))
    restated = with_other("ticks", "x", day=dt.date(2023, 12, 12))
    publish(found.store, files(TABLE1))
    publish(found.store, files(moved), restated)
    publish(
        found.store,
        files(moved, b"other"),
        restated.with_columns(digest=pl.when(pl.col("kind") == "code").then(pl.lit("d")).otherwise("digest")),
    )
    return found


def test_the_log_on_the_console(lake: Lake) -> None:
    lines = describe_restatements(SimpleNamespace(lake=lake))
    times = [f"{one.published:%Y-%m-%d %H:%M} UTC: " for one in Issues(lake.store, "report").of(WEEK)]
    assert lines == [
        f"{times[1]}issue 2 of the week of {WEEK} replaces issue 1; 2 published figures moved, by at most 0.0015 "
        "(delivered again: ticks/20231212/)",
        "  table1 skewness long_short_week: 0.01 → 0.0085 (-0.0015)",
        "  table1 large_trade_gain long_short_week: n/a → 0.02 (n/a)",
        f"{times[2]}issue 3 of the week of {WEEK} replaces issue 2; no published figures moved (the code of these tables changed: report)",
        "2 restatements.",
    ]
    assert describe_restatements(SimpleNamespace(lake=lake), WEEK) == lines
    assert describe_restatements(SimpleNamespace(lake=lake), dt.date(2023, 12, 4)) == ["0 restatements."]


def test_a_run_reports_the_issues_that_replace_others(lake: Lake) -> None:
    first, second, _ = Issues(lake.store, "report").of(WEEK)
    table = SimpleNamespace(name="report")
    builder = SimpleNamespace(lake=lake, issued=[(table, first), (table, second)])
    (line,) = describe_issued(builder)
    assert line.startswith(f"restated: issue 2 of the week of {WEEK} replaces issue 1; 2 published figures moved")


def test_a_build_that_changes_nothing_is_reported(lake: Lake) -> None:
    issues = Issues(lake.store, "report")
    last = issues.of(WEEK)[-1]
    record = issues.confirm(WEEK, last.content, LANDED)
    (line,) = describe_issued(SimpleNamespace(lake=lake, issued=[(SimpleNamespace(name="report"), record)]))
    assert line == (
        f"restated: issue 3 of the week of {WEEK} is unchanged (delivered again: ticks/20231212/; "
        "the code of these tables changed: report)"
    )


@pytest.mark.parametrize("option", ["--plan", "--refused", "--verify", "--force"])
def test_options_that_contradict_are_refused(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    arguments = ["--market", str(market), "--lake", str(tmp_path / "new"), "--profile", "sample"]
    assert main([*arguments, "--restatements", option]) == 1
    assert "can only be combined with" in capsys.readouterr().err
    assert main([*arguments, "--restatements"]) == 1
    assert "There is no lake" in capsys.readouterr().err
