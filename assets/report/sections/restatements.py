"""The section on restatements, which refers to the log, and the content of the log's page.

The section is the same in every issue of a week, because an issue must have equal bytes for equal data, whatever was published before.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets import catalogue
from assets.report.findings import Findings
from assets.report.issue import GridRow, Paragraph, ReportSection
from assets.report.numbers import percent
from assets.report.tables import PERIODS
from assets.report.words.restatements import WORDS
from assets.report.words.speaker import Speaker
from resources.language import Language
from resources.settings.report import ReportSettings

PAGE_OF_LOG = "../../_issues/restatements.html"  # from the partition of a week and from every kept issue alike
SHOWN_FIGURES = 60  # of one restatement


def write_restatements(found: Findings, language: Language) -> ReportSection:
    """Write where the issues of the week are kept as published, and where the log is."""
    say = Speaker.of(language, WORDS)
    blocks = [
        Paragraph(say("restated_later", folder=f"report_{found.week}")),
        Paragraph(say("log_is_apart")),
        Paragraph(say("open_log"), link=PAGE_OF_LOG),
    ]
    return ReportSection("restatements", say("restatements"), blocks)


@dataclass(frozen=True)
class Restatement:
    """One entry of the log: its title, sentences, and the printed figures that moved. links: (text, address) of both issues."""

    title: str
    sentences: list[str]
    rows: list[GridRow]
    links: list[tuple[str, str]]


@dataclass(frozen=True)
class LogPage:
    """The page of the log. weeks: (title, entries), the latest week and its latest entry first."""

    title: str
    lead: str
    heads: list[str]
    weeks: list[tuple[str, list[Restatement]]]


def write_log_page(rows: pl.DataFrame, settings: ReportSettings) -> LogPage:
    """Write the page from the rows of the log (`assets.report.restatements.list_restatements`)."""
    say = Speaker.of(settings.language, WORDS)
    weeks: dict[dt.date, list[Restatement]] = {}
    for (week,), own in rows.group_by("week", maintain_order=True):
        entries = own.with_columns(pl.col("published").rle_id().alias("entry"))
        weeks[week] = [_write_entry(one, settings, say) for _, one in entries.group_by("entry", maintain_order=True)][
            ::-1
        ]
    titled = [
        (say("log_week", first=week, last=week + dt.timedelta(days=6)), weeks[week])
        for week in sorted(weeks, reverse=True)
    ]
    names = (say("log_table"), say("log_row"), say("log_column"))
    heads = [*names, say("log_before"), say("log_after"), say("log_difference")]
    return LogPage(say("log_title"), say("log_lead") if titled else say("log_nothing"), heads, titled)


def _write_entry(own: pl.DataFrame, settings: ReportSettings, say: Speaker) -> Restatement:
    first = own.row(0, named=True)
    issue, replaces, week = first["issue"], first["replaces"], first["week"]
    published = f"{first['published']:%Y-%m-%d %H:%M}"
    cause = say("log_cause", cause=say.reason(first["changed"]))
    if issue == replaces:
        return Restatement(say("log_unchanged", issue=issue, published=published), [cause], [], [])
    figures = [row for row in own.iter_rows(named=True) if row["table"] is not None]
    printed = [*_printed(figures, settings, say)]
    sentences = [cause]
    if not figures:
        sentences.append(say("log_none_moved"))
    elif not printed:
        sentences.append(say("log_none_printed"))
    if len(printed) > SHOWN_FIGURES:
        sentences.append(say("log_more", count=len(printed) - SHOWN_FIGURES))
    if len(figures) > len(printed):
        sentences.append(say("log_beyond_print", count=len(figures) - len(printed)))
    links = [(say("log_open", issue=number), f"report_{week}_{number}/report.html") for number in (replaces, issue)]
    title = say("log_issue", issue=issue, replaces=replaces, published=published)
    return Restatement(title, sentences, printed[:SHOWN_FIGURES], links)


def _printed(figures: list[dict[str, Any]], settings: ReportSettings, say: Speaker) -> Iterator[GridRow]:
    """The rows of the figures whose printed values differ."""
    names = {
        **{one.key: say.numbered(one) for one in catalogue.FACTORS},
        **{one.key: say.name(one) for one in catalogue.PORTFOLIOS},
    }
    columns = _columns(settings, say)
    for row in figures:
        if row["column"] not in columns:
            continue
        name, is_return = columns[row["column"]]
        before, after = (_number(row[one], is_return) for one in ("before", "after"))
        if before != after:
            table = say("log_table1") if row["table"] == "table1" else say("log_table2")
            yield GridRow([table, names.get(row["row"], row["row"]), name, before, after, _difference(row, is_return)])


def _columns(settings: ReportSettings, say: Speaker) -> dict[str, tuple[str, bool]]:
    """The printed columns of both tables: column → its name, and whether it is a return."""
    suffix = "" if settings.relative == "ratio" else "_difference"
    found: dict[str, tuple[str, bool]] = {}
    for comparison in ("long_short", "long_excess", "excess"):
        for period in PERIODS:
            name = say("of_comparison", comparison=say(comparison), period=say(period))
            found[f"{comparison}_{period}{suffix}"] = name, True
        if comparison != "excess":
            found[f"{comparison}_wins"] = (
                say("of_comparison", comparison=say(comparison), period=say("month_wins")),
                False,
            )
            found[f"{comparison}_months"] = (
                say("of_comparison", comparison=say(comparison), period=say("month_count")),
                False,
            )
    return {**found, "wins": (say("week_wins"), False), "weeks": (say("week_count"), False)}


def _number(value: float | None, is_return: bool) -> str:
    return percent(value) if is_return or value is None else f"{value:.0f}"


def _difference(row: dict[str, Any], is_return: bool) -> str:
    """The difference, of returns in percentage points; a dash where one of the values is n/a."""
    value = row["difference"]
    return "–" if value is None else f"{value * 100:+.4f}" if is_return else f"{value:+.0f}"
