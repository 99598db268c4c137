"""The report's font: the page embeds the glyphs that it shows, and charts are measured with it, whatever the machine has installed."""

import base64
import datetime as dt
import html
import io
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.report.render.charts import Curve, draw_lines
from assets.report.render.fonts import FAMILY, font_face, font_file
from assets.report.render.layout import with_font
from orchestration.platform import ROOT
from resources.language import Language
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


def shown(page: str) -> set[str]:
    """The characters that a reader of a page sees in its texts."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    return {character for character in html.unescape(re.sub(r"<[^>]*>", "", body)) if character.isprintable()}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_character_of_the_page_is_in_its_font(language: Language) -> None:
    files = make_report(**inputs(factors=("skewness",), settings=ReportSettings(language=language))).files
    page = files["report.html"].decode()
    assert {chr(one) for one in embedded(page)} >= shown(page)
    assert ("周" in shown(page)) == (language == "zh")


def test_the_font_has_the_characters_that_the_page_escapes() -> None:
    page = with_font("<style>\n</style><p>the week&#39;s 周报 &lt;1&gt;</p>")
    assert {chr(one) for one in embedded(page)} >= set("'<>周报week")
    with pytest.raises(ValueError, match="style sheet"):
        with_font("<p>周报</p>")


def test_a_font_of_the_machine_with_the_same_name_changes_no_chart(tmp_path: Path) -> None:
    other = TTFont(font_file())
    other["hmtx"].metrics = {name: (2 * width, left) for name, (width, left) in other["hmtx"].metrics.items()}
    (tmp_path / ".fonts").mkdir()
    other.save(tmp_path / ".fonts" / "other.otf")
    draw = (
        "import datetime as dt; from assets.report.render.charts import Curve, draw_lines; days = [dt.date(2023, 12, 1), dt.date(2023, 12, 15)]; "
        "print(draw_lines([Curve(name, days, [1.0, 1.1]) for name in ('多空', 'excess')], prefix='f', percent=False))"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", draw],
            env={**os.environ, "HOME": str(home)},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for home in (tmp_path, tmp_path / "empty")
    }
    assert len(drawn) == 1


def test_charts_are_measured_with_the_font() -> None:
    """The legend's entry is as wide as the glyphs of the font: a machine without it would measure those of another one."""
    name, size, symbol = "excess 多头超额", 12, 20
    font = TTFont(font_file())
    advances = [font["hmtx"][font.getBestCmap()[ord(one)]][0] for one in name]
    dates = [dt.date(2023, 12, 1), dt.date(2023, 12, 15)]
    svg = draw_lines([Curve(one, dates, [1.0, 1.1]) for one in ("first", name)], prefix="f", percent=False)
    width = re.findall(r'd="M0,0h([\d.]+)v', svg[: svg.index(name)])[-1]
    assert float(width) == pytest.approx(symbol + size * sum(advances) / font["head"].unitsPerEm, abs=0.75)
