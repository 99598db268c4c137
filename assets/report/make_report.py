"""The make function of the table `report`: it reads tables into findings, writes the issue and renders it to files.

This module holds which rows and files of other tables an issue reads, and the files that are written. It does not hold statistics
(tables.py, contributions.py, lines.py), the content of an issue (sections/, words/) or its appearance (render/).
"""

import datetime as dt
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets import catalogue
from assets.performance.evaluation_summary import Summary, summarise
from assets.portfolios.reasons import not_applied
from assets.portfolios.schemas import ROWS
from assets.report.contributions import sum_contributions
from assets.report.document import write_issue
from assets.report.findings import Findings, Holdings
from assets.report.issue import Issue
from assets.report.lines import judge_lines
from assets.report.render.html import render_html
from assets.report.render.paper import print_pdf
from assets.report.render.workbook import write_workbook
from assets.report.tables import (
    explain_absence,
    factor_series,
    portfolio_series,
    tabulate_factors,
    tabulate_ics,
    tabulate_portfolios,
)
from resources.made import Made
from resources.parquet import encode
from resources.partition import Files, Frames, Partition
from resources.reasons import Reason
from resources.settings.portfolios import PortfoliosSettings
from resources.settings.report import ReportSettings

# Addresses that a browser would load; namespaces of SVG (xmlns) are not loaded.
LINK_OUT = re.compile(rb"""(?:\b(?:src|href|srcset|action)\s*=\s*["']?|url\(\s*["']?|@import\s+["']?)(?:https?:)?//""")
SCHEMA = {"week": pl.Date, "item": pl.String, "path": pl.String, "digest": pl.String}
PROFILE = dict.fromkeys(
    ("table1_rows", "table2_rows", "figures", "factors_with_return", "links_out", "failed_plausibility"), pl.Int64
)


def failed_plausibility(manifests: pl.DataFrame) -> pl.DataFrame:
    """List the failed plausibility checks, the latest failure first: table, check, count, first, last, detail, remedy_en, remedy_zh.

    manifests: one row per check and partition. count: number of failed partitions, of which first and last are the first and
    the last. detail, remedy_en, remedy_zh: of the last one.
    """
    return (
        manifests.filter(pl.col("plausibility") & ~pl.col("passed"))
        .sort("partition")
        .group_by("table", "check")
        .agg(
            pl.len().alias("count"),
            pl.col("partition").first().alias("first"),
            pl.col("partition").last().alias("last"),
            pl.col("detail", "remedy_en", "remedy_zh").last(),
        )
        .sort("last", "table", "check", descending=[True, False, False])
    )


def _name_failure(row: Mapping[str, Any]) -> str:
    count, first, last = row["count"], row["first"], row["last"]
    return f"{row['table']} · {row['check']}, {count} partition{'s' if count > 1 else ''} ({first} to {last})"


def _with_remedy(detail: str, remedy: str) -> str:
    """The detail of a check in words, with its remedy in brackets, because it becomes part of the detail of another check."""
    words = str(Reason.loads(detail))
    return f"{words.removesuffix('.')} ({remedy})" if remedy else words


