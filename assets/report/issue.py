"""What an issue is: plain data that the HTML, paper and workbook renderers share, and how a number is printed.

Here: figures, tables, chapters, the whole issue. Not here: writing one (document.py), rendering one (html.py, paper.py,
workbook.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from assets.report.words import Language


@dataclass(frozen=True)
class Figure:
    """A chart with its number, or the reason why there is none. Beside SPEC §8's thirty-six: A1 to A6."""

    number: int | str
    title: str
    svg: str | None
    absent: str | None

    @property
    def file(self) -> str:
        return f"figures/figure_{self.number:0>2}.svg"


@dataclass(frozen=True)
class Row:
    """Cells of a table's row, or a name and the reason why there are none."""

    cells: Sequence[str]
    absent: str | None = None


@dataclass(frozen=True)
class Grid:
    """A numbered table: the sentence above it, heads (text, columns it spans), rows, notes."""

    number: int | str
    title: str
    lead: str
    heads: Sequence[Sequence[tuple[str, int]]]
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    wide: bool = False  # text columns, set left
    narrow: bool = False  # many columns, set small


@dataclass(frozen=True)
class Chapter:
    """A factor or a portfolio: its paragraphs, what had to give this week, and its two figures."""

    key: str
    name: str
    paragraphs: Sequence[str]
    figures: Sequence[Figure]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Weekly:
    """The whole issue."""

    language: Language
    title: str
    headline: str
    issue_of: str
    warnings: Sequence[str]
    previous: Sequence[tuple[str, str]]
    glance: Sequence[tuple[str, str]]
    highlights: Sequence[tuple[str, str]]
    table1: Grid
    table2: Grid
    attribution: Grid
    explanations: Sequence[Grid]  # one per portfolio: what bound it and what that cost
    lines: Grid | None  # of robustness; None: none is set
    ics: Grid
    evaluation: Grid
    verdicts: Grid
    differences: Grid
    declared: Grid | None  # of the delivery, the calendar and the exchanges' rules; None: nothing is
    all_settings: Grid
    factors: Sequence[Chapter]
    portfolios: Sequence[Chapter]
    evaluation_figures: Sequence[Figure]
    attribution_figures: Sequence[Figure]
    line_figures: Sequence[Figure]
    construction: Sequence[tuple[str, Sequence[str]]]
    costs: str
    profile: str
    footer: str  # on every printed page: the gravest warning, or the source
    risk_short: str
    tapes: Sequence[str]  # how many symbol-days are ok, repaired, set aside, missing
    tape_reasons: Sequence[str]
    alarms: Sequence[str]
    absent: Sequence[str]
    left_out: Sequence[str]  # what the figures were made without, although the method asks for it
    source: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> list[Grid]:
        return [
            self.table1,
            self.table2,
            self.attribution,
            *self.explanations,
            *self.optional,
            self.ics,
            self.evaluation,
            self.verdicts,
            *self.settings_used,
        ]

    @property
    def optional(self) -> list[Grid]:
        """Tables that only some settings have."""
        return [] if self.lines is None else [self.lines]

    @property
    def settings_used(self) -> list[Grid]:
        """Tables of the run's settings; how the delivery was declared only where it was."""
        return [grid for grid in (self.differences, self.declared, self.all_settings) if grid is not None]

    @property
    def sections(self) -> list[tuple[str, str]]:
        """(anchor, numbered title) of each section."""
        keys = {
            "factors": "factors_section",
            "portfolios": "portfolios_section",
            "each-factor": "each_factor",
            "each-portfolio": "each_portfolio",
            "construction": "construction",
            "evidence": "evidence",
            "health": "health",
            "settings": "settings_used",
            "risks": "risks",
        }
        return [(anchor, f"{n}　{self.labels[key]}") for n, (anchor, key) in enumerate(keys.items(), 1)]

    @property
    def every_figure(self) -> list[Figure]:
        return [*self.figures, *self.evaluation_figures, *self.attribution_figures, *self.line_figures]

    @property
    def figures(self) -> list[Figure]:
        """The thirty-six of SPEC §8."""
        return [figure for chapter in (*self.factors, *self.portfolios) for figure in chapter.figures]


def percent(value: float | None, digits: int = 2) -> str:
    """0.0123 → 1.23%; None → n/a; never −0.00%."""
    return "n/a" if value is None else f"{round(value, digits + 2) + 0.0:.{digits}%}"


def exact_percent(value: float, digits: int = 2) -> str:
    """A setting in percent, with `digits` decimals and as many more as it has: no bound becomes another one by rounding.

    >>> exact_percent(0.125, 0), exact_percent(0.3, 0), exact_percent(0.00001), exact_percent(0.0015)
    ('12.5%', '30%', '0.001%', '0.15%')
    """
    exact = Decimal(str(value)) * 100
    own = -int(exact.normalize().as_tuple().exponent)
    return f"{exact:.{max(digits, own)}f}%"


def decimal(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def share(wins: int | None, periods: int | None) -> str:
    return "n/a" if periods is None else f"{wins}/{periods}"


def plain(value: object) -> str:
    """A setting's value as a reader would type it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def leaves(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """("a.b.c", value) for every leaf of nested settings, in their order."""
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found += leaves(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found
