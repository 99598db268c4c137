"""Renders the issue as a PDF by typst, if a font with Chinese characters is installed.

This module finds a font and passes the issue to the template templates/weekly.typ.j2, which defines the appearance. It does not hold
the content (sections/, words/). typst contains Latin fonts only, so a Chinese one must be installed on the machine.
"""

import datetime as dt
import json
import tempfile
from pathlib import Path

from assets.report.issue import Issue
from assets.report.reasons import NO_CHINESE_FONT
from assets.report.render.charts import FONT
from assets.report.render.layout import TEMPLATES, layout_words, make_environment, name_kind
from resources.reasons import Reason

CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
)


class NoFont(Exception):
    """No installed font contains the Chinese characters of the report; `reason` names the fonts."""

    def __init__(self, reason: Reason):
        super().__init__(reason)
        self.reason = reason


def print_pdf(issue: Issue, day: dt.date) -> bytes:
    """Render an A4 PDF with the signal day as its date, and return its bytes.

    Raises:
        NoFont: None of CHINESE_FONTS is installed.
        TypeError: typst returned several documents.
    """
    import typst

    installed = set(typst.Fonts().families())
    fonts = [name for name in CHINESE_FONTS if name in installed]
    if not fonts:
        raise NoFont(NO_CHINESE_FONT(fonts=CHINESE_FONTS))
    environment = make_environment(TEMPLATES, autoescape=False)
    # Typst's string literals escape like JSON's, so every text goes in as one and nothing in it is markup.
    environment.filters["literal"] = lambda text: json.dumps(str(text), ensure_ascii=False)
    environment.filters["text"] = lambda text: f"#{json.dumps(str(text), ensure_ascii=False)}"
    environment.filters["kind"] = name_kind
    template = environment.get_template("weekly.typ.j2")
    source = template.render(issue=issue, front=issue.front, t=layout_words(issue.language), font=fonts[0])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for figure in issue.figures:
            if figure.svg is not None:
                path = root / figure.file
                path.parent.mkdir(exist_ok=True)
                path.write_text(_name_font(figure.svg, fonts[0]), "utf-8")
        (root / "main.typ").write_text(source, "utf-8")
        stamp = dt.datetime.combine(day, dt.time(), dt.UTC)
        made = typst.compile(root / "main.typ", root=root, format="pdf", timestamp=stamp)
    if not isinstance(made, bytes):
        raise TypeError("typst returned several documents instead of one PDF")
    return made


def _name_font(svg: str, font: str) -> str:
    """The chart with the page's font; typst does not support a list of font families in SVG."""
    escaped = FONT.replace('"', "&quot;")
    return svg.replace(escaped, font).replace(FONT, font)
