"""Which layouts a header belongs to, and what is said of one that none can read.

A layout is recognised when the header holds every column it must have, wherever they stand; optional columns, and those it
does not read, may be missing. A file may hold rows of two tables (SZSE cancels stand in the trade file, the merged SSE
stream holds orders and trades): it then has one layout per table, and `keep` says which rows are whose.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from assets.ticks import values
from assets.ticks.layouts.known import LAYOUTS
from assets.ticks.layouts.layout import Layout, TableName
from resources.values import cut


@dataclass(frozen=True)
class Unrecognised:
    """A header that no layout can read: the nearest one, which columns it lacks, which it has beside or twice, and its
    tables. alike: the layouts of both exchanges that it fits, where nothing says which exchange it is of. suffix: what the
    file says itself, where the header would fit. elsewhere: that is an exchange nobody here reads (BJ), so that the file is
    no table's and nothing is wrong."""

    nearest: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    tables: frozenset[TableName]
    repeated: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    symbol_column: str = ""
    suffix: str = ""
    elsewhere: bool = False

    def __str__(self) -> str:
        if self.elsewhere:
            return f"its securities are of {self.suffix}, an exchange that nobody here reads"
        if self.alike:
            return (
                f"its header fits {' and '.join(self.alike)}, and which exchange it is of nothing says: "
                f"{self.symbol_column} must read 600519.SH or 000001.SZ, or its folder be named so"
            )
        if self.suffix:
            return f"its header is that of {self.nearest}, but its symbols or its folder say {self.suffix}"
        told = []
        if self.repeated:
            told.append(f"has {', '.join(map(cut, self.repeated))} twice")
        if self.missing:
            told.append(f"lacks {', '.join(self.missing)}")
        if self.extra:
            told.append(f"has {', '.join(map(cut, self.extra[:8]))}{' …' if len(self.extra) > 8 else ''} beside")
        return f"its header matches no known layout; of the nearest, {self.nearest}, it {' and '.join(told) or 'lacks nothing'}"


def exchange_of(
    header: Sequence[str], rows: Sequence[Sequence[str]], folder: str = "", layouts: Sequence[Layout] = LAYOUTS
) -> str | None:
    """The exchange that a file names itself: by the first symbol of its first rows that does (600519.SH), else by its
    folder's name. It may be one that nobody here reads."""
    for value in (*symbols_in(header, rows, layouts), folder):
        if (found := values.symbol(value.strip())) and found[1]:
            return found[1]
    return None


def symbols_in(header: Sequence[str], rows: Sequence[Sequence[str]], layouts: Sequence[Layout] = LAYOUTS) -> list[str]:
    """What stands in the columns that some layout reads a security from."""
    columns = {item.column for layout in layouts for item in layout.fields.values() if item.kind == "symbol"}
    return [value for row in rows for name, value in zip(header, row, strict=False) if name in columns]


def recognise(header: Sequence[str], suffix: str | None, layouts: Sequence[Layout] = LAYOUTS) -> list[Layout]:
    """The layouts a header belongs to, at most one per table, without the optional fields it lacks; [] where none fits.

    suffix: the exchange that the file names itself, else None; then a header that both exchanges share fits none. Of several layouts of a table, the one that reads most of the header's columns is meant; of equals, the one whose
    published header is most like it; of equals in that too, the earlier in `layouts`.
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
    """What to tell about a header that no layout recognises. One that shares less than half of any published header could
    belong to any table, and every table says so."""
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
    """The header's columns that a layout reads, optional ones included."""
    return frozenset(item.column for item in layout.fields.values()) & names


def _likeness(layout: Layout, names: frozenset[str]) -> float:
    published = frozenset(layout.header)
    return len(names & published) / len(names | published)


def _closeness(layout: Layout, names: frozenset[str]) -> tuple[int, float]:
    return len(_read(layout, names)), _likeness(layout, names)


def _alike(chosen: Sequence[Layout], fitting: Sequence[Layout]) -> tuple[str, ...]:
    """Names of layouts of both exchanges that one header fits, where a chosen one has a counterpart at the other exchange."""
    for layout in chosen:
        others = [item for item in fitting if item.header == layout.header and item.exchange != layout.exchange]
        if others:
            return (layout.name, others[0].name)
    return ()