def make_report(frames: Frames, partition: Partition, settings: ReportSettings) -> Made:
    """Make the issue of the week: report.html, .xlsx, .pdf, both tables as Parquet and every figure as SVG.

    If a plausibility check failed in a recorded partition, no file is written unless the settings allow it; the profile then has
    a row per failed table and check, which the gate refuses.

    The frame lists each file: week, item, path, digest. report.pdf is written unless the settings leave it out.
    """
    date = partition.date
    failed = failed_plausibility(partition.record.verdicts)
    if failed.height and not settings.allow_failed_plausibility:
        return _refused(failed)
    inputs = _ReportInputs.of(frames, partition.week)
    found = _gather(frames, partition, settings, inputs, failed)
    issue = write_issue(found, settings.language)
    written = {
        "report.html": render_html(issue).encode(),
        "report.xlsx": write_workbook(issue, inputs.sheets, date),
        "table1.parquet": encode(found.table1),
        "table2.parquet": encode(found.table2),
        **{figure.file: figure.svg.encode() for figure in issue.figures if figure.svg is not None},
    }
    front = issue.front
    notes: dict[str, Any] = {"title": front.title, "headline": front.headline, "evaluation": inputs.summary.notes}
    if settings.pdf:
        written["report.pdf"] = print_pdf(issue, date)
    profile = pl.DataFrame(
        {
            "table1_rows": [found.table1.height],
            "table2_rows": [found.table2.height],
            "figures": [len(issue.numbered_figures)],
            "factors_with_return": [found.table1["long_short_week"].count()],
            "links_out": [len(LINK_OUT.findall(written["report.html"]))],
            "failed_plausibility": [0],  # allowed failures are listed on page one
        },
        schema=PROFILE,
    )
    return Made(_list_files(partition.week, issue, written), profile=profile, files=written, notes=notes)


@dataclass(frozen=True, eq=False)
class _ReportInputs:
    """The rows of all weeks that the issue reads. returns: of the factors' legs. traded: of the portfolios. parts: attribution."""

    returns: pl.DataFrame
    traded: pl.DataFrame
    parts: pl.DataFrame
    ics: pl.DataFrame
    summary: Summary

    @classmethod
    def of(cls, frames: Frames, week: dt.date) -> "_ReportInputs":
        return cls(
            returns=frames["factor_returns"].collect(),
            traded=frames["portfolio_returns"].collect(),
            parts=frames["attribution"].collect(),
            ics=frames["rank_ics"].collect(),
            summary=summarise(frames["evaluation"].filter(pl.col("week") <= week).collect()),
        )

    @property
    def sheets(self) -> dict[str, pl.DataFrame]:
        """The workbook's sheets of numbers, by name."""
        return {
            "factor_returns": self.returns.sort("factor", "date"),
            "portfolio_returns": self.traded.sort("portfolio", "date"),
            "attribution": self.parts.sort("portfolio", "week", "component", "item"),
            "rank_ics": self.ics.sort("factor", "signal_date"),
            "evaluation": self.summary.factors,
            "ic_decay": self.summary.decay,
            "decile_returns": self.summary.deciles,
            "factor_correlations": self.summary.correlations,
            "style_exposures": self.summary.exposures,
            "seeds": self.summary.seeds,
        }


def _refused(failed: pl.DataFrame) -> Made:
    """An issue without files, whose profile has a row per failed table and check, which the gate refuses."""
    failures = [
        f"{_name_failure(row)}: {_with_remedy(row['detail'], row['remedy_en'])}" for row in failed.iter_rows(named=True)
    ]
    refusal = pl.DataFrame({"failed_plausibility": failed["count"].cast(pl.Int64), "failure": failures})
    return Made(pl.DataFrame(schema=SCHEMA), profile=pl.concat([pl.DataFrame(schema=PROFILE), refusal], how="diagonal"))


