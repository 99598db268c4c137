"""The section with a chapter for each factor: its definition, its week and its two figures."""

from assets import catalogue
from assets.catalogue import Factor
from assets.performance.reasons import NO_RETURNS
from assets.report.findings import Findings
from assets.report.issue import Chapter, Figure, ReportSection
from assets.report.numbers import exact_percent, percent
from assets.report.render.charts import draw_lines
from assets.report.sections.methods import describe_factor, describe_orthogonalisation
from assets.report.sections.shared import chart_strength, figure_bars
from assets.report.tables import PERIODS
from assets.report.words.each_factor import WORDS
from assets.report.words.names import chinese_number
from assets.report.words.speaker import Speaker
from resources.language import Language

LATE = {"multi_granularity_5d", "multi_granularity_10d"}  # charts from 2017 on


def write_each_factor(found: Findings, language: Language) -> ReportSection:
    """Write a chapter for each of the sixteen factors."""
    say = Speaker.of(language, WORDS)
    chapters = [
        Chapter(factor.key, say.name(factor), _paragraphs(found, say, factor), _figures(found, say, factor))
        for factor in catalogue.FACTORS
    ]
    return ReportSection("each-factor", say("each_factor"), chapters, starts_page=True)


def _paragraphs(found: Findings, say: Speaker, factor: Factor) -> list[str]:
    row = found.factor_rows[factor.key]
    numbers = [int(number) for number in factor.source.split(", ")]
    studies = [f"（{chinese_number(number)}）" if say.language == "zh" else str(number) for number in numbers]
    group_share = exact_percent(found.tree["returns"]["group_share"], 0)
    about = [
        *describe_factor(found, say, factor),
        say("sign_negative") if factor.sign < 0 else "",
        say(f"factor_rebalance_{factor.rebalance}", share=group_share),
        *describe_orthogonalisation(found, say, factor),
        say("sources", numbers=say.join(studies)),
    ]
    if row["reason"] is not None:
        return [say.flow(about), say("absent_factor", reason=say.reason(row["reason"]))]
    returns = {
        f"{short}_{period}": percent(row[f"{name}_{period}{found.suffix}"])
        for short, name in (("ls", "long_short"), ("le", "long_excess"))
        for period in ("week", "ytd")
    }
    return [say.flow(about), say("this_week", **returns)]


def _figures(found: Findings, say: Speaker, factor: Factor) -> list[Figure]:
    """Relative strength of both comparisons, and the long–short return by period; or why there are none."""
    start = found.settings.chart_start_late if factor.key in LATE else found.settings.chart_start
    row, number, name = found.factor_rows[factor.key], 2 * factor.number - 1, say.name(factor)
    curves = [
        curve
        for key in ("long_short", "long_excess")
        if (curve := chart_strength(found, say(key), found.factors[factor.key][key], start, base=0.0))
    ]
    titles = (say("figure_strength", name=name), say("figure_bars", name=name))
    if not curves:
        absent = say.reason(row["reason"] or NO_RETURNS())
        return [Figure(number + n, title, None, absent) for n, title in enumerate(titles)]
    bars = [(say(period), row[f"long_short_{period}{found.suffix}"]) for period in PERIODS]
    return [
        Figure(number, titles[0], draw_lines(curves, prefix=f"f{number}", percent=False), None),
        figure_bars(number + 1, titles[1], bars, row["reason"], say),
    ]
