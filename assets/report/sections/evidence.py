"""The section on the evidence for the factors: RankICs (Table 3), the weekly evaluation (Table 4) and its charts."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from assets import catalogue
from assets.catalogue import Factor
from assets.performance.reasons import NO_HOLDING_PERIOD
from assets.report.findings import Findings
from assets.report.issue import Block, Figure, Figures, Grid, GridRow, ReportSection
from assets.report.numbers import decimal, percent
from assets.report.render.charts import Band, draw_bands, draw_heat
from assets.report.words.evidence import WORDS
from assets.report.words.names import STYLES
from assets.report.words.speaker import Speaker
from resources.language import Language

EVALUATED = ("icir", "ic_t_short", "spread", "monotonicity", "autocorrelation", "top_turnover", "exposure", "seeds")
# statistic of the table `evaluation` → its label
STATISTICS = {
    "rank_ic": "rank_ic",
    "decile_return": "deciles",
    "seed_rank_ic": "seeds",
    "autocorrelation": "autocorrelation",
    "turnover": "top_turnover",
    "correlation": "correlation",
    "exposure": "exposure",
}


def write_evidence(found: Findings, language: Language) -> ReportSection:
    """Write Tables 3 and 4 with the figures A1 (decay) and A2 (correlations)."""
    say = Speaker.of(language, WORDS)
    blocks: list[Block] = [_ic_table(found, say), _evaluation_table(found, say), Figures(_figures(found, say))]
    return ReportSection("evidence", say("evidence"), blocks)


def _ic_table(found: Findings, say: Speaker) -> Grid:
    """Table 3: every factor's RankICs over its own holding periods, or the reason why it has none."""
    rows = []
    for row in found.ics.iter_rows(named=True):
        factor = catalogue.BY_KEY[row["factor"]]
        name = say.numbered(factor)
        if not row["count"]:
            reason = found.factor_rows[factor.key]["reason"] or NO_HOLDING_PERIOD()
            rows.append(GridRow([name], say.not_available(reason)))
            continue
        cells = [name, *(decimal(row[key], 3) for key in ("last", "mean")), decimal(row["icir"], 2)]
        rows.append(GridRow([*cells, decimal(row["t_statistic"], 2), percent(row["positive"], 0), str(row["count"])]))
    known = found.ics.drop_nulls("mean").sort("mean", descending=True, maintain_order=True)
    lead = say("table3_nothing")
    if known.height:
        best = known.row(0, named=True)
        name = say.name(catalogue.BY_KEY[best["factor"]])
        lead = say("table3_lead", count=known.height, best=name, best_value=decimal(best["mean"], 3))
    heads = ("factor", "ic_last", "ic_mean", "ic_icir", "ic_t", "ic_positive", "ic_count")
    return Grid(3, say("table3_title"), lead, [[(say(key), 1) for key in heads]], rows, [say("ic_note")])


def _evaluation_table(found: Findings, say: Speaker) -> Grid:
    """Table 4: the sixteen factors over weekly signals.

    A factor without any value has its reason in place of numbers; a single missing value has its reason in a note.
    """
    decay = {(row["factor"], row["horizon"]): row["mean"] for row in found.evaluation.decay.iter_rows(named=True)}
    horizons: Sequence[int] = found.tree["evaluation"]["horizons"]
    rows, shown = [], []
    for factor, row in zip(catalogue.FACTORS, found.evaluation.factors.iter_rows(named=True), strict=True):
        means = [decay.get((factor.key, horizon)) for horizon in horizons]
        if row["autocorrelation"] is None and not any((factor.key, horizon) in decay for horizon in horizons):
            rows.append(GridRow([say.numbered(factor)], _not_evaluated(found, say, factor)))
            continue
        shown.append(factor.key)
        rows.append(GridRow([say.numbered(factor), *(decimal(mean, 3) for mean in means), *_cells(say, factor, row)]))
    groups = (("ic_by_horizon", len(horizons)), ("one_week", 2), ("deciles", 2), ("stability", 2))
    heads = [
        [("", 1), *((say(key), columns) for key, columns in groups), ("", 2)],
        [(say("factor"), 1), *((say("weeks", count=horizon), 1) for horizon in horizons)]
        + [(say(key), 1) for key in EVALUATED],
    ]
    notes = [say("evaluation_note"), *_missing_statistics(found, say, shown, horizons)]
    return Grid(4, say("table4_title"), _evaluation_lead(found, say), heads, rows, notes, style="narrow")


