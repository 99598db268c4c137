"""Each section alone: its blocks, and the fields of Findings that it reads."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from assets import catalogue
from assets.performance.evaluation_summary import summarise
from assets.portfolios.reasons import BALANCES_ROWS, STATE
from assets.report.document import SECTIONS, write_issue
from assets.report.findings import Findings, Holdings
from assets.report.issue import Block, Chapter, Figures, Issue, ReportSection
from assets.report.render import html
from assets.report.render.html import render_html
from assets.report.render.layout import TEMPLATES
from assets.report.sections.each_portfolio import _relaxation_lines
from assets.report.sections.front import write_front
from assets.report.words.each_portfolio import WORDS
from assets.report.words.speaker import Speaker
from resources.code_digest import definitions
from resources.language import Language
from tests.performance.random_evaluation import random_rows
from tests.report.findings import gather, without_charts
from tests.report.random_issue import CAUSE

LANGUAGES: tuple[Language, ...] = ("zh", "en")
BY_ANCHOR = dict(
    zip(
        ("factors", "portfolios", "each-factor", "each-portfolio", "construction", "evidence", "health", "settings", "restatements", "risks"),
        SECTIONS,
        strict=True,
    )
)  # fmt: skip
# anchor → the fields of Findings that a section is written from, of those that not every section may read
READ = {
    "factors": {"table1", "settings"},
    "portfolios": {"table2", "settings", "holdings"},
    "each-factor": {"table1", "settings", "factors", "left_out"},
    "each-portfolio": {"table2", "settings", "portfolios", "holdings", "contributions", "lines", "traded"},
    "construction": set(),
    "evidence": {"ics", "table1", "evaluation", "unavailable"},
    "health": {"tapes", "manifests", "unavailable", "left_out"},
    "settings": set(),
    "restatements": set(),
    "risks": set(),
}
ALWAYS = {"week", "day", "calendar", "run"}


@pytest.fixture(scope="module", autouse=True)
def _no_charts() -> Iterator[None]:
    with without_charts():
        yield


@pytest.fixture(scope="module")
def found() -> Findings:
    """Of a week in which the first factor has returns and no evaluation."""
    found = gather(lines=("gru_50_1", "monday"))
    rows = random_rows(weeks=20, factors=(*catalogue.TEN[1:4], "gru_50_1"), last=found.week)
    return dataclasses.replace(found, evaluation=summarise(rows))


def only(found: Findings, fields: set[str]) -> Findings:
    """Findings that hold nothing but these fields."""
    every = {field.name for field in dataclasses.fields(Findings)}
    return dataclasses.replace(found, **dict.fromkeys(every - fields - ALWAYS))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("anchor", BY_ANCHOR)
def test_a_section_is_written_from_what_it_prints_alone(found: Findings, anchor: str, language: Language) -> None:
    section = BY_ANCHOR[anchor](only(found, READ[anchor]), language)
    assert section == BY_ANCHOR[anchor](found, language)
    assert section.anchor == anchor
    assert section.blocks
    assert all(isinstance(block, get_args(Block)) for block in section.blocks)
    for grid in section.grids:
        for head in grid.heads:
            assert sum(span for _, span in head) == len(grid.heads[-1])
        for row in grid.rows:
            assert len(row.cells) == len(grid.heads[-1]) or (row.absent and len(row.cells) == 1)


def test_every_listed_field_is_read(found: Findings) -> None:
    for anchor, fields in READ.items():
        whole = BY_ANCHOR[anchor](found, "en")
        for field in fields:
            try:
                changed = BY_ANCHOR[anchor](only(found, READ[anchor] - {field}), "en") != whole
            except (AttributeError, TypeError, KeyError):
                changed = True
            assert changed, (anchor, field)


def test_tables_and_figures_are_numbered_through(found: Findings) -> None:
    issue = write_issue(found, "en")
    assert [section.anchor for section in issue.sections] == list(BY_ANCHOR)
    assert [grid.number for grid in issue.grids] == [1, 2, "A1", "A2", "A3", "A4", 3, 4, 5, 6, 7]
    assert [figure.number for figure in issue.figures] == [*range(1, 37), *(f"A{n}" for n in range(1, 7))]
    assert [figure.number for figure in issue.numbered_figures] == list(range(1, 37))
    chapters = {section.anchor: [one.key for one in section.chapters] for section in issue.sections if section.chapters}
    assert chapters == {
        "each-factor": [factor.key for factor in catalogue.FACTORS],
        "each-portfolio": [portfolio.key for portfolio in catalogue.PORTFOLIOS],
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_front_page_is_written_from_both_tables(found: Findings, language: Language) -> None:
    fields = {"factors", "portfolios", "table1", "table2", "settings", "implausible"}
    assert write_front(only(found, fields), language) == write_front(found, language)


def test_every_kind_of_block_is_printed(found: Findings) -> None:
    """A block that a template does not know would be left out without a word."""
    kinds = {kind.__name__ for kind in get_args(Block)}
    for template in TEMPLATES.glob("*.j2"):
        assert set(re.findall(r'kind == "(\w+)"', template.read_text("utf-8"))) == kinds, template.name
    chapter = Chapter("k", "a chapter", ["a paragraph"], [], ["a note"])
    more = Chapter("l", "another chapter", [], [])
    section = ReportSection("s", "a section", [Figures([]), chapter, more], starts_page=True)
    front = write_front(found, "en")
    page = render_html(Issue("en", front, [section], "a source"))
    assert '<span class="no">1.1</span>a chapter' in page
    assert '<span class="no">1.2</span>another chapter' in page  # counts chapters, not blocks
    assert '<section id="s" class="start">' in page


def test_the_digest_of_the_report_covers_every_section_and_all_words() -> None:
    covered = set(definitions("assets.report.make_report:make_report"))
    for write in SECTIONS:
        assert f"{write.__module__}:{write.__name__}" in covered
        words = f"assets.report.words.{write.__module__.rpartition('.')[2]}:WORDS"
        assert words in covered
    for name in (
        "words.shared:SHARED",
        "words.layout:LAYOUT",
        "words.health:LEFT_OUT",
        "words.names:STYLES",
        "render.charts:draw_lines",
    ):
        assert f"assets.report.{name}" in covered
    assert "assets.report.render.html:render_html" in covered
    assert (
        Path(html.__file__).parent / "templates" == TEMPLATES
    )  # the digest reads this folder beside a module that it covers


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_equal_violations_the_row_with_a_cause_of_its_own_is_printed(language: Language) -> None:
    """One industry is too heavy because of a suspended stock, and another one balances it by the same weight."""
    row = {"lower": 0.0, "upper": 0.0, "value": 0.0, "residual": 0.0, "shadow_price": 0.0, "group": "industry"}
    own = {**row, "constraint": "industry", "row": "46", "slack": 0.003, "forced_by": CAUSE}
    balances = {**own, "row": "12", "slack": 0.003 + 1e-15, "forced_by": BALANCES_ROWS(constraint="industry").dumps()}
    outside = {
        **own,
        "constraint": "stock_deviation",
        "row": "000002.SZ",
        "forced_by": STATE(state="suspended").dumps(),
    }
    say = Speaker.of(language, WORDS)
    for rows in ([own, balances, outside], [outside, balances, own]):
        holdings = Holdings(None, pl.DataFrame(rows), {}, False)
        lines = {line.split(":" if language == "en" else "：")[0]: line for line in _relaxation_lines(say, holdings)}
        industry, band = (lines[say.called(name)] for name in ("industry", "stock_deviation"))
        assert "46" in industry
        assert "12" not in industry
        assert ("relaxed" if language == "en" else "放松") not in band
        assert "000002.SZ" in band
