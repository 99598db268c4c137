"""The font of the report: Noto Sans SC, which comes with the dependencies.

Charts, page and PDF are laid out with it whatever fonts are installed, so that equal input gives equal bytes on every machine. The package
has the regular weight only. Browsers draw bold text from it, and the template of the PDF strengthens its strokes.
"""

import base64
import functools
import io
from pathlib import Path
from typing import Any

FAMILY = "Noto Sans SC"


def font_file() -> Path:
    """The path of the font: an OpenType file in a folder that holds nothing but fonts and a module of Python."""
    import pylopdf_fonts_zh_cn

    return pylopdf_fonts_zh_cn.sans_path()


@functools.cache
def register_font() -> None:
    """Let vl_convert measure the text of charts with the font."""
    import vl_convert

    vl_convert.register_font_directory(str(font_file().parent))


def font_face(text: str) -> str:
    """A rule of a style sheet that defines the font with the characters of a text, so that a page shows them without any other file.

    The font is not compressed, because the bytes would depend on the machine's compressor.
    """
    data = base64.b64encode(_with_characters(frozenset(text))).decode("ascii")
    return f'@font-face {{ font-family: "{FAMILY}"; src: url("data:font/otf;base64,{data}") format("opentype"); }}'


@functools.lru_cache(maxsize=4)
def _with_characters(characters: frozenset[str]) -> bytes:
    """The font with nothing but the glyphs of these characters."""
    from fontTools import subset

    options = subset.Options(hinting=False, layout_features=["kern"], notdef_outline=True)
    font: Any = subset.load_font(str(font_file()), options)
    chosen = subset.Subsetter(options)
    chosen.populate(unicodes=[ord(one) for one in sorted(characters)])
    chosen.subset(font)
    written = io.BytesIO()
    font.save(written)
    return written.getvalue()
