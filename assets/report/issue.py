"""What an issue is: a first page and sections of blocks, as plain data that the HTML, PDF and workbook renderers share.

Here: the blocks, a section, the first page, the whole issue. Not here: writing one (sections/), rendering one (render/).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from resources.language import Language

Style = Literal["plain", "text", "dense", "narrow", "narrowest"]
"""How a table is set: numbers (plain); texts, to the left (text); two columns of texts in small type (dense); so many columns of
numbers that small type is needed (narrow, narrowest)."""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of sentences."""

    text: str


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
    """The cells of a table's row; absent: why the others are missing, printed across their columns."""

    cells: Sequence[str]
    absent: str | None = None


@dataclass(frozen=True)
class Grid:
    """A numbered table: the sentence above it, rows of heads (text, columns it spans), rows, notes. Without rows its lead and
    notes are printed alone."""

    number: int | str
    title: str
    lead: str
    heads: Sequence[Sequence[tuple[str, int]]]
    rows: Sequence[GridRow]
    notes: Sequence[str] = ()
    style: Style = "plain"


@dataclass(frozen=True)
class Figure:
    """A chart with its number, or the reason why there is none. Beside SPEC §8's thirty-six: A1 to A6."""

    number: int | str
    title: str
    svg: str | None
    absent: str | None

    @property
    def file(self) -> str:
        """The path of its SVG beside the partition's rows."""
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
class Section:
    """A numbered part of the issue. anchor: what links lead to; starts_page: whether it begins on a new printed page."""

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

    headline: the week's finding in one sentence. data_until: up to which day the data goes. warnings: what must be known before
    any figure. highlights: (factor or portfolio, its returns). risks: a sentence. glance: (name, value) of what the issue was
    made from. previous: (title, headline) of the issues before this one. footer: of every printed page.
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
    """One week's report. source: the line under every table and figure."""

    language: Language
    front: Front
    sections: Sequence[Section]
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
