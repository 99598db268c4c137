"""What the weekly says: an issue written from the findings of a week.

Here: which sentence, table and figure stands where, filled with this week's figures. Not here: the figures
(tables.py), the wording (words.py), the look (templates/, paper.py, workbook.py).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from assets import catalogue
from assets.catalogue import Factor, Portfolio
from assets.performance.evaluation_summary import Summary
from assets.performance.reasons import NO_HOLDING_PERIOD, NO_RETURNS
from assets.performance.statistics import relative_strength
from assets.report.attribution import Contributions
from assets.report.attribution import Writer as AttributionWriter
from assets.report.charts import Band, Line, draw_bands, draw_bars, draw_heat, draw_lines
from assets.report.explanation import Writer as ExplanationWriter
from assets.report.explanation_words import NAMES
from assets.report.issue import (
    Chapter,
    Figure,
    Grid,
    Row,
    Weekly,
    decimal,
    exact_percent,
    leaves,
    percent,
    plain,
    share,
)
from assets.report.lines import Lines
from assets.report.lines import Writer as LinesWriter
from assets.report.methods import Writer as MethodsWriter
from assets.report.reason_writer import Writer as ReasonWriter
from assets.report.tables import PERIODS, Series, tabulate_factors, tabulate_portfolios
from assets.report.words import (
    BOARDS,
    INDICES,
    LABELS,
    SENTENCES,
    STYLES,
    VERDICTS,
    Bilingual,
    Language,
    chinese_number,
)
from resources.calendar import Calendar
from resources.gate import shorten
from resources.reasons import Reason, Reasons
from resources.settings.report import ReportSettings

HIGHLIGHTED = tuple(factor for factor in catalogue.FACTORS if factor.number <= 6 or factor.number >= 11)  # SPEC §8
OFFICIAL_ALPHA = catalogue.FACTORS[15]
LATE = {"multi_granularity_5d", "multi_granularity_10d"}  # charts from 2017 on
PREVIOUS_ISSUES = 3
SHOWN_ALARMS = 12
SHOWN_LEFT_OUT = 30  # one line per table, code, item and value
SHOWN_IMPLAUSIBLE = 5  # on page one; the alarms of the data-health section hold the others
DECLARATIONS = ("landing.", "calendar.")  # sections that describe the data and no method
LONGEST_DETAIL = 300  # letters of a failed check


@dataclass(frozen=True)
class Holdings:
    """What a portfolio's partition of the week says of itself. solve: the row of solve.parquet, None before the build."""

    solve: Mapping[str, Any] | None
    relaxations: pl.DataFrame
    not_applied: Mapping[str, Reason]
    benchmark_is_drifted: bool


@dataclass(frozen=True)
class Findings:
    """Everything an issue is written from."""

    week: dt.date
    day: dt.date  # the signal day
    factors: Mapping[str, Mapping[str, Series]]
    portfolios: Mapping[str, Series]
    table1: pl.DataFrame
    table2: pl.DataFrame
    ics: pl.DataFrame
    evaluation: Summary
    contributions: Mapping[str, Contributions]  # portfolio → where its excess came from
    lines: Lines | None  # of robustness; None: none is set
    traded: Mapping[str, Mapping[str, float]]  # portfolio → turnover and cost of the week
    holdings: Mapping[str, Holdings]
    tapes: pl.DataFrame  # tape_health of the week's days: date, symbol, verdict, quotes_verdict, reason
    unavailable: Reasons
    manifests: pl.DataFrame
    left_out: pl.DataFrame  # what partitions were made without: table, partition, code, item, value as JSON
    implausible: Sequence[
        Mapping[str, Any]
    ]  # plausibility checks that failed and are allowed to: table, check, count, first, last
    run: Mapping[str, Any]


def write_weekly(found: Findings, calendar: Calendar, settings: ReportSettings) -> Weekly:
    """The issue of one week."""
    return _Writer(found, calendar, settings).write()


