"""The folder of the templates, and the words that the templates print around the issue's content."""

import html
from pathlib import Path
from typing import TYPE_CHECKING

from assets.report.issue import Block
from assets.report.render.fonts import font_face
from assets.report.words.layout import LAYOUT
from assets.report.words.shared import SHARED
from resources.language import Language

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
_STYLE = "<style>\n"  # where the style sheet of a page begins


def make_environment(templates: Path, *, autoescape: bool) -> "jinja2.Environment":
    """The environment of the templates in a folder, in which an undefined name is an error. autoescape: escape text for HTML."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def layout_words(language: Language) -> dict[str, str]:
    """Map each key to the word of the layout in one language."""
    return {key: text[language] for key, text in {**LAYOUT, "risks": SHARED["risks"]}.items()}


def name_kind(block: Block) -> str:
    """Return the name of a block's type, by which a template selects how to print it."""
    return type(block).__name__


def with_font(page: str) -> str:
    """Add the report's font, with the characters of the page, to the style sheet of an HTML page.

    Raises:
        ValueError: the page has no style sheet.
    """
    before, style, after = page.partition(_STYLE)
    if not style:
        raise ValueError("The page has no style sheet.")
    return f"{before}{style}{font_face(html.unescape(page))}\n{after}"