def _cells(say: Speaker, factor: Factor, row: Mapping[str, Any]) -> list[str]:
    """The cells of the columns EVALUATED. row: of `Summary.factors`."""
    return [
        *(decimal(row[key], 2) for key in ("icir", "t_statistic")),
        percent(row["spread"]),
        *(decimal(row[key], 2) for key in ("monotonicity", "autocorrelation")),
        percent(row["turnover"], 0),
        _largest_exposure(say, row),
        _over_seeds(row) if factor.kind == "model" else say("no_seeds"),
    ]


def _evaluation_lead(found: Findings, say: Speaker) -> str:
    known = found.evaluation.factors.drop_nulls("mean").sort("mean", descending=True, maintain_order=True)
    if known.is_empty():
        return say("evaluation_nothing")
    best = known.row(0, named=True)
    return say(
        "evaluation_lead",
        count=known.height,
        above=known.filter(pl.col("low") > 0).height,
        best=say.name(catalogue.BY_KEY[best["factor"]]),
        value=decimal(best["mean"], 3),
        weeks=best["count"],
    )


def _not_evaluated(found: Findings, say: Speaker, factor: Factor) -> str:
    reason = found.factor_rows[factor.key]["reason"] or found.unavailable.get("evaluation", {}).get(factor.key)
    return say.not_available(reason or NO_HOLDING_PERIOD())


def _largest_exposure(say: Speaker, row: Mapping[str, Any]) -> str:
    value = decimal(row["exposure"], 2)
    return value if row["exposure"] is None or float(value) == 0 else f"{say.called(row['style'], STYLES)} {value}"


def _over_seeds(row: Mapping[str, Any]) -> str:
    mean = decimal(row["seed_mean"], 3)
    return mean if row["seed_std"] is None else f"{mean}±{decimal(row['seed_std'], 3)}"


def _missing_statistics(found: Findings, say: Speaker, shown: Sequence[str], horizons: Sequence[int]) -> list[str]:
    """The missing statistics of the factors `shown`, one line per statistic and reason."""
    known = set(found.evaluation.decay.select("factor", "horizon").iter_rows())
    missing = {
        (factor, "rank_ic", horizon): NO_HOLDING_PERIOD().dumps()
        for horizon in horizons
        for factor in shown
        if (factor, horizon) not in known
    }
    for factor, statistic, horizon, reason in found.evaluation.absent.iter_rows():
        missing[factor, statistic, horizon] = reason
    grouped: dict[tuple[str, str], list[str]] = {}
    for (factor, statistic, horizon), reason in missing.items():
        name = say(STATISTICS[statistic])
        if statistic == "rank_ic":
            name = say("over_weeks", statistic=name, weeks=say("weeks", count=horizon))
        grouped.setdefault((name, reason), []).append(str(catalogue.BY_KEY[factor].number))
    return [
        say(
            "missing_statistic",
            statistic=name,
            factors=say.join(sorted(numbers, key=int)),
            reason=say.reason(reason),
        )
        for (name, reason), numbers in grouped.items()
    ]


def _figures(found: Findings, say: Speaker) -> list[Figure]:
    """A1: mean RankIC by horizon with its interval; A2: the factors' mean correlations."""
    decay, correlations = found.evaluation.decay, found.evaluation.correlations
    numbers = {factor.key: str(factor.number) for factor in catalogue.FACTORS}
    bands = [
        Band(number, *(decay.filter(factor=key)[column].to_list() for column in ("horizon", "mean", "low", "high")))
        for key, number in numbers.items()
    ]
    cells = {
        (numbers[other], numbers[factor]): value
        for factor, other, value in correlations.select("factor", "other", "value").iter_rows()
    }
    decayed = None if decay.is_empty() else draw_bands(bands, prefix="a1")
    heat = draw_heat(list(numbers.values()), cells, prefix="a2") if cells else None
    return [
        Figure("A1", say("decay_title"), decayed, say.reason(NO_HOLDING_PERIOD())),
        Figure("A2", say("correlations_title"), heat, say("no_pair")),
    ]
