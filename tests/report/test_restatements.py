"""The restatement log: exactly the figures that differ, what had changed, and its page in both languages."""

import datetime as dt
import io
import random
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets import catalogue
from assets.report.restatements import LOG, PAGE, SCHEMA, explain_change, list_restatements, moved_figures, write_log
from assets.report.words.restatements import WORDS
from resources.issues import SOURCES_SCHEMA, Issues
from resources.lake import content_digest
from resources.manifest import Manifest
from resources.parquet import encode
from resources.reasons import Reason
from resources.settings.report import ReportSettings
from resources.store import Store, digest
from tests.report.random_issue import inputs, make_report

WEEK = dt.date(2023, 12, 11)
FILES = ("table1.parquet", "table2.parquet")


@pytest.fixture(scope="module")
def tables() -> dict[str, bytes]:
    """Tables 1 and 2 as an issue holds them."""
    from tests.report.findings import without_charts

    with without_charts():
        made = make_report(**inputs())
    return {name: made.files[name] for name in FILES}


def frames(files: dict[str, bytes]) -> dict[str, pl.DataFrame]:
    return {name.removesuffix(".parquet"): pl.read_parquet(io.BytesIO(data)) for name, data in files.items()}


def changed(files: dict[str, bytes], seed: int) -> dict[str, bytes]:
    """The tables with some numbers moved, some lost and some found."""
    draw = random.Random(seed)
    found = {}
    for name, frame in frames(files).items():
        columns = []
        for column in frame.iter_columns():
            if column.dtype.is_numeric():
                values = column.to_list()
                for at in range(len(values)):
                    if draw.random() < 0.1:
                        step = draw.choice([0.01, -0.2, 1e-7]) if column.dtype.is_float() else draw.choice([1, -1])
                        values[at] = draw.choice([None, (values[at] or 0) + step])
                column = pl.Series(column.name, values, column.dtype)
            columns.append(column)
        found[f"{name}.parquet"] = encode(pl.DataFrame(columns))
    return found


def sources(*rows: tuple[str, str, dt.date | None, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, SOURCES_SCHEMA, orient="row").sort("kind", "name", "day")


LANDED = sources(
    *(("landing", "ticks", dt.date(2023, 12, day), f"t{day}") for day in (11, 12)),
    *(("landing", "daily_prices", dt.date(2023, 12, day), f"p{day}") for day in (8, 11, 12)),
    ("declaration", "daily_prices", None, "d"),
    ("settings", "factors", None, "f"),
    ("settings", "run settings", None, "r"),
    ("code", "report", None, "c"),
    ("library", "polars", None, "2.1.0"),
)


def publish(store: Store, files: dict[str, bytes], made_from: pl.DataFrame | None = LANDED) -> None:
    part = encode(pl.DataFrame({"week": [WEEK]}))
    manifest = Manifest(
        "report", str(WEEK), "v", content_digest(part, files, {}), {}, {}, "s", "c", 1,
        files={name: digest(data) for name, data in files.items()},
    )  # fmt: skip
    assert Issues(store, "report").publish(WEEK, part, files, manifest, made_from) is not None


def with_other(name: str, value: str, kind: str = "", day: dt.date | None = None) -> pl.DataFrame:
    own = pl.col("name") == name
    if kind:
        own &= pl.col("kind") == kind
    if day:
        own &= pl.col("day") >= day
    return LANDED.with_columns(digest=pl.when(own).then(pl.lit(value)).otherwise("digest"))


@pytest.mark.parametrize("seed", range(8))
def test_the_log_names_exactly_the_figures_that_differ(tables, seed: int, tmp_path: Path) -> None:
    """Compared with a plain loop over the cells of both issues."""
    other = changed(tables, seed)
    store = Store(str(tmp_path / "lake"))
    publish(store, tables)
    publish(store, other)
    rows = list_restatements(Issues(store, "report"))
    assert dict(rows.schema) == SCHEMA
    expected = []
    for table, key in (("table1", "factor"), ("table2", "portfolio")):
        before, after = (pl.read_parquet(io.BytesIO(one[f"{table}.parquet"])) for one in (tables, other))
        for at in range(before.height):
            for column in before.columns:
                was, now = before[column][at], after[column][at]
                if column not in (key, "since", "reason") and was != now:
                    expected.append((table, before[key][at], column, was, now))
    assert expected
    assert rows.select("table", "row", "column", "before", "after").rows() == [
        (*one[:3], *(None if value is None else float(value) for value in one[3:])) for one in expected
    ]
    for row in rows.iter_rows(named=True):
        assert (row["week"], row["issue"], row["replaces"]) == (WEEK, 2, 1)
        known = row["before"] is not None and row["after"] is not None
        assert row["difference"] == (row["after"] - row["before"] if known else None)


def test_equal_tables_move_nothing(tables) -> None:
    assert moved_figures(frames(tables), frames(tables)).is_empty()


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (with_other("ticks", "x", day=dt.date(2023, 12, 12)), "delivered again: ticks/20231212/"),
        (LANDED.vstack(sources(("landing", "bars", dt.date(2023, 12, 7), "b"))), "delivered later: bars/20231207.parquet"),
        (LANDED.filter(pl.col("digest") != "t11"), "withdrawn: ticks/20231211/"),
        (
            with_other("daily_prices", "x", "landing", dt.date(2023, 12, 11)),
            "rows of the reference table daily_prices that are known from 2023-12-11 on were corrected",
        ),
        (LANDED.vstack(sources(("landing", "daily_prices", dt.date(2023, 12, 7), "q"))), "no recorded source differs"),
        (with_other("daily_prices", "x"), "declarations of deliveries changed: daily_prices"),
        (with_other("factors", "x"), "settings changed: factors"),
        (with_other("run settings", "x"), "settings changed: run settings"),
        (
            LANDED.with_columns(digest=pl.when(pl.col("kind") == "settings").then(pl.lit("x")).otherwise("digest")),
            "settings changed: factors",
        ),
        (with_other("report", "x"), "the code of these tables changed: report"),
        (with_other("polars", "2.2.0"), "libraries changed: polars 2.1.0 → 2.2.0"),
        (LANDED, "no recorded source differs"),
        (None, "unknown, because an earlier version made the issue before and did not record its sources"),
    ],
)  # fmt: skip
def test_the_cause_is_traced_to_what_was_delivered_or_changed(after: Any, words: str) -> None:
    assert str(explain_change(LANDED, after)) == words


