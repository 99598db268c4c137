"""The section on risks: one standing paragraph."""

from assets.report.findings import Findings
from assets.report.issue import Paragraph, Section
from assets.report.words.risks import WORDS
from assets.report.words.speaker import Speaker
from resources.language import Language


def write_risks(found: Findings, language: Language) -> Section:
    """The same words every week."""
    say = Speaker.of(language, WORDS)
    return Section("risks", say("risks"), [Paragraph(say("risk_text"))])