class _Writer:
    """Turns findings into sentences of one language; every method returns plain data."""

    def __init__(self, found: Findings, calendar: Calendar, settings: ReportSettings):
        self.found, self.calendar, self.settings = found, calendar, settings
        self.language: Language = settings.language
        self.suffix = "" if settings.relative == "ratio" else "_difference"
        self.rows1 = {row["factor"]: row for row in found.table1.iter_rows(named=True)}
        self.rows2 = {row["portfolio"]: row for row in found.table2.iter_rows(named=True)}
        self.tree: Mapping[str, Any] = found.run["settings"]
        self.source = self.say(LABELS["source"], market=self._market_name())
        self.reason = ReasonWriter(self.language, self.name).say
        self.explanation = ExplanationWriter(self.language, self.name)
        self.methods = MethodsWriter(self.language, self.name, self.tree, found.left_out, found.day)

    def write(self) -> Weekly:
        factors = [self._factor_chapter(factor) for factor in catalogue.FACTORS]
        portfolios = [self._portfolio_chapter(n, portfolio) for n, portfolio in enumerate(catalogue.PORTFOLIOS)]
        title, headline = self._heading(self.found.week, self.found.table1, self.found.table2)
        benchmark = self.tree["portfolios"]["benchmark"]
        parts = AttributionWriter(self.language, self.name, self.reason, benchmark)
        lines = LinesWriter(self.language, self.name, self.reason)
        return Weekly(
            language=self.language,
            title=title,
            headline=headline,
            issue_of=self.label("issue_of", day=self.found.day),
            warnings=self._warnings(),
            previous=self._previous(),
            glance=self._glance(),
            highlights=self._highlights(),
            table1=self._table1(),
            table2=self._table2(),
            attribution=parts.table(self.found.contributions),
            explanations=self.explanation.tables({key: held.solve for key, held in self.found.holdings.items()}),
            lines=lines.table(self.found.lines),
            ics=self._ic_table(),
            evaluation=self._evaluation_table(),
            verdicts=self._verdict_table(),
            differences=self._difference_table(),
            declared=self._declared_table(),
            all_settings=self._settings_table(),
            factors=factors,
            portfolios=portfolios,
            evaluation_figures=self._evaluation_figures(),
            attribution_figures=parts.figures(self.found.contributions, self._signal_day_before),
            line_figures=lines.figures(self.found.lines, self.calendar.previous_day),
            construction=[self._constraints(portfolio) for portfolio in catalogue.PORTFOLIOS],
            costs=self._costs(),
            profile=self.label("profile", **{k: self.found.run["profile"][k] for k in ("name", "description")}),
            footer=self.sentence("warn_sample") if self.found.run["market"]["sample"] else self.source,
            risk_short=self.label("risk_short"),
            tapes=self._tape_counts(),
            tape_reasons=self._tape_reasons(),
            alarms=self._alarms(),
            absent=self._absent(),
            left_out=self._left_out(),
            source=self.source,
            labels={key: text[self.language] for key, text in LABELS.items()},
        )

    def _signal_day_before(self, day: dt.date) -> dt.date:
        return self.calendar.previous_day(Calendar.week_of(day))

    # --- words ------------------------------------------------------------------------------------------------------

    def say(self, text: Bilingual, **values: object) -> str:
        return text[self.language].format(**values)

    def label(self, key: str, **values: object) -> str:
        return self.say(LABELS[key], **values)

    def sentence(self, key: str, **values: object) -> str:
        return self.say(SENTENCES[key], **values)

    def name(self, thing: Factor | Portfolio) -> str:
        return thing.name_zh if self.language == "zh" else thing.name_en

    def join(self, parts: Sequence[str], by: str = "list_comma") -> str:
        return self.label(by).join(parts)

    def _market_name(self) -> str:
        market = self.found.run["market"]
        return self.label("sample_market", name=market["name"]) if market["sample"] else market["name"]

    # --- page one ---------------------------------------------------------------------------------------------------

    def _heading(self, week: dt.date, table1: pl.DataFrame, table2: pl.DataFrame) -> tuple[str, str]:
        """Title with the week's dates, and one sentence that states the week's finding from the figures."""
        days = self.calendar.week_days(week)
        title = self.label("title", first=f"{days[0]:%Y.%m.%d}", last=f"{days[-1]:%Y.%m.%d}")
        column = f"long_short_week{self.suffix}"
        known = table1.drop_nulls(column).sort(column, descending=True, maintain_order=True)
        parts = []
        if known.height:
            best = known.row(0, named=True)
            parts.append(
                self.sentence(
                    "headline_factor" if best[column] > 0 else "headline_none_rose",
                    name=self.name(catalogue.BY_KEY[best["factor"]]),
                    value=percent(best[column]),
                    count=known.height,
                    positive=known.filter(pl.col(column) > 0).height,
                )
            )
        column = f"excess_week{self.suffix}"
        parts += [
            self.sentence("headline_portfolio", name=self.name(portfolio), value=percent(row[column]))
            for portfolio, row in zip(catalogue.PORTFOLIOS, table2.iter_rows(named=True), strict=True)
            if row[column] is not None
        ]
        return title, self.join(parts, "semicolon") if parts else self.sentence("headline_nothing")

    def _previous(self) -> list[tuple[str, str]]:
        """Title and headline of the issues before this one, as the same data gave them at the time."""
        days = [one["long_short"].dates for one in self.found.factors.values() if len(one["long_short"].dates)]
        if not days:
            return []
        first = Calendar.week_of(min(dates[0] for dates in days).astype(object))
        earlier = self.calendar.weeks(first, self.found.week - dt.timedelta(weeks=1)) if first < self.found.week else []
        issues = []
        for week in reversed(earlier[-PREVIOUS_ISSUES:]):
            day = self.calendar.signal_day(week)
            table1 = tabulate_factors(self.found.factors, day, {})
            table2 = tabulate_portfolios(self.found.portfolios, day, {})
            issues.append(self._heading(week, table1, table2))
        return issues

    def _warnings(self) -> list[str]:
        """What page one must say in bold before any figure."""
        warnings = []
        if self.found.run["market"]["sample"]:
            warnings.append(self.sentence("warn_sample"))
        if self.found.implausible:
            count = len(self.found.implausible)
            shown = [self._failure(row) for row in self.found.implausible[:SHOWN_IMPLAUSIBLE]]
            more = self.label("and_more", count=count - len(shown)) if count > len(shown) else ""
            warnings.append(
                self.sentence("warn_implausible", count=count, failures=self.join(shown, "semicolon") + more)
            )
        alphas = self._alphas()
        if alphas != [OFFICIAL_ALPHA.key]:
            known = [catalogue.BY_KEY.get(key) for key in alphas]
            numbers = self.join(
                [key if one is None else str(one.number) for key, one in zip(alphas, known, strict=True)]
            )
            warnings.append(
                self.sentence("warn_alpha", name=self._alpha(), number=numbers, official=self.name(OFFICIAL_ALPHA))
            )
        warnings += [
            self.sentence("warn_weights", index=self.say(INDICES[index]) if index in INDICES else index)
            for index in self.settings.unofficial_weights
        ]
        differences = [one for one in self._differences() if not one["setting"].startswith("report.")]
        if days := self._rulebook["too_old_days"]:
            warnings.append(self.sentence("warn_rulebook", days=days, limit=self.tree["rulebook"]["warn_after_days"]))
        if differences:
            profile = self.found.run["profile"]["name"]
            warnings.append(self.sentence("warn_profile", name=profile, count=len(differences)))
        return warnings

    def _failure(self, row: Mapping[str, Any]) -> str:
        """A table and check with the partitions in which it failed."""
        key = "implausible_once" if row["count"] == 1 else "implausible"
        return self.label(key, **{name: row[name] for name in ("table", "check", "count", "first", "last")})

    def _glance(self) -> list[tuple[str, str]]:
        days = self.calendar.week_days(self.found.week)
        return [
            (self.label("data_market"), self._market_name()),
            (self.label("data_days"), f"{days[0]} – {days[-1]}"),
            (self.label("alpha"), self._alpha()),
            (self.label("profile_name"), self.found.run["profile"]["name"]),
        ]

    def _alphas(self) -> list[str]:
        alpha = self.tree["portfolios"]["alpha"]
        return [alpha] if isinstance(alpha, str) else list(alpha)

    def _alpha(self) -> str:
        """What the portfolios' μ is called."""
        names = [self.name(catalogue.BY_KEY[key]) if key in catalogue.BY_KEY else key for key in self._alphas()]
        return names[0] if len(names) == 1 else self.sentence("mean_of", names=self.join(names))

    def _highlights(self) -> list[tuple[str, str]]:
        lines = []
        for factor in HIGHLIGHTED:
            row = self.rows1[factor.key]
            if row["reason"] is not None:
                text = self.sentence("highlight_absent", reason=self.reason(row["reason"]))
            else:
                numbers = {
                    f"{short}_{period}": percent(row[f"{name}_{period}{self.suffix}"])
                    for short, name in (("ls", "long_short"), ("le", "long_excess"))
                    for period in PERIODS
                }
                text = self.sentence("highlight_factor", **numbers)
            lines.append((self.name(factor), text))
        for portfolio in catalogue.PORTFOLIOS:
            row = self.rows2[portfolio.key]
            if row["reason"] is not None:
                text = self.sentence("highlight_absent", reason=self.reason(row["reason"]))
            else:
                numbers = {period: percent(row[f"excess_{period}{self.suffix}"]) for period in PERIODS}
                text = self.sentence("highlight_portfolio", wins=share(row["wins"], row["weeks"]), **numbers)
            lines.append((self.name(portfolio), text))
        return lines

    # --- tables -----------------------------------------------------------------------------------------------------

    def _table1(self) -> Grid:
        rows = []
        for factor in catalogue.FACTORS:
            row, cells = self.rows1[factor.key], [f"{factor.number} {self.name(factor)}"]
            if row["long_short_ytd"] is None:
                rows.append(Row(cells, self.label("not_available_reason", reason=self.reason(row["reason"]))))
                continue
            for name in ("long_short", "long_excess"):
                cells += [percent(row[f"{name}_{period}{self.suffix}"]) for period in PERIODS]
                cells.append(share(row[f"{name}_wins"], row[f"{name}_months"]))
            rows.append(Row(cells))
        periods = [self.label(period) for period in PERIODS]
        column = f"long_short_week{self.suffix}"
        known = self.found.table1.drop_nulls(column).sort(column, descending=True, maintain_order=True)
        lead = self.sentence("table1_nothing")
        if known.height:
            best, worst = known.row(0, named=True), known.row(-1, named=True)
            lead = self.sentence(
                "table1_lead",
                count=known.height,
                positive=known.filter(pl.col(column) > 0).height,
                excess_positive=known.filter(pl.col(f"long_excess_week{self.suffix}") > 0).height,
                best=self.name(catalogue.BY_KEY[best["factor"]]),
                best_value=percent(best[column]),
                worst=self.name(catalogue.BY_KEY[worst["factor"]]),
                worst_value=percent(worst[column]),
            )
        partial = [
            self.label("not_available_reason", reason=f"{self.name(factor)}: {self.reason(row['reason'])}")
            for factor in catalogue.FACTORS
            if (row := self.rows1[factor.key])["reason"] is not None and row["long_short_ytd"] is not None
        ]
        since = {self.name(f): self.rows1[f.key]["since"] for f in catalogue.FACTORS}
        wins = self.label("month_wins")
        return Grid(
            1,
            self.label("table1_title"),
            lead,
            [
                [("", 1), (self.label("long_short"), 4), (self.label("long_excess"), 4)],
                [(text, 1) for text in (self.label("factor"), *periods, wins, *periods, wins)],
            ],
            rows,
            [
                self.label(f"{self.settings.relative}_note"),
                self.sentence("legs_fills", fills=self._fills()).strip(),
                *self._since_notes(since),
                *partial,
            ],
        )

    def _table2(self) -> Grid:
        rows, items = [], []
        for portfolio in catalogue.PORTFOLIOS:
            row = self.rows2[portfolio.key]
            name = self.name(portfolio)
            if row["excess_ytd"] is None:
                reason = self.reason(row["reason"])
                rows.append(Row([name], self.label("not_available_reason", reason=reason)))
                continue
            numbers = [percent(row[f"excess_{period}{self.suffix}"]) for period in PERIODS]
            rows.append(Row([name, *numbers, share(row["wins"], row["weeks"])]))
            items.append(self.sentence("table2_item", name=name, value=numbers[0]))
        heads = [self.label("portfolio"), *(self.label(period) for period in PERIODS), self.label("week_wins")]
        lead = (
            self.sentence("table2_lead", items=self.join(items, "comma")) if items else self.sentence("table2_nothing")
        )
        drifted = [
            self.sentence("benchmark_drifted", name=self.name(portfolio), kind=self._benchmark_kind())
            for portfolio in catalogue.PORTFOLIOS
            if self.found.holdings[portfolio.key].benchmark_is_drifted
            and self.rows2[portfolio.key]["excess_ytd"] is not None
        ]
        since = {self.name(p): self.rows2[p.key]["since"] for p in catalogue.PORTFOLIOS}
        return Grid(
            2,
            self.label("table2_title"),
            lead,
            [[("", 1), (self.label("excess"), 4)], [(text, 1) for text in heads]],
            rows,
            [self.label(f"table2_note{self.suffix}", kind=self._benchmark_kind()), *drifted, *self._since_notes(since)],
        )

    def _since_notes(self, since: Mapping[str, dt.date | None]) -> list[str]:
        """Where the data starts inside the year, YTD and wins count from there, and that is said."""
        first = self.calendar.next_day(dt.date(self.found.day.year - 1, 12, 31))
        late: dict[dt.date, list[str]] = {}
        for name, day in since.items():
            if day is not None and day > first:
                late.setdefault(day, []).append(name)
        every = sum(len(names) for names in late.values()) == sum(day is not None for day in since.values())
        if len(late) == 1 and every and len(since) > 2:
            late = {day: [self.label("all_factors")] for day in late}
        return [self.label("since_note", names=self.join(names), day=day) for day, names in sorted(late.items())]

    def _ic_table(self) -> Grid:
        rows = []
        for row in self.found.ics.iter_rows(named=True):
            factor = catalogue.BY_KEY[row["factor"]]
            name = f"{factor.number} {self.name(factor)}"
            if not row["count"]:
                reason = self.reason(self.rows1[factor.key]["reason"] or NO_HOLDING_PERIOD())
                rows.append(Row([name], self.label("not_available_reason", reason=reason)))
                continue
            cells = [name, *(decimal(row[key], 3) for key in ("last", "mean")), decimal(row["icir"], 2)]
            rows.append(Row([*cells, decimal(row["t_statistic"], 2), percent(row["positive"], 0), str(row["count"])]))
        known = self.found.ics.drop_nulls("mean").sort("mean", descending=True, maintain_order=True)
        lead = self.sentence("table3_nothing")
        if known.height:
            best = known.row(0, named=True)
            lead = self.sentence(
                "table3_lead",
                count=known.height,
                best=self.name(catalogue.BY_KEY[best["factor"]]),
                best_value=decimal(best["mean"], 3),
            )
        heads = ("factor", "ic_last", "ic_mean", "ic_icir", "ic_t", "ic_positive", "ic_count")
        return Grid(
            3,
            self.label("table3_title"),
            lead,
            [[(self.label(key), 1) for key in heads]],
            rows,
            [self.label("ic_note")],
        )

    def _evaluation_table(self) -> Grid:
        """The sixteen over weekly signals; a factor without any has its reason, a single number without one a note."""
        found = self.found.evaluation
        decay = {(row["factor"], row["horizon"]): row["mean"] for row in found.decay.iter_rows(named=True)}
        horizons = self.tree["evaluation"]["horizons"]
        rows, shown = [], []
        for factor, row in zip(catalogue.FACTORS, found.factors.iter_rows(named=True), strict=True):
            name = f"{factor.number} {self.name(factor)}"
            if row["autocorrelation"] is None and not any((factor.key, horizon) in decay for horizon in horizons):
                rows.append(Row([name], self.label("not_available_reason", reason=self._not_evaluated(factor))))
                continue
            shown.append(factor.key)
            rows.append(
                Row(
                    [
                        name,
                        *(decimal(decay.get((factor.key, horizon)), 3) for horizon in horizons),
                        *(decimal(row[key], 2) for key in ("icir", "t_statistic")),
                        percent(row["spread"]),
                        *(decimal(row[key], 2) for key in ("monotonicity", "autocorrelation")),
                        percent(row["turnover"], 0),
                        self._largest_exposure(row),
                        self._over_seeds(row) if factor.kind == "model" else self.label("no_seeds"),
                    ]
                )
            )
        heads = [
            [
                ("", 1),
                (self.label("ic_by_horizon"), len(horizons)),
                (self.label("one_week"), 2),
                (self.label("deciles"), 2),
                (self.label("stability"), 2),
                ("", 2),
            ],
            [(self.label("factor"), 1), *((self.label("weeks", count=horizon), 1) for horizon in horizons)]
            + [(self.label(key), 1) for key in _EVALUATED],
        ]
        notes = [self.label("evaluation_note"), *self._missing_statistics(shown, horizons)]
        return Grid(4, self.label("table4_title"), self._evaluation_lead(), heads, rows, notes, narrow=True)

    def _evaluation_lead(self) -> str:
        known = self.found.evaluation.factors.drop_nulls("mean").sort("mean", descending=True, maintain_order=True)
        if known.is_empty():
            return self.sentence("evaluation_nothing")
        best = known.row(0, named=True)
        return self.sentence(
            "evaluation_lead",
            count=known.height,
            above=known.filter(pl.col("low") > 0).height,
            best=self.name(catalogue.BY_KEY[best["factor"]]),
            value=decimal(best["mean"], 3),
            weeks=best["count"],
        )

    def _not_evaluated(self, factor: Factor) -> str:
        reason = self.rows1[factor.key]["reason"] or self.found.unavailable.get("evaluation", {}).get(factor.key)
        return self.reason(reason or NO_HOLDING_PERIOD())

    def _largest_exposure(self, row: Mapping[str, Any]) -> str:
        value = decimal(row["exposure"], 2)
        return value if row["exposure"] is None or float(value) == 0 else f"{self.say(STYLES[row['style']])} {value}"

    def _over_seeds(self, row: Mapping[str, Any]) -> str:
        mean = decimal(row["seed_mean"], 3)
        return mean if row["seed_std"] is None else f"{mean}±{decimal(row['seed_std'], 3)}"

    def _missing_statistics(self, shown: Sequence[str], horizons: Sequence[int]) -> list[str]:
        """What the factors `shown` lack, one line per statistic and reason."""
        found = self.found.evaluation
        known = set(found.decay.select("factor", "horizon").iter_rows())
        told = {(factor, statistic, horizon): reason for factor, statistic, horizon, reason in found.absent.iter_rows()}
        nothing = {
            (factor, "rank_ic", horizon): NO_HOLDING_PERIOD().dumps()
            for horizon in horizons
            for factor in shown
            if (factor, horizon) not in known
        }
        grouped: dict[tuple[str, str], list[str]] = {}
        for (factor, statistic, horizon), reason in {**nothing, **told}.items():
            name = self.label(_STATISTICS[statistic])
            if statistic == "rank_ic":
                name = self.label("over_weeks", statistic=name, weeks=self.label("weeks", count=horizon))
            grouped.setdefault((name, reason), []).append(str(catalogue.BY_KEY[factor].number))
        return [
            self.label(
                "missing_statistic",
                statistic=name,
                factors=self.join(sorted(numbers, key=int)),
                reason=self.reason(reason),
            )
            for (name, reason), numbers in grouped.items()
        ]

    def _evaluation_figures(self) -> list[Figure]:
        found = self.found.evaluation
        titles = self.label("decay_title"), self.label("correlations_title")
        numbers = {factor.key: str(factor.number) for factor in catalogue.FACTORS}
        bands = [
            Band(
                number,
                *(found.decay.filter(factor=key)[column].to_list() for column in ("horizon", "mean", "low", "high")),
            )
            for key, number in numbers.items()
        ]
        cells = {
            (numbers[other], numbers[factor]): value
            for factor, other, value in found.correlations.select("factor", "other", "value").iter_rows()
        }
        absent = self.reason(NO_HOLDING_PERIOD())
        alone = self.label("no_pair")
        return [
            Figure("A1", titles[0], None if found.decay.is_empty() else draw_bands(bands, prefix="a1"), absent),
            Figure("A2", titles[1], draw_heat(list(numbers.values()), cells, prefix="a2") if cells else None, alone),
        ]

    def _verdict_table(self) -> Grid:
        manifests = self.found.manifests
        refuses = pl.col("critical") & ~pl.col("passed")
        by_table = (
            manifests.group_by("table", maintain_order=True)
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
            Row([row["table"], *(f"{row[column]:,}" for column in columns)]) for row in by_table.iter_rows(named=True)
        ]
        totals = {column: f"{int(by_table[column].sum()):,}" for column in columns}
        return Grid(
            5,
            self.label("table5_title"),
            self.sentence("table5_lead", **totals),
            [[(self.label(key), 1) for key in ("data_table", *columns)]],
            rows,
        )

    def _tape_counts(self) -> list[str]:
        """How many symbol-days are whole, day by day and over the week."""
        tapes = self.found.tapes
        days = tapes.select(pl.col("date").unique().sort())["date"].to_list()
        lines = [self._count_tapes(tapes.filter(pl.col("date") == day), "tapes_of_day", day=day) for day in days]
        return [self._count_tapes(tapes, "tapes_of_week"), *lines] if days else []

    def _count_tapes(self, tapes: pl.DataFrame, key: str, **values: object) -> str:
        counts = {verdict: (tapes["verdict"] == verdict).sum() for verdict in VERDICTS}
        books = ((tapes["quotes_verdict"] == "set aside") & (tapes["verdict"] != "set aside")).sum()
        told = [
            self.label("tapes_counted", verdict=self.say(VERDICTS[one]), count=f"{n:,}") for one, n in counts.items()
        ]
        told += [self.label("tapes_books", count=f"{books:,}")] if books else []
        return self.label(key, counts=self.join(told), **values)

    def _tape_reasons(self) -> list[str]:
        """The first symbol-days that are not ok, the gravest first, with their reasons."""
        worst = {verdict: n for n, verdict in enumerate(("set aside", "missing", "repaired"))}
        found = (
            self.found.tapes.filter(pl.col("verdict") != "ok")
            .with_columns(rank=pl.col("verdict").replace_strict(worst, return_dtype=pl.Int64))
            .sort("rank", "date", "symbol")
        )
        lines = [
            self.label(
                "tape_row",
                day=row["date"],
                symbol=row["symbol"],
                verdict=self.say(VERDICTS[row["verdict"]]),
                reason=shorten(row["reason"], LONGEST_DETAIL),
            )
            for row in found.head(SHOWN_ALARMS).iter_rows(named=True)
        ]
        if found.height > SHOWN_ALARMS:
            lines.append(self.label("more_tapes", count=found.height - SHOWN_ALARMS))
        return lines

    def _alarms(self) -> list[str]:
        """Failed checks, one line per table and check, critical ones and those that failed last first."""
        failed = self.found.manifests.filter(~pl.col("passed")).sort("partition")
        groups = (
            failed.group_by("table", "check", "critical")
            .agg(pl.len().alias("count"), pl.col("partition").min().alias("first"), pl.all().exclude("rows").last())
            .drop("passed")
            .sort("critical", "partition", "table", "check", descending=[True, True, False, False])
        )
        lines = [
            self.label(
                "alarm_row",
                kind=self.label("critical" if row["critical"] else "warning"),
                table=row["table"],
                check=row["check"],
                count=row["count"],
                first=row["first"],
                last=row["partition"],
                detail=shorten(row["detail"], LONGEST_DETAIL, row["remedy"]),
            )
            for row in groups.head(SHOWN_ALARMS).iter_rows(named=True)
        ]
        if groups.height > SHOWN_ALARMS:
            lines.append(self.label("more", count=groups.height - SHOWN_ALARMS))
        return lines

    def _absent(self) -> list[str]:
        """What the inputs lack, one line per table and reason."""
        lines = []
        for table, reasons in sorted(self.found.unavailable.items()):
            by_reason: dict[Reason, list[str]] = {}
            for item, reason in reasons.items():
                by_reason.setdefault(reason, []).append(item)
            lines += [
                self.label("absent_row", table=table, items=self.join(items), reason=self.reason(reason))
                for reason, items in by_reason.items()
            ]
        return lines

    def _left_out(self) -> list[str]:
        """What partitions were made without, the first of them and how many more."""
        lines = self.methods.left_out()
        more = [self.label("more", count=len(lines) - SHOWN_LEFT_OUT)] if len(lines) > SHOWN_LEFT_OUT else []
        return lines[:SHOWN_LEFT_OUT] + more

    @property
    def _rulebook(self) -> dict[str, Any]:
        """What the run says of the exchanges' rules in force on the signal day (resources/rulebook.py, describe_rulebook)."""
        return self.found.run["rulebook"]

    def _newest_rule(self) -> list[str]:
        newest = self._rulebook["newest"]
        if newest is None:
            return []
        return [self.sentence("newest_rule", kind=newest["kind"], since=newest["since"], source=newest["source"])]

    def _differences(self) -> list[Mapping[str, Any]]:
        """Settings that differ from production's, less those that `_declared` holds."""
        return [one for one in self.found.run["differences"] if not one["setting"].startswith(DECLARATIONS)]

    def _declared(self) -> list[Mapping[str, Any]]:
        """What the settings say of the data and no method: how it is delivered, the calendar, and the rules in force that are none of
        the shipped ones."""
        own = [
            {
                "setting": f"rulebook.{row['kind']}",
                "value": {k: v for k, v in row.items() if k != "kind"},
                "production": None,
            }
            for row in self._rulebook["added"]
        ]
        return [*(one for one in self.found.run["differences"] if one["setting"].startswith(DECLARATIONS)), *own]

    def _difference_table(self) -> Grid:
        rows = self._rows_of(self._differences())
        lead = self.sentence("table6_lead", count=len(rows)) if rows else self.label("no_difference")
        return Grid(
            6, self.label("table6_title"), lead, self._difference_heads(), rows, notes=self._newest_rule(), wide=True
        )

    def _declared_table(self) -> Grid | None:
        rows = self._rows_of(self._declared())
        if not rows:
            return None
        lead = self.sentence("declared_lead", count=len(rows))
        return Grid("A5", self.label("declared_title"), lead, self._difference_heads(), rows, wide=True)

    def _rows_of(self, differences: Sequence[Mapping[str, Any]]) -> list[Row]:
        return [
            Row([one["setting"], plain(one["value"]), plain(one["production"]), one.get("reason", "")])
            for one in differences
        ]

    def _difference_heads(self) -> list[list[tuple[str, int]]]:
        return [[(self.label(key), 1) for key in ("setting", "value", "production", "reason")]]

    def _settings_table(self) -> Grid:
        rows = [Row([path, plain(value)]) for path, value in leaves(self.tree)]
        heads = [[(self.label("setting"), 1), (self.label("value"), 1)]]
        return Grid(7, self.label("table7_title"), self.sentence("table7_lead"), heads, rows, wide=True)

    # --- chapters ---------------------------------------------------------------------------------------------------

    def _factor_chapter(self, factor: Factor) -> Chapter:
        row, name = self.rows1[factor.key], self.name(factor)
        numbers = [int(number) for number in factor.source.split(", ")]
        studies = (
            self.join([f"（{chinese_number(n)}）" for n in numbers], "list_comma")
            if self.language == "zh"
            else self.join([str(n) for n in numbers])
        )
        about = [
            *self.methods.describe(factor),
            self.sentence("sign_negative") if factor.sign < 0 else "",
            self.sentence(
                f"factor_rebalance_{factor.rebalance}", share=exact_percent(self.tree["returns"]["group_share"], 0)
            ),
            *self.methods.orthogonal(factor),
            self.sentence("sources", numbers=studies),
        ]
        paragraphs = [self._flow(about)]
        if row["reason"] is not None:
            paragraphs.append(self.sentence("absent_factor", reason=self.reason(row["reason"])))
        else:
            paragraphs.append(
                self.sentence(
                    "this_week",
                    ls_week=percent(row[f"long_short_week{self.suffix}"]),
                    le_week=percent(row[f"long_excess_week{self.suffix}"]),
                    ls_ytd=percent(row[f"long_short_ytd{self.suffix}"]),
                    le_ytd=percent(row[f"long_excess_ytd{self.suffix}"]),
                )
            )
        return Chapter(factor.key, name, paragraphs, self._factor_figures(factor))

    def _factor_figures(self, factor: Factor) -> list[Figure]:
        start = self.settings.chart_start_late if factor.key in LATE else self.settings.chart_start
        row, number, name = self.rows1[factor.key], 2 * factor.number - 1, self.name(factor)
        lines = [
            line
            for key in ("long_short", "long_excess")
            if (line := self._strength_line(self.label(key), self.found.factors[factor.key][key], start, base=0.0))
        ]
        titles = (self.sentence("figure_strength", name=name), self.sentence("figure_bars", name=name))
        if not lines:
            absent = self.reason(row["reason"] or NO_RETURNS())
            return [Figure(number + n, title, None, absent) for n, title in enumerate(titles)]
        bars = [(self.label(period), row[f"long_short_{period}{self.suffix}"]) for period in PERIODS]
        return [
            Figure(number, titles[0], draw_lines(lines, prefix=f"f{number}", percent=False), None),
            self._bar_figure(number + 1, titles[1], bars, row["reason"]),
        ]

    def _bar_figure(
        self, number: int, title: str, bars: Sequence[tuple[str, float | None]], reason: str | None
    ) -> Figure:
        if all(value is None for _, value in bars):
            return Figure(number, title, None, self.reason(reason or NO_RETURNS()))
        return Figure(number, title, draw_bars(bars, prefix=f"f{number}"), None)

    def _strength_line(self, name: str, series: Series, start: dt.date, base: float) -> Line | None:
        """RS less `base`, from `start` or the first day of the data, beginning at the close before it."""
        known = series.until(self.found.day)
        keep = known.dates >= np.datetime64(start, "D")
        if not keep.any():
            return None
        values = relative_strength(known.own[keep], known.against[keep])
        dates = [day.astype(object) for day in known.dates[keep]]
        return Line(
            name, [self.calendar.previous_day(dates[0]), *dates], [1.0 - base, *(float(v) - base for v in values)]
        )

    def _portfolio_chapter(self, position: int, portfolio: Portfolio) -> Chapter:
        row, name = self.rows2[portfolio.key], self.name(portfolio)
        held = self.found.holdings[portfolio.key]
        index = f"{self.say(INDICES[portfolio.index])}{self.label('blank')}{self._benchmark_kind()}"
        about = [self.sentence("portfolio_text", alpha=self._alpha(), index=index)]
        if row["reason"] is not None:
            about.append(self.sentence("absent_factor", reason=self.reason(row["reason"])))
        else:
            numbers = {period: percent(row[f"excess_{period}{self.suffix}"]) for period in ("week", "ytd")}
            about.append(self.sentence("portfolio_week", wins=share(row["wins"], row["weeks"]), **numbers))
        paragraphs = [self._flow(about)]
        if held.solve is not None:
            paragraphs.append(self._flow(self._holding_sentences(portfolio, held)))
        number = 2 * len(catalogue.FACTORS) + 2 * position + 1
        titles = (self.sentence("figure_excess", name=name), self.sentence("figure_excess_bars", name=name))
        line = self._strength_line(
            self.label("cumulative_excess"), self.found.portfolios[portfolio.key], self.settings.chart_start_late, 1.0
        )
        if line is None:
            absent = self.reason(row["reason"] or NO_RETURNS())
            figures = [Figure(number + n, title, None, absent) for n, title in enumerate(titles)]
        else:
            bars = [(self.label(period), row[f"excess_{period}{self.suffix}"]) for period in PERIODS]
            svg = draw_lines([line], prefix=f"f{number}", percent=True)
            figures = [
                Figure(number, titles[0], svg, None),
                self._bar_figure(number + 1, titles[1], bars, row["reason"]),
            ]
        return Chapter(portfolio.key, name, paragraphs, figures, self._relaxation_lines(held))

    def _benchmark_kind(self) -> str:
        """Which kind of index the excess is measured against."""
        return self.sentence(f"benchmark_{self.tree['portfolios']['benchmark']}")

    def _holding_sentences(self, portfolio: Portfolio, held: Holdings) -> list[str]:
        solve = held.solve or {}
        sentences = [
            self.sentence("portfolio_solved", status=self.sentence(f"status_{solve['status']}")),
            self.sentence("portfolio_holdings", names=solve["holdings"]),
        ]
        if solve["benchmark_without_score"] > 0:
            sentences.append(self.sentence("portfolio_unscored", unscored=percent(solve["benchmark_without_score"])))
        if solve["benchmark_beijing"] > 0:
            beijing = {"names": solve["benchmark_beijing_members"], "weight": percent(solve["benchmark_beijing"])}
            sentences.append(self.sentence("portfolio_beijing", **beijing))
        if solve["benchmark_delisted"] > 0:
            sentences.append(self.sentence("portfolio_delisted", weight=percent(solve["benchmark_delisted"])))
        if solve["frozen_weight"] > 0:
            sentences.append(self.sentence("portfolio_frozen", frozen=percent(solve["frozen_weight"])))
        traded = self.found.traded.get(portfolio.key)
        if traded is not None:
            sentences.append(
                self.sentence(
                    "portfolio_turnover", turnover=percent(traded["turnover"]), cost=percent(traded["cost"], 3)
                )
            )
        if held.not_applied:
            items = [
                self.sentence("for_want_of", constraint=self._constraint_name(name), reason=self.reason(reason))
                for name, reason in held.not_applied.items()
            ]
            sentences.append(self.sentence("portfolio_not_applied", items=self.join(items)))
        return sentences

    def _relaxation_lines(self, held: Holdings) -> list[str]:
        """One line per constraint that gave: how often, by how much in all, and the worst case with what forced it."""
        lines = []
        for constraint in held.relaxations["constraint"].unique(maintain_order=True):
            rows = held.relaxations.filter(pl.col("constraint") == constraint).sort(
                "slack", "row", descending=[True, False]
            )
            worst = rows.row(0, named=True)
            total, slack = (
                percent(value, 3) if constraint in _WEIGHTS else decimal(value, 4)
                for value in (float(rows["slack"].sum()), worst["slack"])
            )
            lines.append(
                self.sentence(
                    "relaxed",
                    constraint=self._constraint_name(constraint),
                    count=rows.height,
                    total=total,
                    row=worst["row"],
                    slack=slack,
                    forced=self.reason(worst["forced_by"]) if worst["forced_by"] else "–",
                )
            )
        return lines

    def _constraint_name(self, key: str) -> str:
        text = STYLES.get(key) or NAMES.get(key)
        return self.say(text) if text else key

    # --- construction -----------------------------------------------------------------------------------------------

    def _constraints(self, portfolio: Portfolio) -> tuple[str, list[str]]:
        bounds = self.tree["portfolios"][portfolio.key]
        lines = [self.sentence("bound_stock", value=exact_percent(bounds["stock_deviation"]))]
        own = bounds["exposure_bands"]
        lines += [self._bound(style, bounds[f"{style}_exposure"]) for style in ("value", "size") if style not in own]
        others = self.join([self.say(STYLES[style]) for style in bounds["other_styles"] if style not in own])
        lines += [self._bound(others, bounds["style_exposure"])] if others else []
        lines += [
            self.sentence(
                "bound_band", name=self._constraint_name(style), band=f"[{low:g}, {high:g}]".replace("-", "−")
            )
            for style, (low, high) in own.items()
        ]
        if bounds["industry_deviation"] == 0:
            lines.append(self.sentence("bound_industry_zero"))
        else:
            lines.append(self.sentence("bound_industry", value=exact_percent(bounds["industry_deviation"])))
        lines.append(self.sentence("bound_turnover", value=exact_percent(bounds["turnover"], 0)))
        lines.append(self.sentence("space_members" if bounds["members_only"] else "space_market"))
        if bounds["member_share"] > 0:
            lines.append(self.sentence("bound_members", value=exact_percent(bounds["member_share"])))
        covariance = self.tree["portfolios"]["covariance"]
        if bounds["tracking_error"] is not None:
            lines.append(self.sentence("bound_tracking", value=f"{bounds['tracking_error']:g}", covariance=covariance))
        if bounds["risk_aversion"] > 0:
            lines.append(self.sentence("risk_penalty", value=f"{bounds['risk_aversion']:g}", covariance=covariance))
        if extra := self.tree["portfolios"]["extra_constraints"]:
            lines.append(self.sentence("bound_extra", paths=self.join(extra)))
        return self.name(portfolio), lines

    def _bound(self, style: str, value: float) -> str:
        name = self.say(STYLES[style]) if style in STYLES else style
        return (
            self.sentence("bound_zero", name=name)
            if value == 0
            else self.sentence("bound_within", name=name, value=f"{value:g}")
        )

    def _costs(self) -> str:
        shared, how = self.tree["portfolios"], self.tree["portfolios"]["execution"]
        order = [self.say(STYLES[group]) for group in reversed(shared["relaxation_order"])]
        side = shared["cost"]
        flat = self.sentence("cost_flat", side=exact_percent(side), both=exact_percent(float(2 * Decimal(str(side)))))
        sentences = [
            self.sentence(
                "costs",
                cost=self.sentence("cost_dated") if how["dated_fees"] else flat,
                listed=shared["min_listed_days"],
                fills=self._fills(),
                order=self.join(order),
            )
        ]
        if how["lots"]:
            sentences.append(self._lots())
        if how["participation"] is not None:
            sentences.append(self.sentence("trades_participation", value=exact_percent(how["participation"])))
        if how["lots"] or how["participation"] is not None:
            sentences.append(self.sentence("trades_capital", value=f"{Decimal(str(how['capital'])).normalize():,f}"))
        return self._flow(sentences)

    def _fills(self) -> str:
        """The fill rule in force, in words."""
        fills = self.tree["portfolios"]["execution"]["fills"]
        if fills["rule"] == "minutes" and fills["min_inside_share"] == 0:
            return self.sentence("fills_any_inside")
        return self.sentence(f"fills_{fills['rule']}", share=exact_percent(fills["min_inside_share"], 0))

    def _lots(self) -> str:
        """The sizes of orders by the rulebook in force, boards of the same size together."""
        boards: dict[tuple[int, int], list[str]] = {}
        for board, least, step in self._rulebook["lots"]:
            boards.setdefault((least, step), []).append(self.say(BOARDS[board]))
        sizes = [
            self.sentence("lot", boards=self.join(names), least=least, step=step)
            for (least, step), names in boards.items()
        ]
        return self.sentence("trades_lots", sizes=self.join(sizes, "semicolon"))

    def _flow(self, sentences: Sequence[str]) -> str:
        return ("" if self.language == "zh" else " ").join(part.strip() for part in sentences if part)


_EVALUATED = ("icir", "ic_t_short", "spread", "monotonicity", "autocorrelation", "top_turnover", "exposure", "seeds")
# statistic of the table `evaluation` → its label
_STATISTICS = {
    "rank_ic": "rank_ic",
    "decile_return": "deciles",
    "seed_rank_ic": "seeds",
    "autocorrelation": "autocorrelation",
    "turnover": "top_turnover",
    "correlation": "correlation",
    "exposure": "exposure",
}
_WEIGHTS = {"stock_deviation", "industry", "turnover_limit", "member_share"}  # constraints whose slack is a weight
