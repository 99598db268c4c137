"""The structure of an issue: a first page and sections of blocks, as data for the HTML, PDF and workbook renderers.

This module holds the types of blocks, sections, the first page and the issue. It does not write an issue (sections/) or render one
(render/).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from resources.language import Language

GridStyle = Literal["plain", "text", "dense", "narrow", "narrowest"]
"""How a table is printed: with numbers (plain), with left-aligned texts (text), with two columns of texts in small type (dense), or
with so many columns of numbers that small type is needed (narrow, narrowest)."""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of sentences. link: the address, relative to the issue, that it leads to on screen."""

    text: str
    link: str | None = None


@dataclass(frozen=True)
class Log:
    """A list of records in small type."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Listing:
    """A heading and the list under it, which stay on one page."""

    heading: str
    lines: Sequence[str]


@dataclass(frozen=True)
class GridRow:
    """The cells of a table's row. absent: why the other cells are missing, which is printed across their columns."""

    cells: Sequence[str]
    absent: str | None = None


@dataclass(frozen=True)
class Grid:
    """A numbered table. Without rows only its lead and notes are printed.

    lead: the sentence above the table. heads: rows of headings, each as (text, number of columns it spans). notes: below it.
    """

    number: int | str
    title: str
    lead: str
    heads: Sequence[Sequence[tuple[str, int]]]
    rows: Sequence[GridRow]
    notes: Sequence[str] = ()
    style: GridStyle = "plain"


@dataclass(frozen=True)
class Figure:
    """A chart with its number, or the reason why it is absent.

    The thirty-six figures of SPEC §8 have whole numbers; further ones are A1 to A6.
    """

    number: int | str
    title: str
    svg: str | None
    absent: str | None

    @property
    def file(self) -> str:
        """The path of its SVG among the partition's side files."""
        return f"figures/figure_{self.number:0>2}.svg"


@dataclass(frozen=True)
class Figures:
    """Charts that are printed side by side."""

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Chapter:
    """A factor or a portfolio: its paragraphs, a list of notes and its two figures. key: its anchor."""

    key: str
    name: str
    paragraphs: Sequence[str]
    figures: Sequence[Figure]
    notes: Sequence[str] = ()


Block = Heading | Paragraph | Log | Listing | Grid | Figures | Chapter


@dataclass(frozen=True)
class ReportSection:
    """A numbered part of the issue. anchor: the target of links. starts_page: whether it begins on a new printed page."""

    anchor: str
    title: str
    blocks: Sequence[Block]
    starts_page: bool = False

    @property
    def grids(self) -> list[Grid]:
        """Its tables, in the order of print."""
        return [block for block in self.blocks if isinstance(block, Grid)]

    @property
    def chapters(self) -> list[Chapter]:
        """Its chapters, in the order of print."""
        return [block for block in self.blocks if isinstance(block, Chapter)]

    @property
    def figures(self) -> Iterator[Figure]:
        """Its figures, in the order of print."""
        for block in self.blocks:
            if isinstance(block, Figures | Chapter):
                yield from block.figures


@dataclass(frozen=True)
class Front:
    """The first page.

    headline: the week's finding in one sentence. data_until: the last day of the data. warnings: printed before any figure.
    highlights: (factor or portfolio, its returns). risks: one sentence. glance: (name, value) of the issue's inputs.
    previous: (title, headline) of earlier issues. footer: of every printed page.
    """

    title: str
    headline: str
    data_until: str
    warnings: Sequence[str]
    highlights: Sequence[tuple[str, str]]
    risks: str
    glance: Sequence[tuple[str, str]]
    previous: Sequence[tuple[str, str]]
    footer: str


@dataclass(frozen=True)
class Issue:
    """One week's report. source: the line printed under every table and figure."""

    language: Language
    front: Front
    sections: Sequence[ReportSection]
    source: str

    @property
    def grids(self) -> list[Grid]:
        """All tables, in the order of print."""
        return [grid for section in self.sections for grid in section.grids]

    @property
    def figures(self) -> list[Figure]:
        """All figures in the order of their numbers: SPEC §8's thirty-six, then the others."""
        every = [figure for section in self.sections for figure in section.figures]
        return sorted(every, key=lambda figure: (isinstance(figure.number, str), f"{figure.number:0>2}"))

    @property
    def numbered_figures(self) -> list[Figure]:
        """The thirty-six figures of SPEC §8, which have whole numbers."""
        return [figure for figure in self.figures if isinstance(figure.number, int)]
