"""One issue of the weekly: gathers every week's returns, the verdicts and the settings, and renders all forms of it.

Here: reading the week's tables into findings, and which file each form goes to. Not here: statistics, words, layout.
"""

import datetime as dt
import hashlib
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from assets import catalogue
from assets.portfolios.reasons import not_applied
from assets.portfolios.schemas import ROWS
from assets.report.attribution import sum_contributions
from assets.report.document import Findings, Holdings, write_weekly
from assets.report.evaluation_summary import summarise
from assets.report.html import render_html
from assets.report.issue import Weekly
from assets.report.lines import judge_lines
from assets.report.paper import NoFont, print_pdf
from assets.report.tables import (
    explain_absence,
    factor_series,
    portfolio_series,
    tabulate_factors,
    tabulate_ics,
    tabulate_portfolios,
)
from assets.report.workbook import write_workbook
from resources.calendar import Calendar
from resources.made import Made
from resources.reasons import Reasons
from resources.settings.portfolios import PortfoliosSettings
from resources.settings.report import ReportSettings

Files = Callable[[str, dt.date, str], bytes]
# What a browser would fetch: namespaces of SVG (xmlns) are names, not addresses.
LINK_OUT = re.compile(rb"""(?:\b(?:src|href|srcset|action)\s*=\s*["']?|url\(\s*["']?|@import\s+["']?)(?:https?:)?//""")
SCHEMA = {"week": pl.Date, "item": pl.String, "path": pl.String, "digest": pl.String}
PROFILE = dict.fromkeys(
    ("table1_rows", "table2_rows", "figures", "factors_with_return", "links_out", "failed_plausibility"), pl.Int64
)


def failed_plausibility(manifests: pl.DataFrame) -> pl.DataFrame:
    """table, check, count, first, last, detail, remedy of the plausibility checks that failed, the latest failure first.

    count: partitions; detail: of the last of them.
    """
    return (
        manifests.filter(pl.col("plausibility") & ~pl.col("passed"))
        .sort("partition")
        .group_by("table", "check")
        .agg(
            pl.len().alias("count"),
            pl.col("partition").first().alias("first"),
            pl.col("partition").last().alias("last"),
            pl.col("detail", "remedy").last(),
        )
        .sort("last", "table", "check", descending=[True, False, False])
    )


def _told(row: Mapping[str, Any]) -> str:
    count, first, last = row["count"], row["first"], row["last"]
    return f"{row['table']} · {row['check']}, {count} partition{'s' if count > 1 else ''} ({first} to {last})"


def _with_remedy(detail: str, remedy: str) -> str:
    """What a check found with its remedy in brackets: the text becomes a part of another check's, which has a remedy of its own."""
    return f"{detail.removesuffix('.')} ({remedy})" if remedy else detail


