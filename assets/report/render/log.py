"""Renders the page of the restatement log as one HTML file that opens offline.

Its template is not in `templates/`, because the code digest of the report covers that folder, and the log is no part of an issue.
"""

from pathlib import Path

from assets.report.render.layout import make_environment, with_font
from assets.report.sections.restatements import LogPage
from resources.language import Language

LOG_TEMPLATES = Path(__file__).parent / "log_templates"


def render_log(page: LogPage, language: Language) -> str:
    """Render the page. Text is escaped."""
    template = make_environment(LOG_TEMPLATES, autoescape=True).get_template("log.html.j2")
    return with_font(template.render(page=page, language=language))
