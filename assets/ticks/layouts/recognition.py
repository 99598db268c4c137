"""Recognises the layouts of a header, and describes a header that no layout fits.

A layout fits where the header contains every required column, in any order. Optional columns, and columns that the layout does
not read, may be missing. A file may contain rows of two tables (SZSE's trade file has cancels, and SSE's merged stream has
orders and trades): it then has one layout per table, and `keep` selects the rows of each.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from assets.ticks import values
from assets.ticks.layouts.known import LAYOUTS
from assets.ticks.layouts.layout import Layout, TableName
from assets.ticks.reasons import (
    COLUMNS_AND_MORE,
    COLUMNS_IN_ADDITION,
    COLUMNS_LACKING,
    COLUMNS_TWICE,
    EXCHANGE_NOT_READ,
    EXCHANGE_UNKNOWN,
    LACKS_NOTHING,
    NO_LAYOUT,
    OTHER_EXCHANGE_NAMED,
)
from resources.reasons import Reason
from resources.values import cut

_SHOWN = 8


@dataclass(frozen=True)
class Unrecognised:
    """A header that no layout fits.

    nearest: the name of the most similar layout. missing, extra, repeated: the columns that the header lacks, has in addition or
    has twice. tables: the tables to which the file may belong. alike: the layouts of both exchanges that it fits, where nothing
    identifies the exchange. symbol_column: the column of the security. suffix: the exchange that the file names, where the header
    would fit otherwise. elsewhere: whether that is an exchange outside the project (BJ), so that the file belongs to no table and
    has no fault.
    """

    nearest: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    tables: frozenset[TableName]
    repeated: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    symbol_column: str = ""
    suffix: str = ""
    elsewhere: bool = False

    @property
    def reason(self) -> Reason:
        """The reason why no layout fits."""
        if self.elsewhere:
            return EXCHANGE_NOT_READ(exchange=self.suffix)
        if self.alike:
            return EXCHANGE_UNKNOWN(layouts=self.alike, column=self.symbol_column)
        if self.suffix:
            return OTHER_EXCHANGE_NAMED(layout=self.nearest, exchange=self.suffix)
        faults = []
        if self.repeated:
            faults.append(COLUMNS_TWICE(columns=tuple(map(cut, self.repeated))))
        if self.missing:
            faults.append(COLUMNS_LACKING(columns=self.missing))
        extra = tuple(map(cut, self.extra[:_SHOWN]))
        if len(self.extra) > _SHOWN:
            faults.append(COLUMNS_AND_MORE(columns=extra, more=len(self.extra) - _SHOWN))
        elif extra:
            faults.append(COLUMNS_IN_ADDITION(columns=extra))
        return NO_LAYOUT(layout=self.nearest, reasons=faults or [LACKS_NOTHING()])


def exchange_of(
    header: Sequence[str], rows: Sequence[Sequence[str]], folder: str = "", layouts: Sequence[Layout] = LAYOUTS
) -> str | None:
    """Return the exchange that a file names: in the first symbol with one (600519.SH), else in its folder's name; None if neither does.

    The exchange may be one that the project does not read, such as BJ.
    """
    for value in (*symbols_in(header, rows, layouts), folder):
        if (found := values.symbol(value.strip())) and found[1]:
            return found[1]
    return None


def symbols_in(header: Sequence[str], rows: Sequence[Sequence[str]], layouts: Sequence[Layout] = LAYOUTS) -> list[str]:
    """Return the values in the columns from which some layout reads a security."""
    columns = {item.column for layout in layouts for item in layout.fields.values() if item.kind == "symbol"}
    return [value for row in rows for name, value in zip(header, row, strict=False) if name in columns]


def recognise(header: Sequence[str], suffix: str | None, layouts: Sequence[Layout] = LAYOUTS) -> list[Layout]:
    """Return the layouts of a header, at most one per table, without the optional fields it lacks; [] where none fits.

    suffix: the exchange that the file names, or None, with which a header that both exchanges share fits no layout. Of several
    layouts of a table, the one that reads most columns of the header is chosen; of equals, the one whose published header is most
    similar; of equals in that too, the earlier in `layouts`.
    """
    names = frozenset(header)
    once = frozenset(name for name, times in Counter(header).items() if times == 1)
    fitting = [
        layout
        for layout in layouts
        if layout.columns <= names and suffix in (None, layout.exchange) and _read(layout, names) <= once
    ]
    best: dict[TableName, Layout] = {}
    for layout in fitting:
        if layout.table not in best or _closeness(layout, names) > _closeness(best[layout.table], names):
            best[layout.table] = layout
    if suffix is None and _alike(list(best.values()), fitting):
        return []
    return [layout.under(names) for layout in best.values()]


def nearest(header: Sequence[str], suffix: str | None = None, layouts: Sequence[Layout] = LAYOUTS) -> Unrecognised:
    """Describe a header that no layout fits by comparison with the nearest layout.

    A header that shares less than half of its columns with every published header may belong to any table, and every table reports it.
    """
    names = frozenset(name for name in header if name)
    best = max(layouts, key=lambda layout: _likeness(layout, names))
    same = [layout for layout in layouts if layout.header == best.header]
    tables: frozenset[TableName] = frozenset(layout.table for layout in same)
    if _likeness(best, names) < 0.5:
        tables = frozenset(("trades", "orders", "quotes"))
    needed = frozenset().union(*(layout.columns for layout in same))
    read = frozenset().union(*(_read(layout, names) for layout in same))
    repeated = tuple(name for name, times in Counter(header).items() if name in read and times > 1)
    missing = tuple(column for column in best.header if column in needed and column not in names)
    whole = not missing and not repeated
    alike = _alike([best], same) if whole else ()
    elsewhere = bool(alike) and suffix not in (None, "SH", "SZ")
    return Unrecognised(
        nearest=best.name,
        missing=missing,
        extra=tuple(dict.fromkeys(name for name in header if name and name not in best.header)),
        tables=frozenset() if elsewhere else tables,
        repeated=repeated,
        alike=alike if suffix is None else (),
        symbol_column=best.fields["code"].column,
        suffix=suffix or "" if whole else "",
        elsewhere=elsewhere,
    )


def _read(layout: Layout, names: frozenset[str]) -> frozenset[str]:
    """Return the header's columns that a layout reads, optional ones included."""
    return frozenset(item.column for item in layout.fields.values()) & names


def _likeness(layout: Layout, names: frozenset[str]) -> float:
    published = frozenset(layout.header)
    return len(names & published) / len(names | published)


def _closeness(layout: Layout, names: frozenset[str]) -> tuple[int, float]:
    return len(_read(layout, names)), _likeness(layout, names)


def _alike(chosen: Sequence[Layout], fitting: Sequence[Layout]) -> tuple[str, ...]:
    """Return the names of a chosen layout and of its counterpart at the other exchange that the header fits as well, or ()."""
    for layout in chosen:
        others = [item for item in fitting if item.header == layout.header and item.exchange != layout.exchange]
        if others:
            return (layout.name, others[0].name)
    return ()
