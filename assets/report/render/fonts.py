"""The font of the report: Noto Sans SC, which comes with the dependencies.

Charts, page and PDF are laid out with it whatever fonts are installed, so that equal input gives equal bytes on every machine. The package
has the regular weight only. Browsers draw bold text from it, and the template of the PDF strengthens its strokes.
"""

import base64
import functools
import io
import tempfile
from pathlib import Path
from typing import Any

FAMILY = "Noto Sans SC"
MEASURED = "ZhoubaoSansSC"
"""The name under which charts are measured. A font of the machine that has the name `FAMILY` may have other widths."""
_NAMES = (1, 3, 4, 6, 16)  # the records of a font's family, identifier, full name and PostScript name


def font_file() -> Path:
    """The path of the font: an OpenType file in a folder that holds nothing but fonts and a module of Python."""
    import pylopdf_fonts_zh_cn

    return pylopdf_fonts_zh_cn.sans_path()


@functools.cache
def register_font() -> tempfile.TemporaryDirectory[str]:
    """Let vl_convert measure the text of charts with the font, under the name `MEASURED`.

    Returns:
        The folder of the renamed font, which exists as long as the process.
    """
    import vl_convert
    from fontTools import ttLib

    font: Any = ttLib.TTFont(font_file(), lazy=True)
    for record in font["name"].names:
        if record.nameID in _NAMES:
            record.string = MEASURED
    folder = tempfile.TemporaryDirectory(prefix="zhoubao-font-")
    font.save(Path(folder.name) / "measured.otf", reorderTables=None)
    vl_convert.register_font_directory(folder.name)
    return folder


def font_face(text: str) -> str:
    """A rule of a style sheet that defines the font with the characters of a text, so that a page shows them without any other file.

    The font is not compressed, because the bytes would depend on the machine's compressor.
    """
    data = base64.b64encode(_with_characters(frozenset(text))).decode("ascii")
    return f'@font-face {{ font-family: "{FAMILY}"; src: url("data:font/otf;base64,{data}") format("opentype"); }}'


@functools.lru_cache(maxsize=4)
def _with_characters(characters: frozenset[str]) -> bytes:
    """The font with nothing but the glyphs of these characters.

    The tables of kerning and of variants of glyphs are left out: another library, where it is installed, would pack them differently.
    """
    from fontTools import subset

    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True)
    options.drop_tables += ["GPOS", "GSUB"]
    font: Any = subset.load_font(str(font_file()), options)
    chosen = subset.Subsetter(options)
    chosen.populate(unicodes=[ord(one) for one in sorted(characters)])
    chosen.subset(font)
    written = io.BytesIO()
    font.save(written)
    return written.getvalue()
