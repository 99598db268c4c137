"""Renders the issue as a PDF by typst.

This module passes the issue and the font (fonts.py) to the template templates/weekly.typ.j2, which defines the appearance. It does not
hold the content (sections/, words/).
"""

import datetime as dt
import json
import tempfile
from pathlib import Path

from assets.report.issue import Issue
from assets.report.render.charts import FONT
from assets.report.render.fonts import FAMILY, font_file
from assets.report.render.layout import TEMPLATES, layout_words, make_environment, name_kind


def print_pdf(issue: Issue, day: dt.date) -> bytes:
    """Render an A4 PDF with the signal day as its date, and return its bytes.

    Raises:
        TypeError: typst returned several documents.
    """
    import typst

    environment = make_environment(TEMPLATES, autoescape=False)
    # Typst's string literals escape like JSON's, so every text goes in as one and nothing in it is markup.
    environment.filters["literal"] = lambda text: json.dumps(str(text), ensure_ascii=False)
    environment.filters["text"] = lambda text: f"#{json.dumps(str(text), ensure_ascii=False)}"
    environment.filters["kind"] = name_kind
    template = environment.get_template("weekly.typ.j2")
    source = template.render(issue=issue, front=issue.front, t=layout_words(issue.language), font=FAMILY)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for figure in issue.figures:
            if figure.svg is not None:
                path = root / figure.file
                path.parent.mkdir(exist_ok=True)
                path.write_text(_name_font(figure.svg), "utf-8")
        (root / "main.typ").write_text(source, "utf-8")
        stamp = dt.datetime.combine(day, dt.time(), dt.UTC)
        fonts = [font_file().parent]
        made = typst.compile(
            root / "main.typ", root=root, font_paths=fonts, ignore_system_fonts=True, format="pdf", timestamp=stamp
        )
    if not isinstance(made, bytes):
        raise TypeError("typst returned several documents instead of one PDF")
    return made


def _name_font(svg: str) -> str:
    """The chart with the report's font alone; typst does not support a list of font families in SVG."""
    return svg.replace(FONT, FAMILY)
