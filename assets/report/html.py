"""The issue as one HTML file that opens offline: styles and charts inside, nothing loaded from elsewhere.

Here: handing the issue to the template. Not here: what it says (document.py); the look is templates/weekly.html.j2.
"""

from pathlib import Path

from assets.report.issue import Weekly

TEMPLATES = Path(__file__).parent / "templates"


def render_html(issue: Weekly) -> str:
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
    return environment.get_template("weekly.html.j2").render(issue=issue, t=issue.labels)


def _css_string(text: str) -> object:
    """A quoted string inside a style sheet, which the HTML parser must not end early."""
    import markupsafe

    escaped = text.replace("\\", "\\5c ").replace('"', "\\22 ").replace("<", "\\3c ").replace("\n", " ")
    return markupsafe.Markup(f'"{escaped}"')
