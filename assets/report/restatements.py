"""The restatement log: which figures of an issue moved after it was published, by how much, and what had changed.

The log is derived from the kept issues of each week (resources/issues.py), of which it compares each with the one before. This module
holds the comparison and the files of the log. It does not hold the wording (sections/restatements.py) or the appearance (render/log.py).
"""

import datetime as dt
import io
from collections.abc import Iterator, Mapping
from itertools import pairwise

import polars as pl

from assets.report.reasons import (
    CODE_RESTATED,
    DECLARATIONS_RESTATED,
    FILES_ADDED,
    FILES_RESTATED,
    FILES_WITHDRAWN,
    ISSUE_DAMAGED,
    LIBRARIES_RESTATED,
    NO_SOURCE_RESTATED,
    REFERENCE_ADDED,
    REFERENCE_RESTATED,
    REFERENCE_WITHDRAWN,
    SETTINGS_RESTATED,
    SOURCES_UNKNOWN,
)
from assets.report.render.log import render_log
from assets.report.sections.restatements import write_log_page
from resources.issues import CODE, DECLARATION, LANDING, LIBRARY, SETTINGS, Issues, KeptIssue
from resources.landing import NOTHING
from resources.parquet import encode
from resources.reasons import Code, Reason, joined
from resources.reference_tables import REFERENCE
from resources.settings.report import ReportSettings

LOG, PAGE = "restatements.parquet", "restatements.html"
TABLES = {"table1": "factor", "table2": "portfolio"}
"""The tables of figures: the side file without its suffix → the column that names its rows."""
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "published": pl.Datetime("us", "UTC"),
    "week": pl.Date,
    "issue": pl.Int64,
    "replaces": pl.Int64,
    "changed": pl.String,
    "table": pl.String,
    "row": pl.String,
    "column": pl.String,
    "before": pl.Float64,
    "after": pl.Float64,
    "difference": pl.Float64,
}
FIGURES = {name: SCHEMA[name] for name in ("table", "row", "column", "before", "after", "difference")}
RUN_SETTINGS = "run settings"  # of the report: the description of all settings, which changes with any of them
_LISTED = 8  # files, sections or tables that a cause names


def write_log(issues: Issues, settings: ReportSettings) -> dict[str, bytes]:
    """Write the files of the log: the table and the page, by name."""
    rows = list_restatements(issues)
    page = render_log(write_log_page(rows, settings), settings.language)
    return {LOG: encode(rows), PAGE: page.encode()}


def list_restatements(issues: Issues, week: dt.date | None = None) -> pl.DataFrame:
    """List the restatements of all weeks, or of one: SCHEMA, one row per figure that moved, by week and in order of publication.

    A restatement that moved no figure has one row without a figure. changed: what had changed (`Reason.dumps`). replaces: the number of
    the issue before; equal to `issue` where other deliveries led to the same issue.
    """
    places = issues.places()
    weeks = {one.week for one in places if week in (None, one.week)}
    frames = [pl.DataFrame(schema=SCHEMA)]
    for monday in sorted(weeks):
        if sum(one.week == monday for one in places) > 1:
            frames += [_compare(issues, *pair) for pair in pairwise(issues.of(monday, places))]
    return pl.concat(frames)


def _compare(issues: Issues, before: KeptIssue, after: KeptIssue) -> pl.DataFrame:
    changed = explain_change(issues.sources(before), issues.sources(after))
    moved = pl.DataFrame(schema=FIGURES)
    if before.place.number != after.place.number:
        tables = [{name: issues.read(one, f"{name}.parquet") for name in TABLES} for one in (before, after)]
        if any(data is None for one in tables for data in one.values()):
            changed = joined([changed, ISSUE_DAMAGED()]) or changed
        else:
            old, new = (
                {name: pl.read_parquet(io.BytesIO(data or b"")) for name, data in one.items()} for one in tables
            )
            moved = moved_figures(old, new)
    if moved.is_empty():
        moved = pl.DataFrame([[None] * len(FIGURES)], schema=FIGURES, orient="row")
    own = {
        "published": after.published,
        "week": after.place.week,
        "issue": after.place.number,
        "replaces": before.place.number,
        "changed": changed.dumps(),
    }
    return moved.select(*(pl.lit(value, SCHEMA[name]).alias(name) for name, value in own.items()), *FIGURES)


