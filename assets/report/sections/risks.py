"""The section on risks: one paragraph, which is the same in every issue."""

from assets.report.findings import Findings
from assets.report.issue import Paragraph, ReportSection
from assets.report.words.risks import WORDS
from assets.report.words.speaker import Speaker
from resources.language import Language


def write_risks(found: Findings, language: Language) -> ReportSection:
    """Write the paragraph on risks."""
    say = Speaker.of(language, WORDS)
    return ReportSection("risks", say("risks"), [Paragraph(say("risk_text"))])
