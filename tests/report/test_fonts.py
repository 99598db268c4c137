"""The report's font: the page embeds the glyphs that it shows, and charts are measured with it, whatever the machine has installed."""

import base64
import datetime as dt
import io
import re
import unicodedata

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.report.render.charts import Curve, draw_lines
from assets.report.render.fonts import FAMILY, font_face, font_file
from resources.settings.report import ReportSettings
from tests.report.random_issue import inputs, make_report

# A bracket comes with its counterpart.
MIRRORED = {chr(one) for one in range(0x10000) if unicodedata.mirrored(chr(one))}
KNOWN = frozenset(TTFont(font_file()).getBestCmap())
FACE = re.compile(rf'@font-face {{ font-family: "{FAMILY}"; src: url\("data:font/otf;base64,([A-Za-z0-9+/=]+)"\)')


def embedded(page: str) -> frozenset[int]:
    """The characters that the font in a page or a rule has."""
    (data,) = FACE.findall(page)
    return frozenset(TTFont(io.BytesIO(base64.b64decode(data))).getBestCmap() or {})


@settings(max_examples=20)
@given(
    st.text(
        st.characters(categories=["L", "N", "P", "S", "Zs"]) | st.sampled_from("周报高频选股因子，。《》"),
        min_size=1,
        max_size=30,
    )
)
def test_the_font_has_the_characters_of_the_text(text: str) -> None:
    wanted = frozenset(map(ord, text)) & KNOWN
    assert wanted <= embedded(font_face(text)) <= wanted | {ord(one) for one in MIRRORED}
    assert font_face(text[::-1] * 2) == font_face(text)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_character_of_the_page_is_in_its_font(language: str) -> None:
    page = (
        make_report(**inputs(factors=("skewness",), settings=ReportSettings(language=language)))
        .files["report.html"]
        .decode()
    )
    shown = {character for character in FACE.sub("", page) if character.isprintable()}
    assert {chr(one) for one in embedded(page)} >= shown
    assert "周" in shown or language == "en"


def test_charts_are_measured_with_the_font() -> None:
    """The legend's entry is as wide as the glyphs of the font: a machine without it would measure those of another one."""
    name, size, symbol = "excess 多头超额", 12, 20
    font = TTFont(font_file())
    advances = [font["hmtx"][font.getBestCmap()[ord(one)]][0] for one in name]
    dates = [dt.date(2023, 12, 1), dt.date(2023, 12, 15)]
    svg = draw_lines([Curve(one, dates, [1.0, 1.1]) for one in ("first", name)], prefix="f", percent=False)
    width = re.findall(r'd="M0,0h([\d.]+)v', svg[: svg.index(name)])[-1]
    assert float(width) == pytest.approx(symbol + size * sum(advances) / font["head"].unitsPerEm, abs=0.75)
