"""Writes an issue from the findings of a week: its first page and its sections, in printed order.

This module lists the sections. It does not hold their content (sections/), wording (words/) or appearance (render/).
"""

from collections.abc import Callable

from assets.report.findings import Findings
from assets.report.issue import Issue, ReportSection
from assets.report.sections.construction import write_construction
from assets.report.sections.each_factor import write_each_factor
from assets.report.sections.each_portfolio import write_each_portfolio
from assets.report.sections.evidence import write_evidence
from assets.report.sections.factors import write_factors
from assets.report.sections.front import write_front
from assets.report.sections.health import write_health
from assets.report.sections.portfolios import write_portfolios
from assets.report.sections.restatements import write_restatements
from assets.report.sections.risks import write_risks
from assets.report.sections.settings import write_settings
from assets.report.sections.shared import name_market
from assets.report.words.speaker import Speaker
from resources.language import Language

SECTIONS: tuple[Callable[[Findings, Language], ReportSection], ...] = (
    write_factors,
    write_portfolios,
    write_each_factor,
    write_each_portfolio,
    write_construction,
    write_evidence,
    write_health,
    write_settings,
    write_restatements,
    write_risks,
)


def write_issue(found: Findings, language: Language) -> Issue:
    """Write the issue of one week in one language."""
    say = Speaker.of(language)
    return Issue(
        language=language,
        front=write_front(found, language),
        sections=[write(found, language) for write in SECTIONS],
        source=say("source", market=name_market(found, say)),
    )
