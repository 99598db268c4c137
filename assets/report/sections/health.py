"""The section on data health: tapes, verdicts of the checks (Table 5), failures, and missing or left-out data."""

import polars as pl

from assets.report.findings import Findings
from assets.report.issue import Block, Grid, GridRow, Heading, Log, Paragraph, ReportSection
from assets.report.sections.left_out import list_left_out
from assets.report.words.health import LEFT_OUT, VERDICTS, WORDS
from assets.report.words.speaker import Speaker
from resources.gate import advice, shorten
from resources.language import Language
from resources.reasons import Reason

SHOWN_ALARMS = 12
LONGEST_DETAIL = 300  # letters of a failed check
GRAVITY = {verdict: place for place, verdict in enumerate(("set aside", "missing", "repaired"))}


def write_health(found: Findings, language: Language) -> ReportSection:
    """Write tapes, Table 5, failed checks, missing inputs, and the inputs without which figures were made."""
    say = Speaker.of(language, WORDS, LEFT_OUT)
    tape_reasons = _tape_reasons(found, say)
    return ReportSection(
        "health",
        say("health"),
        [
            *_log("tapes", _tape_counts(found, say), "no_tapes", say),
            *([Log(tape_reasons)] if tape_reasons else []),
            _verdict_table(found, say),
            *_log("alarm", _alarms(found, say), "no_alarm", say),
            *_log("absent_title", _absent(found, say), "none_absent", say),
            *_log("left_out_title", list_left_out(found, say), "none_left_out", say),
        ],
    )


def _log(title: str, lines: list[str], nothing: str, say: Speaker) -> list[Block]:
    """A heading with its records, or with the sentence that there are none."""
    return [Heading(say(title)), Log(lines) if lines else Paragraph(say(nothing))]


def _tape_counts(found: Findings, say: Speaker) -> list[str]:
    """The number of symbol-days with each verdict, over the week and day by day."""
    tapes = found.tapes
    days = tapes.select(pl.col("date").unique().sort())["date"].to_list()
    lines = [say("tapes_of_day", day=day, counts=_count_tapes(tapes.filter(date=day), say)) for day in days]
    return [say("tapes_of_week", counts=_count_tapes(tapes, say)), *lines] if days else []


def _count_tapes(tapes: pl.DataFrame, say: Speaker) -> str:
    counts = {verdict: (tapes["verdict"] == verdict).sum() for verdict in VERDICTS}
    books = ((tapes["quotes_verdict"] == "set aside") & (tapes["verdict"] != "set aside")).sum()
    items = [
        say("tapes_counted", verdict=say.called(verdict, VERDICTS), count=f"{count:,}")
        for verdict, count in counts.items()
    ]
    return say.join([*items, *([say("tapes_books", count=f"{books:,}")] if books else [])])


def _tape_reasons(found: Findings, say: Speaker) -> list[str]:
    """The first symbol-days that are not ok, the most severe first, with their reasons."""
    faulty = (
        found.tapes.filter(pl.col("verdict") != "ok")
        .with_columns(rank=pl.col("verdict").replace_strict(GRAVITY, return_dtype=pl.Int64))
        .sort("rank", "date", "symbol")
    )
    lines = [
        say(
            "tape_row",
            day=row["date"],
            symbol=row["symbol"],
            verdict=say.called(row["verdict"], VERDICTS),
            reason=shorten(say.reason(row["reason"]), LONGEST_DETAIL),
        )
        for row in faulty.head(SHOWN_ALARMS).iter_rows(named=True)
    ]
    if faulty.height > SHOWN_ALARMS:
        lines.append(say("more_tapes", count=faulty.height - SHOWN_ALARMS))
    return lines


def _verdict_table(found: Findings, say: Speaker) -> Grid:
    """Table 5: one row per data table."""
    refuses = pl.col("critical") & ~pl.col("passed")
    by_table = (
        found.manifests.group_by("table", maintain_order=True)
        .agg(
            pl.col("partition").n_unique().alias("partitions"),
            pl.struct("partition", "rows").unique().struct.field("rows").sum().alias("rows"),
            pl.len().alias("checks"),
            (~pl.col("critical") & ~pl.col("passed")).sum().alias("warnings"),
            pl.col("partition").filter(refuses).n_unique().alias("refused"),
        )
        .sort("table")
    )
    columns = ("partitions", "rows", "checks", "warnings", "refused")
    rows = [
        GridRow([row["table"], *(f"{row[column]:,}" for column in columns)]) for row in by_table.iter_rows(named=True)
    ]
    totals = {column: f"{int(by_table[column].sum()):,}" for column in columns}
    heads = [[(say(key), 1) for key in ("data_table", *columns)]]
    return Grid(5, say("table5_title"), say("table5_lead", **totals), heads, rows, [say("table5_docs")])


def _alarms(found: Findings, say: Speaker) -> list[str]:
    """The failed checks, one line per table and check; critical ones and the latest failures come first."""
    failed = found.manifests.filter(~pl.col("passed")).sort("partition")
    groups = (
        failed.group_by("table", "check", "critical")
        .agg(pl.len().alias("count"), pl.col("partition").min().alias("first"), pl.all().exclude("rows").last())
        .drop("passed")
        .sort("critical", "partition", "table", "check", descending=[True, True, False, False])
    )
    lines = [
        say(
            "alarm_row",
            kind=say("critical" if row["critical"] else "warning"),
            table=row["table"],
            check=row["check"],
            count=row["count"],
            first=row["first"],
            last=row["partition"],
            detail=shorten(
                say.reason(row["detail"]), LONGEST_DETAIL, advice(row[f"remedy_{say.language}"], say.language)
            ),
        )
        for row in groups.head(SHOWN_ALARMS).iter_rows(named=True)
    ]
    if groups.height > SHOWN_ALARMS:
        lines.append(say("more", count=groups.height - SHOWN_ALARMS))
    return lines


def _absent(found: Findings, say: Speaker) -> list[str]:
    """The missing data of the inputs, one line per table and reason."""
    lines = []
    for table, reasons in sorted(found.unavailable.items()):
        by_reason: dict[Reason, list[str]] = {}
        for item, reason in reasons.items():
            by_reason.setdefault(reason, []).append(item)
        lines += [
            say("absent_row", table=table, items=say.join(items), reason=say.reason(reason))
            for reason, items in by_reason.items()
        ]
    return lines
