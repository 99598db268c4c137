"""The inputs of one issue: the figures of a week and the records about the data behind them.

This module holds the types that sections read. It does not fill them (make_report.py) or put them into words (sections/, words/).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.performance.evaluation_summary import Summary
from assets.report.contributions import Contributions
from assets.report.lines import Lines
from assets.report.tables import Series
from resources.calendar import Calendar
from resources.reasons import Reason, Reasons
from resources.settings.report import ReportSettings


@dataclass(frozen=True)
class Holdings:
    """The records of a portfolio's partition of the week.

    solve: the row of solve.parquet; None before the first build. not_applied: constraint → why it was not applied.
    benchmark_is_drifted: whether drifted weights replace missing index closes.
    """

    solve: Mapping[str, Any] | None
    relaxations: pl.DataFrame
    not_applied: Mapping[str, Reason]
    benchmark_is_drifted: bool


@dataclass(frozen=True)
class Findings:
    """All inputs of an issue.

    week: its Monday; day: its signal day. factors: factor → {"long_short", "long_excess"} → daily returns. table1, table2, ics:
    the tables of SPEC §8, one row per factor or portfolio (tables.py). contributions: portfolio → its attribution.
    lines: of robustness; None if none is set. traded: portfolio → turnover and cost of the week. tapes: tape_health of the
    week's days: date, symbol, verdict, quotes_verdict, reason. manifests: one row per check and partition. left_out: the inputs
    without which partitions were made: table, partition, code, item, value (JSON). implausible: plausibility checks that
    failed and are allowed by the settings: table, check, count, first, last. run: `Record.settings`.
    """

    week: dt.date
    day: dt.date
    calendar: Calendar
    settings: ReportSettings
    factors: Mapping[str, Mapping[str, Series]]
    portfolios: Mapping[str, Series]
    table1: pl.DataFrame
    table2: pl.DataFrame
    ics: pl.DataFrame
    evaluation: Summary
    contributions: Mapping[str, Contributions]
    lines: Lines | None
    traded: Mapping[str, Mapping[str, float]]
    holdings: Mapping[str, Holdings]
    tapes: pl.DataFrame
    unavailable: Reasons
    manifests: pl.DataFrame
    left_out: pl.DataFrame
    implausible: Sequence[Mapping[str, Any]]
    run: Mapping[str, Any]

    @property
    def tree(self) -> Mapping[str, Any]:
        """The run's settings, by section."""
        return self.run["settings"]

    @property
    def rulebook(self) -> Mapping[str, Any]:
        """The rules of the exchanges in force on the signal day (resources/rulebook.py, describe_rulebook)."""
        return self.run["rulebook"]

    @property
    def suffix(self) -> str:
        """The suffix of the printed columns of table1 and table2, by the setting `report.relative`."""
        return "" if self.settings.relative == "ratio" else "_difference"

    @property
    def factor_rows(self) -> dict[str, dict[str, Any]]:
        """Factor → its row of table1."""
        return {row["factor"]: row for row in self.table1.iter_rows(named=True)}

    @property
    def portfolio_rows(self) -> dict[str, dict[str, Any]]:
        """Portfolio → its row of table2."""
        return {row["portfolio"]: row for row in self.table2.iter_rows(named=True)}
