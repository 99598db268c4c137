"""What a layout is: which header belongs to which table, and what every column that is read means; and the pieces that layouts share.

Here: the declarations' types, the codes that columns are turned into, letters and numbers of the exchanges. Not here: any vendor's
layout (a file each in this folder), recognising a header (recognition.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

TableName = Literal["trades", "orders", "quotes"]
Exchange = Literal["SH", "SZ"]
Kind = Literal["symbol", "integer", "price", "ticks", "money", "clock", "date", "stamp", "stamp_date", "code"]
Numbering = Literal["trades", "orders", "events"]

FILL, CANCEL, ORDER, STATUS = 1, 2, 3, 4
"""What a row of a file with several kinds of rows is; a STATUS row (a phase begins) is no table's."""
BUY, SELL, NEITHER = 1, -1, 0
LIMIT, MARKET, OWN_BEST, CANCELLED = 0, 1, 2, 3
NO_CHANNEL, CANCELS_WITHOUT_CHANNEL = 0, 2**31 - 1
"""Channels of a vendor that has none. The cancels of its trade file are numbered as that file is and not as the order file, so
that they stand on a channel of their own; assets/tape_health/rebuilt_orders.py reads it as NO_CHANNEL."""
ORDER_KINDS = ("limit", "market", "own_best", "cancel")
"""Names of the codes LIMIT … CANCELLED."""
LEVELS = 10


@dataclass(frozen=True)
class Field:
    """One vendor column.

    kind: symbol (600519 or 600519.SH); integer; price and money (yuan, as decimals); ticks (whole 1/10 000 yuan already);
    clock (HH:MM:SS[.mmm] or HHMMSSmmm, the hour's 0 may be dropped); date; stamp (date and time of day in one, the date
    being the folder's day); code (a letter or number with a meaning). stamp_date is no kind to declare: it is the date of a
    stamp, which the layout adds itself.
    codes: what its letters or numbers mean; "" stands for a blank. blank: may be empty (null), as book levels are.
    optional: a header without the column is the layout's all the same (DataYes has no BizIndex before 2021-04-26).
    """

    column: str
    kind: Kind = "integer"
    codes: Mapping[str, int] = field(default_factory=dict)
    blank: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Layout:
    """One kind of vendor file, as far as one canonical table reads it.

    header: the columns as published, to name what is missing or new. fields: canonical name → column. fixed: canonical
    names the vendor gives no column for, and their value. keep: (field, its values that are rows of this table); other
    declared values are another table's and skipped. numbering: what the column of `seq` counts in a channel: this table's
    rows, or all events (then `event` is `seq`); None where it tells nothing of what is missing. per_security: every file
    holds one security, so that one without rows is a suspension and not a loss.

    A layout of trades or orders without a field "seq" numbers the rows of a file by their place in it.

    Trades with a field "flag" name the aggressor themselves; without one the larger order number is the aggressor's. Orders
    with a field "order" name it there; without one it is "bid_order" or "ask_order", by "side" or by which of the two is
    not 0. Trades with a field "money" must equal price × volume (SPEC §2.3).
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
                f"layout {self.name}: keep names {self.keep[0]!r}, which is none of its fields ({', '.join(self.fields)}). It wants "
                "the canonical name, not the vendor's column."
            )
        time = self.fields.get("time")
        if time is not None and time.kind == "stamp" and "stamp_date" not in self.fields:
            fields = {**self.fields, "stamp_date": replace(time, kind="stamp_date")}
            object.__setattr__(self, "fields", fields)

    @property
    def is_stamped(self) -> bool:
        """Whether the column of its time holds the date as well."""
        return self.fields["time"].kind == "stamp"

    def stamped(self) -> "Layout":
        """The layout of a file whose column of the time holds date and time."""
        return replace(self, fields={**self.fields, "time": replace(self.fields["time"], kind="stamp")})

    @property
    def columns(self) -> frozenset[str]:
        """The columns that must be there."""
        return frozenset(item.column for item in self.fields.values() if not item.optional)

    def under(self, header: frozenset[str]) -> "Layout":
        """The layout without the optional fields that a header lacks."""
        fields = {name: item for name, item in self.fields.items() if item.column in header}
        return self if len(fields) == len(self.fields) else replace(self, fields=fields)


# --- pieces that several layouts share ------------------------------------------------------------------------------------


def header_of(text: str) -> tuple[str, ...]:
    """The columns of a header as a vendor publishes it: names between commas.

    >>> header_of("security, at")
    ('security', 'at')
    """
    return tuple("".join(text.split()).split(","))


def integers(**columns: str) -> dict[str, Field]:
    """Fields of whole numbers: canonical name → the vendor's column.

    >>> integers(volume="TradeQty")["volume"].column
    'TradeQty'
    """
    return {name: Field(column) for name, column in columns.items()}


def levels(pattern: str, price: str, volume: str, sides: tuple[str, str], kind: Kind = "price") -> dict[str, Field]:
    """Fields of ten levels a side. pattern: how `{side}`, `{what}` and `{level}` make a column's name."""
    return {
        f"{side}_{name}_{level}": Field(pattern.format(side=word, what=what, level=level), item, blank=True)
        for side, word in zip(("bid", "ask"), sides, strict=True)
        for level in range(1, LEVELS + 1)
        for name, what, item in (("price", price, kind), ("volume", volume, "integer"))
    }


def or_ascii(codes: Mapping[str, int]) -> dict[str, int]:
    """The exchange's letters, and the numbers of their ASCII codes: SZSE enums are delivered as either."""
    return {**codes, **{str(ord(letter)): meaning for letter, meaning in codes.items()}}


def with_cancels(trades: Layout, name: str, fixed: Mapping[str, int] | None = None) -> tuple[Layout, Layout]:
    """SZSE's trade file as trades, and as orders under that name: a cancel is a row of another `exec` with one order number and no
    price, which vendors write as 0, as nothing or as a negative number. fixed: what is fixed for cancels, where it is not what is fixed for trades."""
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