def moved_figures(before: Mapping[str, pl.DataFrame], after: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """List the figures that differ between two issues: table, row, column, before, after, difference, in the order of the tables.

    A figure is any number of the two tables. before, after: the tables by name. A figure that is n/a is null, and so is a difference
    from or to it.
    """
    rows = []
    for table, key in TABLES.items():
        old, new = ({row[key]: row for row in one[table].iter_rows(named=True)} for one in (before, after))
        columns = dict.fromkeys(
            (
                *after[table].select(pl.selectors.numeric()).columns,
                *before[table].select(pl.selectors.numeric()).columns,
            )
        )
        for name in dict.fromkeys((*new, *old)):
            for column in columns:
                was, now = old.get(name, {}).get(column), new.get(name, {}).get(column)
                if was != now:
                    rows.append((table, name, column, was, now, None if was is None or now is None else now - was))
    return pl.DataFrame(rows, FIGURES, orient="row")


def explain_change(before: pl.DataFrame | None, after: pl.DataFrame | None) -> Reason:
    """Explain what differs between the sources of two issues (`resources.issues.collect_sources`)."""
    if before is None or after is None:
        return SOURCES_UNKNOWN()
    found = [*_deliveries(before, after)]
    sections = [one for one, _ in _changed(before, after, SETTINGS)]
    sections = [one for one in sections if one != RUN_SETTINGS] or sections
    found += [SETTINGS_RESTATED(sections=_shortened(sections))] if sections else []
    tables = [one for one, _ in _changed(before, after, CODE)]
    found += [CODE_RESTATED(tables=_shortened(tables))] if tables else []
    libraries = [f"{name} {was or '?'} → {now or '?'}" for name, (was, now) in _changed(before, after, LIBRARY)]
    found += [LIBRARIES_RESTATED(libraries=_shortened(libraries))] if libraries else []
    return joined(found) or NO_SOURCE_RESTATED()


def _changed(before: pl.DataFrame, after: pl.DataFrame, kind: str) -> list[tuple[str, tuple[str | None, str | None]]]:
    """The sources of a kind whose digests differ: name, and the digests before and after."""
    old, new = (dict(one.filter(kind=kind).select("name", "digest").iter_rows()) for one in (before, after))
    return [(name, (old.get(name), new.get(name))) for name in sorted({*old, *new}) if old.get(name) != new.get(name)]


def _deliveries(before: pl.DataFrame, after: pl.DataFrame) -> Iterator[Reason]:
    """What was delivered again, later or no longer. A part whose declaration changed was read again in full for this reason."""
    declared = [name for name, _ in _changed(before, after, DECLARATION)]
    if declared:
        yield DECLARATIONS_RESTATED(parts=_shortened(declared))
    old, new = (
        {(name, day): one for name, day, one in frame.filter(kind=LANDING).select("name", "day", "digest").iter_rows()}
        for frame in (before, after)
    )
    files: dict[Code, list[str]] = {FILES_RESTATED: [], FILES_ADDED: [], FILES_WITHDRAWN: []}
    tables: dict[str, tuple[Code, dt.date]] = {}
    for name, day in sorted({*old, *new}):
        was, now = old.get((name, day), NOTHING), new.get((name, day), NOTHING)
        if was == now or name in declared:
            continue
        if name not in REFERENCE:
            code = FILES_ADDED if was == NOTHING else FILES_WITHDRAWN if now == NOTHING else FILES_RESTATED
            files[code].append(f"ticks/{day:%Y%m%d}/" if name == "ticks" else f"{name}/{day:%Y%m%d}.parquet")
        elif (name, day) in old and (name, day) in new and name not in tables:
            # The digest of a day covers all rows known by then, so that the first day that differs is that of the rows.
            code = REFERENCE_ADDED if was == NOTHING else REFERENCE_WITHDRAWN if now == NOTHING else REFERENCE_RESTATED
            tables[name] = code, day
    yield from (code(files=_shortened(names)) for code, names in files.items() if names)
    yield from (code(table=name, day=day) for name, (code, day) in tables.items())


def _shortened(names: list[str]) -> list[str]:
    more = len(names) - _LISTED
    return [*names[:_LISTED], *([f"… (+{more})"] if more > 0 else [])]
