"""Defines the types of a layout, and the pieces that layouts share.

This module contains the types `Layout` and `Field`, the integer codes of coded columns, and the exchanges' letters for them. Each
vendor's layouts are in a file of this folder, and headers are recognised in recognition.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

TableName = Literal["trades", "orders", "quotes"]
Exchange = Literal["SH", "SZ"]
Kind = Literal["symbol", "integer", "price", "ticks", "money", "clock", "date", "stamp", "stamp_date", "code"]
Numbering = Literal["trades", "orders", "events"]

FILL, CANCEL, ORDER, STATUS = 1, 2, 3, 4
"""Kinds of rows in a file with several kinds; a STATUS row (a phase of trading begins) belongs to no table."""
BUY, SELL, NEITHER = 1, -1, 0
LIMIT, MARKET, OWN_BEST, CANCELLED = 0, 1, 2, 3
NO_CHANNEL, CANCELS_WITHOUT_CHANNEL = 0, 2**31 - 1
"""Channels of a vendor that delivers none. The cancels of its trade file share the numbering of that file and not of the order
file, so they have a channel of their own, which assets/tape_health/rebuilt_orders.py reads as NO_CHANNEL."""
ORDER_KINDS = ("limit", "market", "own_best", "cancel")
"""Names of the codes LIMIT … CANCELLED."""
LEVELS = 10


@dataclass(frozen=True)
class Field:
    """One vendor column.

    kind: symbol (600519 or 600519.SH); integer; price and money (yuan, as decimals); ticks (whole 1/10 000 yuan);
    clock (HH:MM:SS[.mmm] or HHMMSSmmm, where the hour's leading 0 may be missing); date; stamp (a date with a time of day; the
    date must be the folder's day); code (a letter or number with a declared meaning). stamp_date is not declared: it is the
    date of a stamp, and the layout adds it itself.
    codes: the meaning of each letter or number; "" is a blank. blank: whether the field may be empty (null), as book levels
    may. optional: whether a header without the column still fits (DataYes has no BizIndex before 2021-04-26).
    """

    column: str
    kind: Kind = "integer"
    codes: Mapping[str, int] = field(default_factory=dict)
    blank: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Layout:
    """One kind of vendor file, as far as one canonical table reads it.

    header: the published columns, by which missing and new columns are reported. fields: canonical name → column. fixed:
    values of canonical names for which the vendor has no column. keep: (field, its values that mark rows of this table); rows
    with other declared values belong to another table and are skipped. numbering: the rows that `seq` counts in a channel: this
    table's rows, or all events (then `event` is `seq`); None where gaps in `seq` are no evidence of missing rows. per_security:
    whether every file has one security, so that a file without rows is a suspension and not a loss.

    In a layout of trades or orders without a field "seq", rows are numbered by their position in the file.

    In trades, a field "flag" names the aggressor; without it, the side with the larger order number is the aggressor. In orders,
    a field "order" has the order's number; without it, the number is "bid_order" or "ask_order", chosen by "side" or by which of
    the two is not 0. In trades, a field "money" must equal price × volume (SPEC §2.3).

    Raises ValueError where `keep` names no field.
    """

    name: str
    table: TableName
    exchange: Exchange
    header: tuple[str, ...]
    fields: Mapping[str, Field]
    fixed: Mapping[str, int] = field(default_factory=dict)
    keep: tuple[str, tuple[int, ...]] | None = None
    numbering: Numbering | None = None
    per_security: bool = False

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep[0] not in self.fields:
            raise ValueError(
                f"layout {self.name}: keep names {self.keep[0]!r}, which is none of its fields ({', '.join(self.fields)}). Name the "
                "field by its canonical name, not by the vendor's column."
            )
        time = self.fields.get("time")
        if time is not None and time.kind == "stamp" and "stamp_date" not in self.fields:
            fields = {**self.fields, "stamp_date": replace(time, kind="stamp_date")}
            object.__setattr__(self, "fields", fields)

    @property
    def is_stamped(self) -> bool:
        """Whether the time column contains the date as well."""
        return self.fields["time"].kind == "stamp"

    def stamped(self) -> "Layout":
        """Return this layout for a file whose time column contains date and time."""
        return replace(self, fields={**self.fields, "time": replace(self.fields["time"], kind="stamp")})

    @property
    def columns(self) -> frozenset[str]:
        """The columns that a header must have."""
        return frozenset(item.column for item in self.fields.values() if not item.optional)

    def under(self, header: frozenset[str]) -> "Layout":
        """Return this layout without the optional fields that a header lacks."""
        fields = {name: item for name, item in self.fields.items() if item.column in header}
        return self if len(fields) == len(self.fields) else replace(self, fields=fields)


# --- pieces that several layouts share ------------------------------------------------------------------------------------


def header_of(text: str) -> tuple[str, ...]:
    """Return the columns of a published header: names separated by commas.

    >>> header_of("security, at")
    ('security', 'at')
    """
    return tuple("".join(text.split()).split(","))


def integers(**columns: str) -> dict[str, Field]:
    """Return fields of whole numbers from canonical name → the vendor's column.

    >>> integers(volume="TradeQty")["volume"].column
    'TradeQty'
    """
    return {name: Field(column) for name, column in columns.items()}


def levels(pattern: str, price: str, volume: str, sides: tuple[str, str], kind: Kind = "price") -> dict[str, Field]:
    """Return the fields of LEVELS book levels a side.

    pattern: a column's name with the places `{side}`, `{what}` and `{level}`. price, volume: the vendor's words for `{what}`.
    sides: its words for bid and ask. kind: the kind of the prices.
    """
    return {
        f"{side}_{name}_{level}": Field(pattern.format(side=word, what=what, level=level), item, blank=True)
        for side, word in zip(("bid", "ask"), sides, strict=True)
        for level in range(1, LEVELS + 1)
        for name, what, item in (("price", price, kind), ("volume", volume, "integer"))
    }


def or_ascii(codes: Mapping[str, int]) -> dict[str, int]:
    """Return codes by letter and by the letter's ASCII number, since SZSE enumerations are delivered as either."""
    return {**codes, **{str(ord(letter)): meaning for letter, meaning in codes.items()}}


def with_cancels(trades: Layout, name: str, fixed: Mapping[str, int] | None = None) -> tuple[Layout, Layout]:
    """Return the layouts of SZSE's trade file: as trades, and under `name` as the orders table's cancels.

    A cancel is a row with another `exec`, one order number and no price, which vendors write as 0, blank or a negative number.
    fixed: the fixed values of cancels, where they differ from those of the trades.
    """
    fields = {key: item for key, item in trades.fields.items() if key not in ("volume", "money")}
    fields["quantity"] = trades.fields["volume"]
    fields |= {key: replace(fields[key], blank=True) for key in ("price", "bid_order", "ask_order")}
    fixed = trades.fixed if fixed is None else fixed
    cancels = replace(trades, name=name, table="orders", fields=fields, fixed=fixed, keep=("exec", (CANCEL,)))
    return replace(trades, keep=("exec", (FILL,))), cancels


SSE_FLAG = {"B": BUY, "S": SELL, "N": NEITHER}
SSE_SIDE = {"B": BUY, "S": SELL}
SSE_KIND = {"A": LIMIT, "D": CANCELLED}
SZSE_KIND = {"1": MARKET, "2": LIMIT, "U": OWN_BEST}