def make_report(
    *,
    week: dt.date,
    date: dt.date,
    factor_returns: pl.LazyFrame,
    rank_ics: pl.LazyFrame,
    evaluation: pl.LazyFrame,
    portfolio_returns: pl.LazyFrame,
    attribution: pl.LazyFrame,
    portfolio_lines: pl.LazyFrame,
    csi500_portfolio: pl.LazyFrame,
    csi1000_portfolio: pl.LazyFrame,
    indices: pl.LazyFrame,
    tape_health: pl.LazyFrame,
    files: Files,
    unavailable: Reasons,
    manifests: pl.DataFrame,
    left_out: pl.DataFrame,
    run_settings: Mapping[str, Any],
    settings: ReportSettings,
    calendar: Calendar,
) -> Made:
    """The issue of the week: report.html, .xlsx, .pdf, both tables as parquet and every figure as SVG.

    Where a plausibility check failed in one of `manifests`, nothing is written unless the settings allow it: the profile
    then holds a row per table and check, which the gate refuses.

    The frame names each file with its digest: week, item, path, digest. report.pdf needs a font with Chinese characters;
    where none is installed, the item is missing and `unavailable` and the notes say why.
    """
    failed = failed_plausibility(manifests)
    if failed.height and not settings.allow_failed_plausibility:
        told = [f"{_told(row)}: {_with_remedy(row['detail'], row['remedy'])}" for row in failed.iter_rows(named=True)]
        refusal = pl.DataFrame({"failed_plausibility": failed["count"].cast(pl.Int64), "failure": told})
        return Made(
            pl.DataFrame(schema=SCHEMA), profile=pl.concat([pl.DataFrame(schema=PROFILE), refusal], how="diagonal")
        )
    returns, traded, parts = factor_returns.collect(), portfolio_returns.collect(), attribution.collect()
    ics, summary = rank_ics.collect(), summarise(evaluation.filter(pl.col("week") <= week).collect())
    factors, portfolios = factor_series(returns), portfolio_series(traded)
    held = dict(zip(catalogue.PORTFOLIOS, (csi500_portfolio, csi1000_portfolio), strict=True))
    closes = indices.filter(pl.col("date") == date).select("index", "index_close").collect()
    drifted = _drifted_in(left_out, date)
    absent_factors, absent_portfolios = explain_absence(
        unavailable, set(manifests["table"]), set(returns["factor"].unique())
    )
    found = Findings(
        week=week,
        day=date,
        factors=factors,
        portfolios=portfolios,
        table1=tabulate_factors(factors, date, absent_factors),
        table2=tabulate_portfolios(portfolios, date, absent_portfolios),
        ics=tabulate_ics(ics, date),
        evaluation=summary,
        contributions=sum_contributions(
            parts, week, settings.chart_start_late, {**absent_portfolios, **unavailable.get("attribution", {})}
        ),
        lines=judge_lines(portfolio_lines.collect(), traded, date, unavailable.get("portfolio_lines", {})),
        traded=_traded_in(traded, week),
        holdings={
            portfolio.key: _read_holdings(
                portfolio,
                frame,
                _lacks_closes(portfolio, closes, run_settings) or portfolio.key in drifted,
                week,
                files,
            )
            for portfolio, frame in held.items()
        },
        tapes=tape_health.select("date", "symbol", "verdict", "quotes_verdict", "reason").collect(),
        unavailable={table: reasons for table, reasons in unavailable.items() if table != "tape_health"},
        manifests=manifests,
        left_out=left_out,
        implausible=list(failed.iter_rows(named=True)),
        run=run_settings,
    )
    issue = write_weekly(found, calendar, settings)
    written = {
        "report.html": render_html(issue).encode(),
        "report.xlsx": write_workbook(issue, returns, ics, traded, parts, summary, date),
        "table1.parquet": _encode(found.table1),
        "table2.parquet": _encode(found.table2),
        **{figure.file: figure.svg.encode() for figure in issue.every_figure if figure.svg is not None},
    }
    notes: dict[str, Any] = {"title": issue.title, "headline": issue.headline, "evaluation": summary.notes}
    if settings.pdf:
        try:
            written["report.pdf"] = print_pdf(issue, date)
        except NoFont as error:
            notes["pdf"] = str(error)
    profile = pl.DataFrame(
        {
            "table1_rows": [found.table1.height],
            "table2_rows": [found.table2.height],
            "figures": [len(issue.figures)],
            "factors_with_return": [found.table1["long_short_week"].count()],
            "links_out": [len(LINK_OUT.findall(written["report.html"]))],
            "failed_plausibility": [0],  # or allowed, and on page one
        },
        schema=PROFILE,
    )
    return Made(_list_files(week, issue, written), profile=profile, files=written, notes=notes)


def _list_files(week: dt.date, issue: Weekly, written: Mapping[str, bytes]) -> pl.DataFrame:
    items = {"table1.parquet": "table 1", "table2.parquet": "table 2"}
    items |= {figure.file: f"figure {figure.number}" for figure in issue.every_figure}
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
    """The portfolios whose benchmark lacked a close on a day of a week of `date`'s year, which Table 2 goes back to."""
    own = (pl.col("table") == "portfolio_returns") & (pl.col("code") == "index_closes")
    this_year = pl.col("partition") + pl.duration(days=6) >= dt.date(date.year, 1, 1)
    return set(left_out.filter(own & this_year)["item"])


def _read_holdings(
    portfolio: catalogue.Portfolio, frame: pl.LazyFrame, drifted: bool, week: dt.date, files: Files
) -> Holdings:
    """What the portfolio's partition of the week stores beside its rows; nothing before the first build.

    drifted: whether the index's members stand in for absent closes of it.
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


def _encode(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()
