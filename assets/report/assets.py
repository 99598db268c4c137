"""Declares the table of this stage, the weekly report."""

import polars as pl

from assets import catalogue
from resources.gate import Between, Check
from resources.language import Bilingual as T
from resources.table import Read, Table, all_weeks, week_days

CODE = T("属于程序错误：请连同该分区的文件报告", "this is a mistake in the code; report it with the partition's files")

report = Table(
    name="report",
    group="report",
    partition="week",
    history="minutes",
    description="""
**高频选股因子周报**: the issue of the week. The side files are report.html (one file that opens offline), report.pdf, report.xlsx,
table1.parquet, table2.parquet and figures/ (SPEC §8).

If a plausibility check failed in a partition from which the issue is made, no issue is written: the partition is refused, with
the failures, unless `report.allow_failed_plausibility` is set; in that case page one lists the failures.

The rows list the files: week, item, path, digest. A figure that could not be computed is printed as n/a with its reason.
""",
    reads=(
        Read("factor_returns", over=all_weeks),
        Read("rank_ics", over=all_weeks),
        Read("evaluation", over=all_weeks),
        Read("portfolio_returns", over=all_weeks),
        Read("attribution", over=all_weeks),
        Read("portfolio_lines", over=all_weeks),
        *(Read(portfolio.asset) for portfolio in catalogue.PORTFOLIOS),
        Read("indices"),
        Read("tape_health", over=week_days()),
        Read("distribution_shifts"),
    ),
    schema={"week": pl.Date, "item": pl.String, "path": pl.String, "digest": pl.String},
    sort=("path",),
    settings="report",
    reads_record=True,
    make="assets.report.make_report:make_report",
    checks=(
        Check("table1_has_sixteen_rows", Between("table1_rows", 16, 16), critical=True, remedy=CODE),
        Check("table2_has_two_rows", Between("table2_rows", 2, 2), critical=True, remedy=CODE),
        Check("every_figure_is_listed", Between("figures", 36, 36), critical=True, remedy=CODE),
        Check(
            "no_failed_plausibility_check",
            Between("failed_plausibility", 0, 0),
            critical=True,
            remedy=T(
                "更正所列输入；若确知数据无误，设 report.allow_failed_plausibility = true，首页将列出未通过的检查",
                "correct the named inputs; if the figures are known to be right, set report.allow_failed_plausibility = "
                "true, so that page one lists the failures",
            ),
        ),
        Check("opens_offline", Between("links_out", 0, 0), critical=True, remedy=CODE),
        Check(
            "some_factor_has_a_return",
            Between("factors_with_return", 1, 16),
            critical=False,
            critical_share=1,
            remedy=T(
                "查看表 1 中的原因：历史不足一个持有期，或所有因子均为 n/a",
                "read the reasons in Table 1; the history is too short for a holding period, or every factor is n/a",
            ),
        ),
    ),
    kinds=("html",),
    log="assets.report.restatements:write_log",
    shows=("table1.parquet", "table2.parquet"),
)

TABLES = (report,)
