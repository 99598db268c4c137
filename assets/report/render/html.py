"""Renders the issue as one HTML file that opens offline, with styles and charts inside.

This module passes the issue to the template templates/weekly.html.j2, which defines the appearance. It does not hold the content
(sections/, words/).
"""

from assets.report.issue import Issue
from assets.report.render.layout import TEMPLATES, layout_words, make_environment, name_kind, with_font


def render_html(issue: Issue) -> str:
    """Render the whole page with its font. Text is escaped; SVG from charts.py is inserted unchanged."""
    environment = make_environment(TEMPLATES, autoescape=True)
    environment.filters["css"] = _css_string
    environment.filters["kind"] = name_kind
    template = environment.get_template("weekly.html.j2")
    return with_font(template.render(issue=issue, front=issue.front, t=layout_words(issue.language)))


def _css_string(text: str) -> object:
    """A quoted string for a style sheet, escaped so that the HTML parser does not end the style element."""
    import markupsafe

    escaped = text.replace("\\", "\\5c ").replace('"', "\\22 ").replace("<", "\\3c ").replace("\n", " ")
    return markupsafe.Markup(f'"{escaped}"')