def _gather(
    frames: Frames, partition: Partition, settings: ReportSettings, inputs: _ReportInputs, failed: pl.DataFrame
) -> Findings:
    """All inputs of the issue. failed: the failed plausibility checks (`failed_plausibility`)."""
    week, date, record, unavailable = partition.week, partition.date, partition.record, partition.unavailable
    factors, portfolios = factor_series(inputs.returns), portfolio_series(inputs.traded)
    closes = frames["indices"].filter(pl.col("date") == date).select("index", "index_close").collect()
    drifted = _drifted_in(record.left_out, date)
    absent_factors, absent_portfolios = explain_absence(
        unavailable, set(record.verdicts["table"]), set(inputs.returns["factor"].unique())
    )
    absent_parts = {**absent_portfolios, **unavailable.get("attribution", {})}
    lines = frames["portfolio_lines"].collect()
    return Findings(
        week=week,
        day=date,
        calendar=partition.calendar,
        settings=settings,
        factors=factors,
        portfolios=portfolios,
        table1=tabulate_factors(factors, date, absent_factors),
        table2=tabulate_portfolios(portfolios, date, absent_portfolios),
        ics=tabulate_ics(inputs.ics, date),
        evaluation=inputs.summary,
        contributions=sum_contributions(inputs.parts, week, settings.chart_start_late, absent_parts),
        lines=judge_lines(lines, inputs.traded, date, unavailable.get("portfolio_lines", {})),
        traded=_traded_in(inputs.traded, week),
        holdings={
            portfolio.key: _read_holdings(
                portfolio,
                frames[portfolio.asset],
                _lacks_closes(portfolio, closes, record.settings) or portfolio.key in drifted,
                week,
                partition.files,
            )
            for portfolio in catalogue.PORTFOLIOS
        },
        tapes=frames["tape_health"].select("date", "symbol", "verdict", "quotes_verdict", "reason").collect(),
        unavailable={table: reasons for table, reasons in unavailable.items() if table != "tape_health"},
        manifests=record.verdicts,
        left_out=record.left_out,
        implausible=list(failed.iter_rows(named=True)),
        run=record.settings,
    )


def _list_files(week: dt.date, issue: Issue, written: Mapping[str, bytes]) -> pl.DataFrame:
    items = {"table1.parquet": "table 1", "table2.parquet": "table 2"}
    items |= {figure.file: f"figure {figure.number}" for figure in issue.figures}
    rows = [
        (week, items.get(path, path), path, hashlib.blake2b(content, digest_size=16).hexdigest())
        for path, content in sorted(written.items())
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _traded_in(portfolio_returns: pl.DataFrame, week: dt.date) -> dict[str, dict[str, float]]:
    """Portfolio → turnover and cost of the week's trade day."""
    own = portfolio_returns.filter(pl.col("date").is_between(week, week + dt.timedelta(days=6)))
    totals = own.group_by("portfolio").agg(pl.col("turnover").sum(), pl.col("cost").sum())
    return {row["portfolio"]: row for row in totals.iter_rows(named=True)}


def _lacks_closes(portfolio: catalogue.Portfolio, closes: pl.DataFrame, run: Mapping[str, Any]) -> bool:
    """Whether the portfolio's benchmark under the run's settings has no close among `closes`, those of the signal day."""
    index = PortfoliosSettings.model_validate(run["settings"]["portfolios"]).benchmark_index(portfolio.index)
    return closes.filter((pl.col("index") == index) & pl.col("index_close").is_not_null()).is_empty()


def _drifted_in(left_out: pl.DataFrame, date: dt.date) -> set[str]:
    """The portfolios whose benchmark lacked a close on a day of a week of `date`'s year, the period of Table 2."""
    own = (pl.col("table") == "portfolio_returns") & (pl.col("code") == "index_closes")
    this_year = pl.col("partition") + pl.duration(days=6) >= dt.date(date.year, 1, 1)
    return set(left_out.filter(own & this_year)["item"])


def _read_holdings(
    portfolio: catalogue.Portfolio, frame: pl.LazyFrame, drifted: bool, week: dt.date, files: Files
) -> Holdings:
    """The records in the side files of the portfolio's partition of the week; empty before the first build.

    drifted: whether drifted weights replace missing index closes.
    """
    if frame.head(1).collect().is_empty():
        return Holdings(None, pl.DataFrame(schema={"constraint": pl.String}), {}, drifted)

    solve = pl.read_parquet(io.BytesIO(files(portfolio.asset, week, "solve.parquet"))).row(0, named=True)
    return Holdings(
        solve=solve,
        relaxations=pl.DataFrame(solve["relaxations"], schema=ROWS),
        not_applied=not_applied(solve),
        benchmark_is_drifted=drifted,
    )
