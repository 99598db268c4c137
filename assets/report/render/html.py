"""The issue as one HTML file that opens offline: styles and charts inside, nothing loaded from elsewhere.

Here: handing the issue to the template. Not here: what it says (sections/, words/); the look is templates/weekly.html.j2.
"""

from assets.report.issue import Issue
from assets.report.render.layout import TEMPLATES, layout_words, name_kind


def render_html(issue: Issue) -> str:
    """The whole page. Text is escaped; SVG, made by charts.py, goes in as it is."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["css"] = _css_string
    environment.filters["kind"] = name_kind
    template = environment.get_template("weekly.html.j2")
    return template.render(issue=issue, front=issue.front, t=layout_words(issue.language))


def _css_string(text: str) -> object:
    """A quoted string inside a style sheet, which the HTML parser must not end early."""
    import markupsafe

    escaped = text.replace("\\", "\\5c ").replace('"', "\\22 ").replace("<", "\\3c ").replace("\n", " ")
    return markupsafe.Markup(f'"{escaped}"')