def test_causes_are_joined_and_long_lists_shortened() -> None:
    days = [dt.date(2023, 1, 2) + dt.timedelta(days=n) for n in range(20)]
    before, after = (sources(*(("landing", "bars", day, letter) for day in days)) for letter in "ab")
    before = before.vstack(sources(("code", "report", None, "c")))
    words = str(explain_change(before, after.vstack(sources(("code", "report", None, "d")))))
    assert words.startswith("delivered again: bars/20230102.parquet, ")
    assert "… (+12); the code of these tables changed: report" in words


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_prints_what_moved_in_print(tables, tmp_path: Path, language: Any) -> None:
    store = Store(str(tmp_path / "lake"))
    publish(store, tables)
    table1 = frames(tables)["table1"]
    was = table1["long_short_week"][0]
    moved = table1.with_columns(
        long_short_week=pl.when(pl.col("factor") == "skewness").then(was + 0.0123).otherwise("long_short_week"),
        long_excess_week=pl.col("long_excess_week") + 1e-9,
        long_short_week_difference=pl.lit(0.5),
    )
    publish(store, {**tables, "table1.parquet": encode(moved)}, with_other("ticks", "x", day=dt.date(2023, 12, 12)))
    publish(store, {**tables, "table1.parquet": encode(moved), "report.html": b"other"})
    files = write_log(Issues(store, "report"), ReportSettings(language=language))
    assert files == write_log(Issues(store, "report"), ReportSettings(language=language))
    page = files[PAGE].decode()
    words = " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())
    factor = catalogue.BY_KEY["skewness"]
    assert (factor.name_zh if language == "zh" else factor.name_en) in words
    assert f"{was * 100:.2f}%" in words
    assert f"{(was + 0.0123) * 100:.2f}%" in words
    assert "+1.2300" in words
    assert "ticks/20231212/" in words
    for key in ("log_none_moved", "log_lead", "log_title"):
        assert WORDS[key][language] in words
    assert words.index(WORDS["log_none_moved"][language]) < words.index("+1.2300")  # the latest issue comes first
    assert re.findall(r'href="([^"]+)"', page) == [f"report_{WEEK}_{number}/report.html" for number in (2, 3, 1, 2)]
    rows = pl.read_parquet(io.BytesIO(files[LOG]))
    further = rows.filter(issue=2).height - 1
    assert WORDS["log_beyond_print"][language].format(count=further) in words
    last = rows.filter(issue=3)
    assert last.height == 1
    assert last["table"].to_list() == [None]
    assert "http" not in page


def test_a_log_without_restatements(tables, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    for expected in (0, 0):
        files = write_log(Issues(store, "report"), ReportSettings(language="en"))
        assert pl.read_parquet(io.BytesIO(files[LOG])).height == expected
        assert "Nothing has been restated." in files[PAGE].decode()
        if not Issues(store, "report").places():
            publish(store, tables)


def test_a_damaged_issue_is_named_and_stops_no_log(tables, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "lake"))
    publish(store, tables)
    publish(store, changed(tables, 1))
    path = tmp_path / "lake" / "_issues" / f"report_{WEEK}_1" / "table1.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    (row,) = list_restatements(Issues(store, "report")).iter_rows(named=True)
    assert "a kept issue is damaged and cannot be compared" in str(Reason.loads(row["changed"]))
    assert row["table"] is None
