"""Ways in which a delivery goes wrong, one generator per family: (base deliveries) → Mutation.

Here: the damage, how it may end and which message must then name it. Not here: files, building, comparing (deliveries.py).

Not among them, because nothing in a delivery tells them from the truth; UNDETECTABLE says why, class by class.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.real_data.deliveries import (
    LEFT_OUT,
    LOST,
    REFUSED,
    REPORTED,
    SAME,
    Csv,
    Delivery,
    Mutation,
    gzipped,
    zipped,
)

Files = dict[str, Csv]
Edit = Callable[[Files, random.Random], dict[str, bytes] | None]
ADDS_UP = (r"add up to", r"rows are missing", r"shares", r"TradeMoney|amount|money")
SPOILED = (r"set aside", "exchange", r"is no (whole )?number", r"is empty", r"no security", r"add up to")
CUT = r"missing|cut|ends? early|to its end|complete|add up"
UNKNOWN_FILE = (r"matches no known layout", r"recognised", "readable|opened")
BOTH = SAME | LOST


@dataclass(frozen=True)
class Bases:
    """The deliveries that families damage. sse: trades, orders, snapshots of one stock and trades of another.
    whole: the same stock alone, its channel's numbers without a gap. dated: rows that carry the date, no
    snapshots; None where a market has no such files.
    szse: trades and cancels."""

    sse: Delivery
    whole: Delivery
    dated: Delivery | None
    szse: Delivery

    @property
    def all(self) -> tuple[Delivery, ...]:
        return tuple(base for base in (self.sse, self.dated, self.szse) if base is not None)

    @property
    def quoted(self) -> tuple[Delivery, ...]:
        return tuple(base for base in self.all if base.quotes)


FAMILIES: dict[str, Callable[[Bases], Iterator[Mutation]]] = {}


def family(name: str):
    def register(make: Callable[[Bases], Iterator[Mutation]]):
        FAMILIES[name] = make
        return make

    return register


# --- picking rows ---------------------------------------------------------------------------------------------------------


def main_code(base: Delivery) -> str:
    """The stock that is damaged: the one with most rows of trades."""
    codes = [code[:6] for code in base.files[base.trades].values("code")]
    return max(sorted(set(codes)), key=codes.count)


def is_fill(one: Csv, row: int) -> bool:
    return not one.has("exec") or one.get(row, "exec") in ("F", "70")


def picks(one: Csv, base: Delivery, rng: random.Random, count: int = 1, *, auction: bool = False) -> list[int]:
    """Random rows of the damaged stock in continuous trading (or in its auctions); fills where the file has others,
    all there are where they are fewer."""
    rows = []
    for row in one.of(main_code(base)):
        time = one.get(row, "time")
        continuous = "09:30:05" <= time < "11:29:55" or "13:00:05" <= time < "14:56:55"
        if continuous != auction and is_fill(one, row):
            rows.append(row)
    return sorted(rng.sample(rows, min(count, len(rows))))


def clock(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def in_ms(time: str) -> int:
    hours, minutes, seconds = time.split(":")
    return round((int(hours) * 60 + int(minutes)) * 60_000 + float(seconds) * 1000)


def each(bases: Sequence[Delivery], kinds: str = "toq") -> Iterator[tuple[Delivery, str, str]]:
    """(delivery, kind of file, its name) of those there are."""
    for base in bases:
        for letter, kind in (("t", "trades"), ("o", "orders"), ("q", "quotes")):
            if letter in kinds and (name := getattr(base, kind)):
                yield base, kind, name


def says_file(name: str, *more: str) -> tuple[str, ...]:
    return (name.replace(".", r"\."), *more)


# --- cut off --------------------------------------------------------------------------------------------------------------


@family("cut at a byte")
def cut_at_a_byte(b: Bases) -> Iterator[Mutation]:
    for base, kind, name in each(b.all):
        for share in (0.0003, 0.01, 0.1, 0.25, 0.4, 0.5, 0.63, 0.8, 0.9) if kind == "trades" else (0.01, 0.3, 0.5, 0.8):
            yield Mutation(
                f"{name} cut at {share:.2%} of its bytes",
                base,
                lambda f, r, n=name, s=share: {n: f[n].bytes()[: int(len(f[n].bytes()) * s)]},
                LOST,
                (CUT, *UNKNOWN_FILE),
            )


@family("cut inside the last row")
def cut_inside_the_last_row(b: Bases) -> Iterator[Mutation]:
    for base, _, name in each(b.all):
        one = base.files[name]
        last = len(one.rows[-1])
        for keep in range(1, last, 1 if last < 20 else 12):

            def edit(f: Files, r: random.Random, n: str = name, k: int = keep) -> dict[str, bytes]:
                whole = f[n]
                data = whole.bytes()
                line = ",".join(whole.rows[-1][:k])
                tail = len((",".join(whole.rows[-1]) + "\n").encode())
                return {n: data[:-tail] + line[: max(1, len(line) - 2)].encode()}

            # A last row that is cut after the last column that is read has the same values as the whole row.
            yield Mutation(
                f"{name} cut inside field {keep} of its last row", base, edit, BOTH, (*SPOILED, CUT, "fields")
            )


@family("cut at a row")
def cut_at_a_row(b: Bases) -> Iterator[Mutation]:
    for base, _, name in each((*b.all, b.whole), "t"):
        for rows in (1, 2, 7, 40):

            def edit(f: Files, r: random.Random, n: str = name, k: int = rows) -> None:
                f[n].rows = f[n].rows[:-k]

            cancels = all(not is_fill(base.files[name], len(base.files[name].rows) - 1 - i) for i in range(rows))
            yield Mutation(
                f"{name} without its last {rows} rows", base, edit, SAME if cancels else LOST, (*ADDS_UP, CUT)
            )
    for base, kind, name in each((b.whole,), "oq"):
        for rows in (400, 200) if kind == "orders" else (60, 40):

            def edit(f: Files, r: random.Random, n: str = name, k: int = rows) -> None:
                f[n].rows = f[n].rows[:-k]

            yield Mutation(f"{name} without its last {rows} rows", base, edit, BOTH, (*ADDS_UP, CUT, "gap|number"))


# --- rows dropped ---------------------------------------------------------------------------------------------------------


@family("trades dropped")
def trades_dropped(b: Bases) -> Iterator[Mutation]:
    for base in (*b.all, b.whole):
        n = base.trades
        for i in range(5):

            def one(f: Files, r: random.Random, n: str = n, base: Delivery = base) -> None:
                gone = set(picks(f[n], base, r))
                f[n].drop(gone)

            yield Mutation(f"one trade dropped, {i}", base, one, LOST, ADDS_UP)
        for count in (2, 10, 100):

            def some(f: Files, r: random.Random, n: str = n, base: Delivery = base, count: int = count) -> None:
                gone = set(picks(f[n], base, r, count))
                f[n].drop(gone)

            yield Mutation(f"{count} trades dropped here and there", base, some, LOST, ADDS_UP)

            def run(f: Files, r: random.Random, n: str = n, base: Delivery = base, count: int = count) -> None:
                start = picks(f[n], base, r)[0]
                f[n].keep(lambda row: not start <= row < start + count)

            yield Mutation(f"{count} rows in a row dropped", base, run, LOST, ADDS_UP)
        for first, end, what in (
            ("09:20", "09:29", "opening auction"),
            ("14:59:30", "15:10", "closing auction"),
            ("09:31", "09:32", "minute 09:31"),
            ("11:29", "11:30:30", "minute 11:29"),
            ("13:00", "13:01", "minute 13:00"),
            ("09:30", "14:57", "continuous trading"),
        ):

            def span(f: Files, r: random.Random, n: str = n, a: str = first, z: str = end) -> None:
                f[n].keep(lambda row: not a <= f[n].get(row, "time") < z)

            yield Mutation(f"the {what} dropped", base, span, LOST, (*ADDS_UP, CUT))

        def symbol(f: Files, r: random.Random, n: str = n, base: Delivery = base) -> None:
            gone = set(f[n].of(main_code(base)))
            f[n].drop(gone)

        yield Mutation(
            "the stock's trades dropped",
            base,
            symbol,
            LOST,
            ("missing|not delivered|no trades|no tape|header and no rows|hold no row",),
        )


@family("orders dropped")
def orders_dropped(b: Bases) -> Iterator[Mutation]:
    """On a channel without gaps, every lost row leaves one."""
    base, n = b.whole, b.whole.orders
    says = ("gap|number|missing|sequence|stream|without having entered",)
    for i, count in enumerate((1, 1, 1, 5, 50)):

        def some(f: Files, r: random.Random, count: int = count) -> None:
            gone = set(picks(f[n], base, r, count))
            f[n].drop(gone)

        yield Mutation(f"{count} orders dropped, {i}", base, some, LOST, says)

    def cancels(f: Files, r: random.Random) -> None:
        f[n].keep(lambda row: f[n].get(row, "kind") != "D")

    def adds(f: Files, r: random.Random) -> None:
        f[n].keep(lambda row: f[n].get(row, "kind") == "D")

    def sells(f: Files, r: random.Random) -> None:
        f[n].keep(lambda row: f[n].get(row, "side") == "B")

    def span(f: Files, r: random.Random) -> None:
        f[n].keep(lambda row: not "11:28" < f[n].get(row, "time") < "13:00:30")

    for what, edit in (
        ("cancels", cancels),
        ("new orders", adds),
        ("sell orders", sells),
        ("minutes round noon", span),
    ):
        yield Mutation(f"all {what} dropped", base, edit, LOST, says)


# --- order of rows, repeated rows -----------------------------------------------------------------------------------------


@family("rows in another order")
def shuffled(b: Bases) -> Iterator[Mutation]:
    def shuffle(one: Csv, r: random.Random) -> None:
        r.shuffle(one.rows)

    ways = {
        "shuffled": shuffle,
        "reversed": lambda one, r: one.rows.reverse(),
        "sorted by price": lambda one, r: one.rows.sort(key=lambda row: row[one.at("price")]),
        "halves swapped": lambda one, r: one.rows.extend([one.rows.pop(0) for _ in range(len(one.rows) // 2)]),
        "two neighbours swapped": lambda one, r: one.rows.insert(700, one.rows.pop(701)),
        "sorted by time as text": lambda one, r: one.rows.sort(key=lambda row: row[one.at("time")]),
        "in blocks of 500, shuffled": _shuffle_blocks,
    }
    for base, kind, name in each(b.all):
        for way, change in ways.items():
            if kind == "quotes" and way in ("sorted by price", "two neighbours swapped"):
                continue
            yield Mutation(
                f"{name} {way}", base, lambda f, r, n=name, c=change: (c(f[n], r) and None) or None, SAME, ("order",)
            )


def _shuffle_blocks(one: Csv, r: random.Random) -> None:
    blocks = [one.rows[i : i + 500] for i in range(0, len(one.rows), 500)]
    r.shuffle(blocks)
    one.rows = [row for block in blocks for row in block]


@family("rows repeated exactly")
def repeated(b: Bases) -> Iterator[Mutation]:
    for base, _, name in each((*b.all, b.whole)):
        for count in (1, 3, 100):

            def beside(f: Files, r: random.Random, n: str = name, base: Delivery = base, c: int = count) -> None:
                for row in reversed(picks(f[n], base, r, c)):
                    f[n].rows.insert(row, f[n].rows[row])

            def behind(f: Files, r: random.Random, n: str = name, base: Delivery = base, c: int = count) -> None:
                f[n].rows += [f[n].rows[row] for row in picks(f[n], base, r, c)]

            yield Mutation(
                f"{count} rows of {name} twice, side by side", base, beside, SAME, ("twice|duplicate|repeat",)
            )
            yield Mutation(f"{count} rows of {name} again at its end", base, behind, SAME, ("twice|duplicate|repeat",))

        def whole(f: Files, r: random.Random, n: str = name) -> None:
            f[n].rows += f[n].rows

        yield Mutation(f"all rows of {name} twice", base, whole, SAME, ("twice|duplicate|repeat",))


@family("rows repeated with another value")
def repeated_otherwise(b: Bases) -> Iterator[Mutation]:
    says = ("conflict|twice|differently|duplicate|add up|agree",)
    for base in b.all:
        changes: dict[str, Callable[[str], object]] = {
            "price": lambda v: f"{float(v) + 0.01:.2f}",
            "volume": lambda v: int(v) + 100,
            "bid": lambda v: int(v) + 1,
            "ask": lambda v: int(v) + 1,
            "time": lambda v: clock(in_ms(v) + 60_000),
        }
        one = base.files[base.trades]
        if one.has("flag"):
            changes["flag"] = lambda v: {"B": "S", "S": "B", "1": "2", "2": "1"}.get(v, v)
        for role, change in changes.items():
            for where in ("first", "last"):

                def edit(f: Files, r: random.Random, base=base, role=role, change=change, where=where) -> None:
                    trades = f[base.trades]
                    row = picks(trades, base, r)[0]
                    other = list(trades.rows[row])
                    other[trades.at(role)] = str(change(other[trades.at(role)]))
                    trades.rows.insert(row + (where == "last"), other)

                yield Mutation(f"a trade again with another {role}, {where}", base, edit, LOST, says)

        def new_number(f: Files, r: random.Random, base: Delivery = base) -> None:
            trades = f[base.trades]
            row = picks(trades, base, r)[0]
            other = list(trades.rows[row])
            other[trades.at("seq")] = str(int(other[trades.at("seq")]) + 10**9)
            trades.rows.insert(row, other)

        yield Mutation("a trade again under another number", base, new_number, LOST, ADDS_UP)
    base = b.sse
    for role, change in (("price", lambda v: f"{float(v) + 1:.2f}"), ("volume", lambda v: int(v) + 100)):

        def order(f: Files, r: random.Random, role=role, change=change) -> None:
            orders = f[base.orders]
            row = picks(orders, base, r)[0]
            other = list(orders.rows[row])
            other[orders.at(role)] = str(change(other[orders.at(role)]))
            orders.rows.insert(row + 1, other)

        yield Mutation(f"an order again with another {role}", base, order, LOST, says)


# --- wrong types ----------------------------------------------------------------------------------------------------------

WORDS = ("abc", "", "NULL", "nan", "inf", "-", "1.5x", "0x64", "１００", "#REF!", "1e400", "12 34")


@family("a value of a wrong type")
def wrong_type_once(b: Bases) -> Iterator[Mutation]:
    for base, kind, name in each(b.all):
        roles = {
            "trades": ("seq", "channel", "code", "time", "price", "volume", "bid", "ask", "flag", "exec"),
            "orders": ("seq", "code", "time", "price", "volume", "order", "side", "kind"),
            "quotes": ("time", "count", "volume", "money", "BidPrice1", "AskVolume1"),
        }[kind]
        for k, role in enumerate(role for role in roles if base.files[name].has(role)):
            word = WORDS[(k + len(kind)) % len(WORDS)]

            def edit(f: Files, r: random.Random, n: str = name, base=base, role=role, word=word) -> None:
                f[n].set(picks(f[n], base, r)[0], role, word)

            empties = kind == "quotes" and word == ""
            may = BOTH if empties else LOST if kind == "trades" else LOST | {LEFT_OUT}
            yield Mutation(f"{role} = {word!r} in a row of {name}", base, edit, may, (*SPOILED, CUT))


@family("a column of a wrong type")
def wrong_type(b: Bases) -> Iterator[Mutation]:
    for base, kind, name in each(b.all):
        roles = {
            "trades": ("seq", "code", "time", "price", "volume", "bid", "flag", "exec"),
            "orders": ("seq", "time", "volume", "order", "kind"),
            "quotes": ("time", "count", "volume", "money", "BidPrice1"),
        }[kind]
        for k, role in enumerate(role for role in roles if base.files[name].has(role)):
            word = WORDS[(k + 3 * len(kind)) % len(WORDS)] or "x"

            def edit(f: Files, r: random.Random, n: str = name, role=role, word=word) -> None:
                f[n].change(role, lambda _: word)

            yield Mutation(
                f"{role} = {word!r} in all rows of {name}", base, edit, frozenset({REFUSED}), (*SPOILED, "hold no row")
            )


# --- encodings ------------------------------------------------------------------------------------------------------------


@family("encodings")
def encodings(b: Bases) -> Iterator[Mutation]:
    same = ("utf-8-sig", "gbk", "gb18030", "ascii", "utf-16", "utf-16-le", "utf-16-be")
    lost = ("utf-32", "cp500", "utf-7")
    for base, _, name in each(b.all):
        for encoding in (*same, *lost):

            def edit(f: Files, r: random.Random, n: str = name, e: str = encoding) -> dict[str, bytes]:
                return {n: f[n].text().encode(e, errors="replace")}

            # UTF-7 and ASCII differ from UTF-8 in a name that nobody reads.
            plain = encoding in same or encoding == "utf-7"
            yield Mutation(f"{name} in {encoding}", base, edit, SAME if plain else frozenset({REFUSED}), UNKNOWN_FILE)
    if b.dated is None:
        return
    base, name = b.dated, b.dated.trades

    def mixed(f: Files, r: random.Random) -> dict[str, bytes]:
        data = f[name].text()
        half = data.index("\n", len(data) // 2) + 1
        return {name: data[:half].encode() + data[half:].encode("gbk")}

    def broken(f: Files, r: random.Random) -> dict[str, bytes]:
        return {name: f[name].bytes().replace("恒".encode(), b"\xff\xfe\xfa")}

    yield Mutation("UTF-8 first, then GBK", base, mixed, SAME)
    yield Mutation("names of no encoding", base, broken, SAME)


# --- columns and headers --------------------------------------------------------------------------------------------------


@family("columns")
def columns(b: Bases) -> Iterator[Mutation]:
    def extra(at: int, value: str) -> Callable[[Csv, random.Random], None]:
        def change(one: Csv, r: random.Random) -> None:
            one.header.insert(at if at >= 0 else len(one.header), "Extra")
            one.rows = [[*row[:at], value, *row[at:]] if at >= 0 else [*row, value] for row in one.rows]

        return change

    def reorder(one: Csv, r: random.Random) -> None:
        order = list(range(len(one.header)))
        r.shuffle(order)
        one.header = [one.header[i] for i in order]
        one.rows = [[row[i] for i in order] for row in one.rows]

    def trailing(one: Csv, r: random.Random) -> None:
        one.rows = [[*row, ""] for row in one.rows]

    def spaced(one: Csv, r: random.Random) -> None:
        one.header = [f" {name} " for name in one.header]

    def quoted(one: Csv, r: random.Random) -> None:
        one.header = [f'"{name}"' for name in one.header]

    def lower(one: Csv, r: random.Random) -> None:
        one.header = [name.lower() for name in one.header]

    same = {
        "an extra column first": extra(0, "7"),
        "an extra column amid": extra(3, "abc"),
        "an extra column last": extra(-1, ""),
        "columns in another order": reorder,
        "rows that end in a comma": trailing,
        "a header with blanks": spaced,
        "a quoted header": quoted,
        "a lower-case header": lower,
    }
    for base, _, name in each(b.all):
        for what, change in same.items():
            yield Mutation(f"{name}: {what}", base, lambda f, r, n=name, c=change: c(f[n], r), SAME)
        for what, change in {
            "a header of numbers": lambda one, r: setattr(one, "header", [str(i) for i in range(len(one.header))]),
            "a header one column short": lambda one, r: setattr(one, "header", one.header[1:]),
            "a header one column long": lambda one, r: setattr(one, "header", ["Index", *one.header]),
        }.items():
            yield Mutation(
                f"{name}: {what}", base, lambda f, r, n=name, c=change: c(f[n], r), frozenset({REFUSED}),
                (*UNKNOWN_FILE, "fields", "header"),
            )  # fmt: skip
    for base, kind, name in each(b.all):
        one = base.files[name]
        roles = {
            "trades": ("seq", "channel", "code", "time", "price", "volume", "bid", "ask", "flag", "exec"),
            "orders": ("seq", "time", "price", "order", "side", "kind"),
            "quotes": ("time", "count", "volume", "money", "BidPrice1", "AskVolume10"),
        }[kind]
        for role in (role for role in roles if one.has(role)):

            def gone(f: Files, r: random.Random, n: str = name, role: str = role) -> None:
                at = f[n].at(role)
                f[n].header.pop(at)
                f[n].rows = [[*row[:at], *row[at + 1 :]] for row in f[n].rows]

            column = one.roles.get(role, role)
            says = (column, *UNKNOWN_FILE)
            yield Mutation(f"{name} without {column}", base, gone, frozenset({REFUSED}), says)
        role = roles[4]

        def renamed(f: Files, r: random.Random, n: str = name, role: str = role) -> None:
            f[n].header[f[n].at(role)] = "Renamed"

        def named_twice(f: Files, r: random.Random, n: str = name, role: str = role) -> None:
            at = f[n].at(role)
            f[n].header.insert(0, f[n].header[at])
            f[n].rows = [["1", *row] for row in f[n].rows]

        yield Mutation(f"{name}: {role} renamed", base, renamed, frozenset({REFUSED}), UNKNOWN_FILE)
        yield Mutation(f"{name}: {role} named twice", base, named_twice, LOST, ("twice|two columns|header|add up",))
    swaps = {
        "trades": (("price", "volume"), ("bid", "ask"), ("seq", "bid"), ("time", "price")),
        "orders": (("price", "volume"), ("order", "seq")),
        "quotes": (("count", "volume"), ("volume", "money"), ("BidPrice1", "AskPrice1"), ("last", "BidPrice1")),
    }
    for base, kind, name in each(b.all):
        for one_role, other in swaps[kind]:

            def swap(f: Files, r: random.Random, n: str = name, a: str = one_role, z: str = other) -> None:
                i, j = f[n].at(a), f[n].at(z)
                f[n].header[i], f[n].header[j] = f[n].header[j], f[n].header[i]

            undetected = base is b.szse and (one_role, other) == ("bid", "ask")
            if not undetected:
                yield Mutation(
                    f"{name}: headers of {one_role} and {other} swapped", base, swap, BOTH,
                    (*ADDS_UP, *SPOILED, "flag", "number", "cross", "snapshot", "order", "last"),
                )  # fmt: skip


@family("headers")
def headers(b: Bases) -> Iterator[Mutation]:
    for base, _, name in each(b.all):

        def put(f: Files, at: int, line: Sequence[str], n: str) -> None:
            f[n].rows.insert(at, list(line))

        def none(f: Files, r: random.Random, n: str = name) -> dict[str, bytes]:
            return {n: f[n].text(header=False).encode()}

        def only(f: Files, r: random.Random, n: str = name) -> None:
            f[n].rows = []

        def twice(f: Files, r: random.Random, n: str = name) -> None:
            put(f, 0, f[n].header, n)

        def amid(f: Files, r: random.Random, n: str = name) -> None:
            put(f, 1000 if len(f[n].rows) > 1000 else 200, f[n].header, n)

        def last(f: Files, r: random.Random, n: str = name) -> None:
            f[n].rows.append(list(f[n].header))

        def blank(f: Files, r: random.Random, n: str = name) -> dict[str, bytes]:
            return {n: b"\n" + f[n].bytes()}

        def comment(f: Files, r: random.Random, n: str = name) -> dict[str, bytes]:
            return {n: b"# exported by a tool\n" + f[n].bytes()}

        refused = frozenset({REFUSED})
        yield Mutation(f"{name} without a header", base, none, refused, UNKNOWN_FILE)
        yield Mutation(f"{name} with a header and no rows", base, only, LOST, ("no rows?", "header", "missing"))
        yield Mutation(f"{name} with its header twice", base, twice, SAME)
        yield Mutation(f"{name} with its header again amid", base, amid, SAME)
        yield Mutation(f"{name} with its header again at its end", base, last, SAME)
        yield Mutation(f"{name} behind a blank line", base, blank, SAME | {REFUSED}, UNKNOWN_FILE)
        yield Mutation(f"{name} behind a comment", base, comment, SAME | {REFUSED}, UNKNOWN_FILE)


# --- text -----------------------------------------------------------------------------------------------------------------


@family("text")
def text(b: Bases) -> Iterator[Mutation]:
    def quote(one: Csv, r: random.Random) -> None:
        one.rows = [[f'"{value}"' for value in row] for row in one.rows]

    def quote_some(one: Csv, r: random.Random) -> None:
        for row in range(0, len(one.rows), 3):
            one.rows[row] = [f'"{value}"' for value in one.rows[row]]

    def spaces(one: Csv, r: random.Random) -> None:
        one.rows = [[f"{value} " for value in row] for row in one.rows]

    def tabs(one: Csv, r: random.Random) -> None:
        one.rows = [[f"\t{value}" for value in row] for row in one.rows]

    in_rows = {
        "quoted fields": quote,
        "quoted fields in some rows": quote_some,
        "blanks behind values": spaces,
        "tabs before values": tabs,
    }
    for base, kind, name in each(b.all):
        for what, change in in_rows.items():
            yield Mutation(f"{name}: {what}", base, lambda f, r, n=name, c=change: c(f[n], r), SAME)
        by_text: dict[str, tuple[Callable[[Csv], bytes], frozenset[str]]] = {
            "CRLF": (lambda one: one.text(eol="\r\n").encode(), SAME),
            "no line end at its end": (lambda one: one.bytes()[:-1], SAME),
            "blank lines at its end": (lambda one: one.bytes() + b"\n\n\n", SAME),
            "blank lines amid": (lambda one: one.bytes().replace(b"\n", b"\n\n", 900), SAME),
            "a line of commas at its end": (lambda one: one.bytes() + b"," * (len(one.header) - 1) + b"\n", SAME),
            "garbage at its end": (lambda one: one.bytes() + b"\xde\xad\xbe\xef rows exported: 12\n", SAME),
            "NULs at its end": (lambda one: one.bytes() + b"\0" * 512, SAME),
            "ctrl-Z at its end": (lambda one: one.bytes() + b"\x1a", SAME),
            "CR alone as line end": (lambda one: one.text(eol="\r").encode(), LOST),
            "semicolons": (lambda one: one.text(separator=";").encode(), SAME),
            "tabs as separators": (lambda one: one.text(separator="\t").encode(), SAME),
        }  # fmt: skip
        for what, (make, may) in by_text.items():
            yield Mutation(
                f"{name}: {what}",
                base,
                lambda f, r, n=name, m=make: {n: m(f[n])},
                may,
                (*UNKNOWN_FILE, "header", "no row"),
            )

        def nul(f: Files, r: random.Random, n: str = name, base: Delivery = base) -> None:
            row = picks(f[n], base, r)[0]
            f[n].set(row, "volume", f[n].get(row, "volume")[:1] + "\0" + f[n].get(row, "volume")[1:])

        def nul_block(f: Files, r: random.Random, n: str = name) -> dict[str, bytes]:
            data = bytearray(f[n].bytes())
            at = len(data) // 3
            data[at : at + 4096] = bytes(4096)  # a page that was never written
            return {n: bytes(data)}

        may = LOST if kind == "trades" else LOST | {LEFT_OUT}
        yield Mutation(f"{name}: a NUL in a number", base, nul, may, (*SPOILED,))
        yield Mutation(f"{name}: a page of NULs", base, nul_block, LOST, (*SPOILED, "fields"))


@family("numbers written otherwise")
def numbers(b: Bases) -> Iterator[Mutation]:
    for base in b.all:
        n = base.trades
        same: dict[str, tuple[str, Callable[[str], object]]] = {
            "prices in scientific notation": ("price", lambda v: f"{float(v):.6e}"),
            "volumes in scientific notation": ("volume", lambda v: f"{int(v):.9e}"),
            "volumes with decimals": ("volume", lambda v: f"{v}.000"),
            "volumes with a plus": ("volume", lambda v: f"+{v}"),
            "volumes with zeros before": ("volume", lambda v: f"000{v}"),
            "order numbers as floats": ("bid", lambda v: f"{v}.0"),
            "prices with zeros behind": ("price", lambda v: f"{float(v):.6f}"),
            "clock without colons": ("time", lambda v: v.replace(":", "").replace(".", "")),
            "prices one ulp off": ("price", lambda v: f"{float(v) * (1 + 2e-16):.17g}"),
        }
        for what, (role, change) in same.items():
            yield Mutation(
                what, base, lambda f, r, n=n, c=role, to=change: f[n].change(c, to), SAME | {REFUSED}, (*SPOILED, r"\+")
            )
        lost: dict[str, tuple[str, Callable[[str], object]]] = {
            "prices with a decimal comma": ("price", lambda v: f"{float(v):.2f}".replace(".", ",")),
            "prices with a quoted decimal comma": ("price", lambda v: '"' + f"{float(v):.2f}".replace(".", ",") + '"'),
            "quoted thousands": ("volume", lambda v: f'"{int(v) * 1000:,}"'),
            "order numbers in scientific notation, four digits": ("bid", lambda v: f"{float(v):.3E}"),
            "trade numbers in scientific notation, three digits": ("seq", lambda v: f"{float(v):.2E}"),
            "volumes in words": ("volume", lambda v: f"{v}股"),
            "volumes in ten thousands": ("volume", lambda v: f"{int(v) / 10_000}万"),
            "prices with a currency sign": ("price", lambda v: f"¥{v}"),
            "clocks as a spreadsheet shows them": ("time", lambda v: v[3:10]),
            "clocks with AM and PM": ("time", lambda v: f"{int(v[:2]) % 12:02d}{v[2:8]} {'PM' if v >= '12' else 'AM'}"),
            "clocks as fractions of a day": ("time", lambda v: f"{in_ms(v) / 86_400_000:.6f}"),
            "clocks in seconds": ("time", lambda v: f"{in_ms(v) // 1000}"),
            "volumes negative in brackets": ("volume", lambda v: f"({v})"),
        }
        for what, (role, change) in lost.items():
            yield Mutation(
                what, base, lambda f, r, n=n, c=role, to=change: f[n].change(c, to), LOST,
                (*SPOILED, *ADDS_UP, "fields", "conflict|differently", "number"),
            )  # fmt: skip


# --- containers -----------------------------------------------------------------------------------------------------------


def first_half(data: bytes) -> bytes:
    return data[: len(data) // 2]


@family("archives")
def archives(b: Bases) -> Iterator[Mutation]:
    refused = frozenset({REFUSED})
    for base, kind, name in each(b.all, "toq"):
        stem = name.removesuffix(".csv")

        def make(change: Callable[[bytes], dict[str, bytes]], n: str = name) -> Edit:
            def edit(f: Files, r: random.Random) -> dict[str, bytes]:
                data = f.pop(n).bytes()
                return change(data)

            return edit

        def gz_damaged(data: bytes, s: str = stem) -> dict[str, bytes]:
            packed = bytearray(gzipped(data))
            packed[len(packed) // 2] ^= 0xFF
            return {f"{s}.csv.gz": bytes(packed)}

        def gz_crc(data: bytes, s: str = stem) -> dict[str, bytes]:
            packed = bytearray(gzipped(data))
            packed[-6] ^= 0xFF
            return {f"{s}.csv.gz": bytes(packed)}

        def zip_damaged(data: bytes, s: str = stem, n: str = name) -> dict[str, bytes]:
            packed = bytearray(zipped((n, data)))
            packed[len(packed) // 2] ^= 0xFF
            return {f"{s}.zip": bytes(packed)}

        def zip_locked(data: bytes, s: str = stem, n: str = name) -> dict[str, bytes]:
            packed = bytearray(zipped((n, data)))
            packed[6] |= 1
            at = packed.rindex(b"PK\x01\x02")
            packed[at + 8] |= 1
            return {f"{s}.zip": bytes(packed)}

        same: dict[str, Callable[[bytes], dict[str, bytes]]] = {
            "gzipped": lambda d, s=stem: {f"{s}.csv.gz": gzipped(d)},
            "zipped": lambda d, s=stem, n=name: {f"{s}.zip": zipped((n, d))},
            "zipped in a folder": lambda d, s=stem, n=name: {f"{s}.zip": zipped((f"20230201/{n}", d))},
            "gzipped in two members": lambda d, s=stem: {f"{s}.csv.gz": gzipped(d[:5000]) + gzipped(d[5000:])},
            "in a folder": lambda d, n=name: {f"sse/{n}": d},
            "with an upper-case name": lambda d, n=name: {n.upper(): d},
        }
        either: dict[str, Callable[[bytes], dict[str, bytes]]] = {
            "gzip named .csv": lambda d, n=name: {n: gzipped(d)},
            "text named .csv.gz": lambda d, s=stem: {f"{s}.csv.gz": d},
            "text named .zip": lambda d, s=stem: {f"{s}.zip": d},
            "zip named .csv": lambda d, n=name: {n: zipped((n, d))},
        }
        broken: dict[str, Callable[[bytes], dict[str, bytes]]] = {
            "gzip cut in half": lambda d, s=stem: {f"{s}.csv.gz": first_half(gzipped(d))},
            "gzip without its last 4 bytes": lambda d, s=stem: {f"{s}.csv.gz": gzipped(d)[:-4]},
            "gzip with one byte changed": gz_damaged,
            "gzip with a wrong checksum": gz_crc,
            "zip cut in half": lambda d, s=stem, n=name: {f"{s}.zip": first_half(zipped((n, d)))},
            "zip with one byte changed": zip_damaged,
            "zip under a password": zip_locked,
            "empty gzip": lambda d, s=stem: {f"{s}.csv.gz": b""},
            "empty zip": lambda d, s=stem: {f"{s}.zip": zipped()},
            "zip that climbs out": lambda d, s=stem, n=name: {f"{s}.zip": zipped((f"../../{n}", d))},
            "zip with an absolute path": lambda d, s=stem, n=name: {f"{s}.zip": zipped((f"/etc/{n}", d))},
            "zip with a parquet": lambda d, s=stem: {f"{s}.zip": zipped(("part.parquet", d))},
            "zip in a zip": lambda d, s=stem, n=name: {f"{s}.zip": zipped(("inner.zip", zipped((n, d))))},
            "xz": lambda d, s=stem: {f"{s}.csv.xz": d},
            "still being copied": lambda d, s=stem: {f"{s}.csv.part": first_half(d)},
        }
        few = kind != "trades"
        for what, change in same.items():
            if not few or what in ("gzipped", "zipped"):
                yield Mutation(f"{name} {what}", base, make(change), SAME)
        for what, change in either.items():
            if not few:
                yield Mutation(
                    f"{name}: {what}", base, make(change), SAME | {REFUSED}, (stem, "opened|read|layout|recognised")
                )
        for what, change in broken.items():
            if not few or what.startswith("gzip cut"):
                yield Mutation(f"{name}: {what}", base, make(change), refused, (stem,))


# --- files of a day -------------------------------------------------------------------------------------------------------


@family("files of a day")
def files_of_a_day(b: Bases) -> Iterator[Mutation]:
    for base, kind, name in each((*b.all, b.whole)):
        stem = name.removesuffix(".csv")

        def twice(f: Files, r: random.Random, n: str = name, s: str = stem) -> dict[str, bytes]:
            return {f"{s}_copy.csv": f[n].bytes()}

        def twice_packed(f: Files, r: random.Random, n: str = name, s: str = stem) -> dict[str, bytes]:
            return {f"again/{s}.csv.gz": gzipped(f[n].bytes())}

        yield Mutation(f"{name} delivered twice", base, twice, SAME, ("twice|duplicate",))
        yield Mutation(f"{name} delivered again, packed", base, twice_packed, SAME, ("twice|duplicate",))

        def pieces(
            count: int, overlap: int = 0, missing: int = -1, headless: bool = False, n: str = name, s: str = stem
        ) -> Edit:
            def edit(f: Files, r: random.Random) -> dict[str, bytes]:
                one = f.pop(n)
                bounds = [len(one.rows) * i // count for i in range(count + 1)]
                made = {}
                for i in range(count):
                    part = Csv(one.header, one.rows[max(0, bounds[i] - overlap) : bounds[i + 1]], one.roles)
                    part.dates = one.dates
                    if i != missing:
                        made[f"{s}_{count - i}.csv"] = part.text(header=not (headless and i)).encode()
                return made

            return edit

        for count in (2, 3, 7):
            yield Mutation(f"{name} in {count} pieces", base, pieces(count), SAME)
        yield Mutation(f"{name} in 3 pieces that overlap", base, pieces(3, overlap=50), SAME, ("twice|duplicate",))
        lost_orders = LOST if kind != "orders" else BOTH
        if kind == "trades":
            for missing in (0, 1, 2):
                yield Mutation(
                    f"{name} in 3 pieces, one lost, {missing}",
                    base,
                    pieces(3, missing=missing),
                    lost_orders,
                    (*ADDS_UP, CUT),
                )
        yield Mutation(
            f"{name} in 3 pieces, later ones headless",
            base,
            pieces(3, headless=True),
            frozenset({REFUSED}),
            UNKNOWN_FILE,
        )

        def by_symbol(f: Files, r: random.Random, n: str = name) -> dict[str, bytes]:
            one = f.pop(n)
            made = {}
            for code in sorted(set(one.values("code"))):
                part = Csv(one.header, [row for row in one.rows if row[one.at("code")] == code], one.roles)
                part.dates = one.dates
                made[f"{code}.csv"] = part.bytes()
            return made

        def gone(f: Files, r: random.Random, n: str = name) -> None:
            f.pop(n)

        def empty(f: Files, r: random.Random, n: str = name) -> dict[str, bytes]:
            f.pop(n)
            return {n: b""}

        def empty_beside(f: Files, r: random.Random, n: str = name) -> dict[str, bytes]:
            return {f"new_{n}": b""}

        def folder(f: Files, r: random.Random, n: str = name) -> dict[str, bytes]:
            return {f"{n}/{n}": f.pop(n).bytes()}

        def hollow(f: Files, r: random.Random, n: str = name) -> dict[str, bytes]:
            f.pop(n)
            return {f"{n}/.keep": b""}

        yield Mutation(f"{name} as one file per stock", base, by_symbol, SAME)
        yield Mutation(f"{name} inside a folder of its name", base, folder, SAME)
        yield Mutation(f"{name} empty", base, empty, frozenset({REFUSED}), ("header|empty|layout|recognised",))
        yield Mutation(
            f"an empty file beside {name}",
            base,
            empty_beside,
            frozenset({REFUSED}),
            ("header|empty|layout|recognised",),
        )
        absent = LOST if kind == "trades" else BOTH
        says = ("no file|missing|not delivered|no trades|no quotes|no tape|nothing", "has landed|landing zone")
        yield Mutation(f"{name} absent", base, gone, absent, says)
        yield Mutation(f"{name} a folder without it", base, hollow, absent, says)
    for base in b.all:
        names = [n for n in (base.trades, base.orders, base.quotes) if n]

        def rotate(f: Files, r: random.Random, names: list[str] = names) -> dict[str, bytes]:
            data = [f.pop(n).bytes() for n in names]
            return dict(zip([*names[1:], names[0]], data, strict=True))

        def with_notes(f: Files, r: random.Random) -> dict[str, bytes]:
            return {"readme.txt": b"hello", "all.md5": b"0123", ".DS_Store": b"\0\1"}

        def with_unknown(f: Files, r: random.Random) -> dict[str, bytes]:
            return {"mdl_99_9_9.csv": b"A,B,C\n1,2,3\n"}

        def with_table(f: Files, r: random.Random) -> dict[str, bytes]:
            return {"prices.xlsx": b"PK"}

        yield Mutation("file names exchanged", base, rotate, SAME)
        yield Mutation("notes beside", base, with_notes, SAME)
        yield Mutation("an unknown CSV beside", base, with_unknown, frozenset({REFUSED}), UNKNOWN_FILE)
        yield Mutation("a spreadsheet beside", base, with_table, frozenset({REFUSED}), ("nobody reads|recognised",))
    for first, second in ((b.sse, b.szse), (b.szse, b.sse)):

        def swapped(f: Files, r: random.Random, a: Delivery = first, z: Delivery = second) -> dict[str, bytes]:
            data = f.pop(a.trades)
            rows = Csv(z.files[z.trades].header, [row[: len(z.files[z.trades].header)] for row in data.rows], {})
            return {z.trades: rows.bytes()}

        yield Mutation(
            f"rows of {first.name} under the header of {second.name}",
            first,
            swapped,
            LOST,
            (*SPOILED, "fields", "missing"),
        )


# --- times ----------------------------------------------------------------------------------------------------------------


@family("times of trades")
def times(b: Bases) -> Iterator[Mutation]:
    says = ("time|stamp|order|session|clock|outside", *SPOILED)
    for base in b.all:
        n = base.trades

        def shift(seconds: float, n: str = n) -> Edit:
            def edit(f: Files, r: random.Random) -> None:
                f[n].change("time", lambda v: clock((in_ms(v) + round(seconds * 1000)) % 86_400_000))

            return edit

        for seconds in (-8 * 3600, -3600, 3600, 8 * 3600, 1800, -1800):
            yield Mutation(f"all trades {seconds} s later", base, shift(seconds), LOST, (*says, CUT, *ADDS_UP))
        if base is not b.szse:  # whose cancels, in the same file, would be stamped otherwise too
            yield Mutation("clocks cut to seconds", base, lambda f, r, n=n: f[n].change("time", lambda v: v[:8]), SAME)
        for to, what in (
            ("24:00:00.000", "24:00"),
            ("25:61:00.000", "25:61"),
            ("12:15:00.000", "12:15, at lunch"),
            ("08:59:00.000", "08:59, before the exchange opens"),
            ("00:00:00.000", "midnight"),
            ("23:59:59.999", "23:59"),
            ("09:27:00.000", "09:27, between auction and trading"),
            ("15:20:00.000", "15:20, after the close"),
        ):
            yield Mutation(
                f"a trade stamped {what}", base,
                lambda f, r, n=n, base=base, t=to: f[n].set(picks(f[n], base, r)[0], "time", t), LOST, says,
            )  # fmt: skip
        for seconds in (600, -600, 120, -120, 7200):

            def one(f: Files, r: random.Random, n: str = n, base: Delivery = base, s: int = seconds) -> None:
                row = picks(f[n], base, r)[0]
                f[n].set(row, "time", clock(in_ms(f[n].get(row, "time")) + s * 1000))

            yield Mutation(f"a trade stamped {seconds} s later", base, one, LOST, says)

        def one_auction(f: Files, r: random.Random, n: str = n, base: Delivery = base) -> None:
            row = picks(f[n], base, r, auction=True)[0]
            f[n].set(row, "time", "10:00:00.000")

        yield Mutation("an auction trade stamped 10:00", base, one_auction, LOST, says)


# --- prices and volumes ---------------------------------------------------------------------------------------------------


@family("prices of trades")
def prices(b: Bases) -> Iterator[Mutation]:
    for base in b.all:
        n = base.trades
        says = (*ADDS_UP, *SPOILED, "price", "limit")
        for factor in (10, 100, 10_000, 0.1, 0.01, 1.01):

            def column(f: Files, r: random.Random, n: str = n, x: float = factor) -> None:
                f[n].change("price", lambda v: f"{float(v) * x:.4f}")

            def once(f: Files, r: random.Random, n: str = n, base: Delivery = base, x: float = factor) -> None:
                row = picks(f[n], base, r)[0]
                f[n].set(row, "price", f"{float(f[n].get(row, 'price')) * x:.4f}")

            yield Mutation(f"all prices × {factor}", base, column, LOST, says)
            yield Mutation(f"one price × {factor}", base, once, LOST, says)
        for value in ("0", "-10.5", "0.00001", "99999999", "1e15"):
            yield Mutation(
                f"a price of {value}", base,
                lambda f, r, n=n, base=base, v=value: f[n].set(picks(f[n], base, r)[0], "price", v), LOST, says,
            )  # fmt: skip
        for ticks in (1, -1, 5, 1):

            def tick(f: Files, r: random.Random, n: str = n, base: Delivery = base, k: int = ticks) -> None:
                row = next(i for i in picks(f[n], base, r, 60) if int(f[n].get(i, "volume")) >= 100)
                f[n].set(row, "price", f"{float(f[n].get(row, 'price')) + k * 0.01:.2f}")

            yield Mutation(f"a price {ticks} tick off, {'again' if ticks == 1 else ''}", base, tick, LOST, says)

        def with_money(f: Files, r: random.Random, n: str = n, base: Delivery = base) -> None:
            row = next(i for i in picks(f[n], base, r, 60) if int(f[n].get(i, "volume")) >= 200)
            price = float(f[n].get(row, "price")) + 0.01
            f[n].set(row, "price", f"{price:.2f}")
            if f[n].has("money"):
                f[n].set(row, "money", f"{price * int(f[n].get(row, 'volume')):.2f}")

        def exchange(f: Files, r: random.Random, n: str = n, base: Delivery = base) -> None:
            rows = picks(f[n], base, r, 400)
            a = rows[0]
            z = next(
                i for i in rows
                if f[n].get(i, "price") != f[n].get(a, "price") and f[n].get(i, "volume") != f[n].get(a, "volume")
                and f[n].get(i, "time")[:5] != f[n].get(a, "time")[:5]
            )  # fmt: skip
            p, q = f[n].get(a, "price"), f[n].get(z, "price")
            f[n].set(a, "price", q)
            f[n].set(z, "price", p)

        yield Mutation("a price one tick off, its money too", base, with_money, LOST, says)
        yield Mutation("two trades' prices exchanged", base, exchange, LOST, says)


@family("volumes of trades")
def volumes(b: Bases) -> Iterator[Mutation]:
    for base in b.all:
        n = base.trades
        says = (*ADDS_UP, *SPOILED, "volume")
        for factor in (100, 0.01, 10):

            def column(f: Files, r: random.Random, n: str = n, x: float = factor) -> None:
                f[n].change("volume", lambda v: round(int(v) * x) if x > 1 else f"{int(v) * x:g}")

            yield Mutation(f"all volumes × {factor}", base, column, LOST, says)
        for add in (1, -1, 100, 10_000):

            def once(f: Files, r: random.Random, n: str = n, base: Delivery = base, add: int = add) -> None:
                row = picks(f[n], base, r)[0]
                f[n].set(row, "volume", max(1, int(f[n].get(row, "volume")) + add))

            yield Mutation(f"one volume {add:+d}", base, once, LOST, says)
        for value in ("0", "-100", "9223372036854775807", "9300000000000000000", "4611686018427387904", "0.5"):
            yield Mutation(
                f"a volume of {value}", base,
                lambda f, r, n=n, base=base, v=value: f[n].set(picks(f[n], base, r)[0], "volume", v), LOST, says,
            )  # fmt: skip

        def move(f: Files, r: random.Random, n: str = n, base: Delivery = base) -> None:
            rows = [i for i in picks(f[n], base, r, 300) if int(f[n].get(i, "volume")) >= 200]
            a = rows[0]
            z = next(i for i in rows if f[n].get(i, "price") != f[n].get(a, "price"))
            f[n].set(a, "volume", int(f[n].get(a, "volume")) - 100)
            f[n].set(z, "volume", int(f[n].get(z, "volume")) + 100)

        yield Mutation("100 shares moved from one trade to another", base, move, LOST, says)


# --- sides and orders -----------------------------------------------------------------------------------------------------


@family("sides and order numbers")
def sides(b: Bases) -> Iterator[Mutation]:
    says = ("flag|aggressor|side|number|order",)
    for base in b.all:
        n = base.trades
        one = base.files[n]

        def swap_rows(rows: Callable[[Csv, random.Random], Sequence[int]], n: str = n) -> Edit:
            def edit(f: Files, r: random.Random) -> None:
                for row in rows(f[n], r):
                    bid, ask = f[n].get(row, "bid"), f[n].get(row, "ask")
                    f[n].set(row, "bid", ask)
                    f[n].set(row, "ask", bid)

            return edit

        def flip_rows(
            rows: Callable[[Csv, random.Random], Sequence[int]], to: Callable[[str], str], n: str = n
        ) -> Edit:
            def edit(f: Files, r: random.Random) -> None:
                f[n].change("flag", to, rows(f[n], r))

            return edit

        some = {
            "one trade": lambda one, r, base=base: picks(one, base, r),
            "ten trades": lambda one, r, base=base: picks(one, base, r, 10),
            "all trades": lambda one, r: range(len(one.rows)),
        }
        if one.has("flag"):
            other = {"B": "S", "S": "B", "1": "2", "2": "1"}
            none = "N" if "N" in one.values("flag") else "0"
            buy = "B" if none == "N" else "1"
            for what, rows in some.items():
                yield Mutation(f"order numbers of {what} swapped", base, swap_rows(rows), LOST, says)
                yield Mutation(
                    f"flag of {what} flipped", base, flip_rows(rows, lambda v, o=other: o.get(v, v)), LOST, says
                )
                yield Mutation(f"no flag on {what}", base, flip_rows(rows, lambda v, x=none: x), LOST, says)
            auction = lambda one, r, base=base: picks(one, base, r, 5, auction=True)  # noqa: E731
            yield Mutation("auction trades flagged as buys", base, flip_rows(auction, lambda v, x=buy: x), LOST, says)
            yield Mutation(
                "an unknown flag", base, flip_rows(some["one trade"], lambda v: "Q"), LOST, (*SPOILED, *says)
            )
        for role in ("bid", "ask"):
            for value in ("0", "-5"):
                yield Mutation(
                    f"{role} order number {value} in a trade", base,
                    lambda f, r, n=n, base=base, c=role, v=value: f[n].set(picks(f[n], base, r)[0], c, v), LOST,
                    (*SPOILED, *says, "negative"),
                )  # fmt: skip

        def equal(f: Files, r: random.Random, n: str = n, base: Delivery = base) -> None:
            row = picks(f[n], base, r)[0]
            f[n].set(row, "bid", f[n].get(row, "ask"))

        yield Mutation("one order on both sides of a trade", base, equal, LOST, says)

        def mirrored(f: Files, r: random.Random, n: str = n) -> None:
            for row in range(len(f[n].rows)):
                bid, ask = f[n].get(row, "bid"), f[n].get(row, "ask")
                f[n].set(row, "bid", ask)
                f[n].set(row, "ask", bid)
            if f[n].has("flag"):
                f[n].change("flag", lambda v: {"B": "S", "S": "B", "1": "2", "2": "1"}.get(v, v))

        against = r"\d+ of its \d+ price changes go against the side of their trade"
        yield Mutation("buyers and sellers of all trades exchanged", base, mirrored, LOST, (against,))
    # With the orders of the stock at hand, a resting order that no stream shows is an error of the trade.
    for base in filter(None, (b.whole, b.dated)):

        def unknown(f: Files, r: random.Random, base: Delivery = base) -> None:
            trades = f[base.trades]
            row = picks(trades, base, r)[0]
            bid, ask = int(trades.get(row, "bid")), int(trades.get(row, "ask"))
            role, other = ("bid", ask) if bid < ask else ("ask", bid)
            known = set(f[base.orders].values("order"))
            trades.set(row, role, next(str(x) for x in range(other - 1, 0, -1) if str(x) not in known))

        def both(f: Files, r: random.Random, base: Delivery = base) -> None:
            trades = f[base.trades]
            row = picks(trades, base, r)[0]
            bid, ask, flag = (trades.get(row, role) for role in ("bid", "ask", "flag"))
            trades.set(row, "bid", ask)
            trades.set(row, "ask", bid)
            trades.set(row, "flag", {"B": "S", "S": "B", "1": "2", "2": "1"}[flag])

        # It cannot be decided whether the trade or the order stream is wrong. It is reported, and the figures stay.
        yield Mutation("a resting order number that no order has", base, unknown, LOST | {REPORTED}, says)
        yield Mutation("flag and order numbers swapped together", base, both, LOST | {REPORTED}, says)


@family("orders of another tape")
def orders_of_another_tape(b: Bases) -> Iterator[Mutation]:
    """Whole order files that contradict the trades, and trades and flags exchanged together."""
    letters = {"B": "S", "S": "B", "1": "2", "2": "1"}
    for base in filter(None, (b.whole, b.dated)):

        def whole_column(role: str, to: Callable[[str], str], base: Delivery = base) -> Edit:
            def edit(f: Files, r: random.Random) -> None:
                f[base.orders].change(role, to)

            return edit

        def exchanged(f: Files, r: random.Random, base: Delivery = base) -> None:
            trades = f[base.trades]
            for row in range(len(trades.rows)):
                bid, ask = trades.get(row, "bid"), trades.get(row, "ask")
                trades.set(row, "bid", ask)
                trades.set(row, "ask", bid)
            trades.change("flag", lambda v: letters.get(v, v))

        for what, damage, cause in (
            ("sides of all orders exchanged", whole_column("side", lambda v: letters[v]), "sellers are exchanged"),
            ("buyers and sellers of all trades exchanged", exchanged, "sellers are exchanged"),
            (
                "numbers of all orders shifted",
                whole_column("order", lambda v: str(int(v) + 1)),
                "never entered|different days",
            ),
            ("orders in lots", whole_column("volume", lambda v: str(int(v) // 100)), "different units"),
        ):
            says = rf"its trades contradict \d+ of its \d+ orders, more than .*({cause})"
            yield Mutation(f"{base.name}: {what}", base, damage, LOST, (says,))


# --- whose rows, which day ------------------------------------------------------------------------------------------------


@family("another stock's rows, another day's")
def foreign(b: Bases) -> Iterator[Mutation]:
    gone = ("missing|not delivered|no trades|no tape|suspended|did not trade|no row",)
    for base in filter(None, (b.sse, b.dated)):
        n = base.trades
        code = main_code(base)
        others = sorted({c[:6] for c in base.files[n].values("code")} - {code})
        other = others[0]

        def relabel(frm: str, to: str, count: int | None, n: str = n) -> Edit:
            def edit(f: Files, r: random.Random) -> None:
                rows = f[n].of(frm)
                f[n].change("code", lambda v: to + v[6:], rows if count is None else r.sample(rows, count))

            return edit

        for count in (1, 10):
            yield Mutation(f"{count} trades of {other} under {code}", base, relabel(other, code, count), LOST, ADDS_UP)
            yield Mutation(f"{count} trades of {code} under {other}", base, relabel(code, other, count), LOST, ADDS_UP)
        yield Mutation(f"{code}'s trades under {other}", base, relabel(code, other, None), LOST, (*ADDS_UP, *gone))
        yield Mutation(
            f"{code}'s trades under a stock that did not trade", base, relabel(code, "600518", None), LOST, gone
        )
        yield Mutation(f"a trade of {code} under a fund's code", base, relabel(code, "510300", 1), LOST, ADDS_UP)
        yield Mutation(f"a trade of {code} under SZSE's numbers", base, relabel(code, "000519", 1), LOST, ADDS_UP)

        def exchange(f: Files, r: random.Random, n: str = n, a: str = code, z: str = other) -> None:
            first, second = f[n].of(a), f[n].of(z)
            f[n].change("code", lambda v: z + v[6:], first)
            f[n].change("code", lambda v: a + v[6:], second)

        yield Mutation(f"{code} and {other} exchanged", base, exchange, LOST, ADDS_UP)
    for base in b.all:

        def another_day(f: Files, r: random.Random, base: Delivery = base) -> None:
            one = f[base.trades]
            one.change("price", lambda v: f"{round(float(v) * 1.003, 2):.2f}")
            if one.has("money"):
                for row in range(len(one.rows)):
                    one.set(row, "money", f"{float(one.get(row, 'price')) * int(one.get(row, 'volume')):.2f}")
            gone = set(r.sample(range(len(one.rows)), len(one.rows) // 10))
            one.drop(gone)

        yield Mutation("another day's trades", base, another_day, LOST, ADDS_UP)
    for kind in ("trades", "orders") if b.dated is not None else ():
        n = getattr(b.dated, kind)

        def dates(rows: int | None, to: str, n: str = n) -> Edit:
            def edit(f: Files, r: random.Random) -> None:
                f[n].change("date", lambda _: to, None if rows is None else picks(f[n], b.dated, r, rows))

            return edit

        says = ("date is not", "add up", "set aside")
        yield Mutation(f"{n}: another date in all rows", b.dated, dates(None, "2019.01.03"), frozenset({REFUSED}), says)

        yield Mutation(f"{n}: another date in one row", b.dated, dates(1, "2019.01.03"), LOST, says)
        yield Mutation(
            f"{n}: another date in half the rows", b.dated, dates(1000, "2019.01.03"), frozenset({REFUSED}), says
        )
        yield Mutation(f"{n}: no date in a row", b.dated, dates(1, ""), LOST, (*says, "empty"))


@family("codes")
def codes(b: Bases) -> Iterator[Mutation]:
    for base in b.all:
        suffix = base.symbols[0][-2:]
        wrong = "SZ" if suffix == "SH" else "SH"
        dated = f".{suffix}" if base is b.dated else ""  # without it, nothing says the exchange
        all_rows: list[tuple[str, Callable[[str], str], frozenset[str]]] = [
            ("600519.SH", lambda c, s=suffix: f"{c}.{s}", SAME),
            ("with a blank", lambda c, s=dated: f"{c}{s} ", SAME),
            ("quoted", lambda c, s=dated: f'"{c}{s}"', SAME),
            ("600519.XSHG", lambda c, s=suffix: f"{c}.{'XSHG' if s == 'SH' else 'XSHE'}", SAME | {REFUSED}),
            ("of the other exchange", lambda c, s=wrong: f"{c}.{s}", LOST),
            ("600519.HK", lambda c: f"{c}.HK", LOST),
            ("sh600519", lambda c, s=suffix: f"{s.lower()}{c}", SAME | LOST),
            ("600519.0", lambda c: f"{int(c)}.0", SAME | LOST),
            ("seven digits, one behind", lambda c: f"{c}0", LOST),
            ("seven digits, one before", lambda c: f"1{c}", LOST),
            ("with letters behind", lambda c: f"{c}A", LOST),
            ("five digits", lambda c: c[:5], LOST),
            ("a name", lambda c: "贵州茅台", LOST),
        ]
        says = (*SPOILED, *UNKNOWN_FILE, "missing|not delivered|no trades|hold no row|no tape|exchange|security")
        for what, change, may in all_rows:

            def edit(f: Files, r: random.Random, n: str = base.trades, to=change) -> None:
                f[n].change("code", lambda v: to(v[:6]))

            def once(f: Files, r: random.Random, n: str = base.trades, to=change, base=base) -> None:
                f[n].change("code", lambda v: to(v[:6]), picks(f[n], base, r))

            yield Mutation(f"codes {what}", base, edit, may, says)
            yield Mutation(f"one code {what}", base, once, may | LOST, says)


# --- snapshots ------------------------------------------------------------------------------------------------------------


def level_names(side: str, what: str) -> list[str]:
    return [f"{side}{what}{i}" for i in range(1, 11)]


@family("snapshots: cumulative fields")
def snapshot_sums(b: Bases) -> Iterator[Mutation]:
    for base in b.quoted:
        yield from _snapshot_sums(base, base.quotes)


def _snapshot_sums(base: Delivery, n: str) -> Iterator[Mutation]:
    says = ("snapshot|cumulative|quoted|quote|align",)

    def at(rows: int, change: Callable[[Csv, int], None], *, on: bool = False) -> Edit:
        """Changes `rows` snapshots in a row from a random one on; all later ones where `on`."""

        def edit(f: Files, r: random.Random) -> None:
            start = picks(f[n], base, r)[0]
            for row in range(start, len(f[n].rows) if on else min(start + rows, len(f[n].rows))):
                change(f[n], row)

        return edit

    def zero(one: Csv, row: int) -> None:
        for role in ("count", "volume", "money"):
            one.set(row, role, "0")

    def less(one: Csv, row: int) -> None:
        for role in ("count", "volume", "money"):
            one.set(row, role, int(float(one.get(row, role)) * 0.9))

    def scaled(role: str, factor: float) -> Edit:
        return lambda f, r: f[n].change(role, lambda v: f"{float(v) * factor:.2f}".removesuffix(".00"))

    for rows in (1, 5, 60):
        yield Mutation(f"{rows} snapshots reset to zero", base, at(rows, zero), LOST | {LEFT_OUT}, says)
        yield Mutation(f"{rows} snapshots with falling sums", base, at(rows, less), LOST | {LEFT_OUT}, says)
        for role in ("count", "volume", "money"):
            yield Mutation(
                f"{rows} snapshots with {role} + 7", base,
                at(rows, lambda one, row, c=role: one.set(row, c, int(float(one.get(row, c))) + 7)), LOST | {LEFT_OUT}, says,
            )  # fmt: skip
    yield Mutation("sums reset to zero from one snapshot on", base, at(1, zero, on=True), LOST, says)
    for role, factor in (
        ("volume", 0.01),
        ("volume", 100),
        ("money", 100),
        ("money", 1e-4),
        ("count", 2),
        ("count", 0),
    ):
        yield Mutation(f"{role} of all snapshots × {factor}", base, scaled(role, factor), LOST, says)
    for role in ("count", "volume", "money"):
        yield Mutation(
            f"{role} of all snapshots empty",
            base,
            lambda f, r, c=role: f[n].change(c, lambda _: ""),
            LOST,
            (*SPOILED, *says),
        )


@family("snapshots: the book")
def snapshot_book(b: Bases) -> Iterator[Mutation]:
    for base in b.quoted:
        yield from _snapshot_book(base, base.quotes)


def _snapshot_book(base: Delivery, n: str) -> Iterator[Mutation]:
    says = ("cross|book|level|snapshot|quote|limit|negative|price",)
    levels = {(side, what): level_names(side, what) for side in ("Bid", "Ask") for what in ("Price", "Volume")}

    def rows_of(f: Files, r: random.Random, count: int) -> list[int]:
        return picks(f[n], base, r, count) if count else f[n].of(main_code(base))

    def over(count: int, change: Callable[[Csv, int], None]) -> Edit:
        def edit(f: Files, r: random.Random) -> None:
            for row in rows_of(f, r, count):
                change(f[n], row)

        return edit

    def cross(one: Csv, row: int) -> None:
        bid, ask = one.get(row, "BidPrice1"), one.get(row, "AskPrice1")
        one.set(row, "BidPrice1", ask)
        one.set(row, "AskPrice1", bid)

    def lock(one: Csv, row: int) -> None:
        one.set(row, "BidPrice1", one.get(row, "AskPrice1"))

    def sides_swapped(one: Csv, row: int) -> None:
        for what in ("Price", "Volume"):
            for i in range(1, 11):
                bid, ask = one.get(row, f"Bid{what}{i}"), one.get(row, f"Ask{what}{i}")
                one.set(row, f"Bid{what}{i}", ask)
                one.set(row, f"Ask{what}{i}", bid)

    def shifted(one: Csv, row: int) -> None:
        for names in levels.values():
            values = [one.get(row, name) for name in names]
            for name, value in zip(names, [values[-1], *values[:-1]], strict=True):
                one.set(row, name, value)

    def upside_down(one: Csv, row: int) -> None:
        for names in levels.values():
            for name, value in zip(names, [one.get(row, x) for x in reversed(names)], strict=True):
                one.set(row, name, value)

    def times_ten(one: Csv, row: int) -> None:
        if one.get(row, "BidPrice1"):
            one.set(row, "BidPrice1", f"{float(one.get(row, 'BidPrice1')) * 10:.2f}")

    def tenth(one: Csv, row: int) -> None:
        if one.get(row, "BidPrice1"):
            one.set(row, "BidPrice1", f"{float(one.get(row, 'BidPrice1')) / 10:.2f}")

    def in_fen(one: Csv, row: int) -> None:
        for side in ("Bid", "Ask"):
            for name in levels[side, "Price"]:
                if one.get(row, name):
                    one.set(row, name, f"{float(one.get(row, name)) * 100:.0f}")

    def negative(one: Csv, row: int) -> None:
        one.set(row, "BidVolume1", "-100")

    def no_volume(one: Csv, row: int) -> None:
        one.set(row, "BidVolume1", "0")

    for what, change in {
        "crossed": cross, "locked": lock, "sides swapped": sides_swapped, "levels shifted": shifted,
        "levels upside down": upside_down, "best bid × 10": times_ten, "best bid / 10": tenth, "prices in fen": in_fen,
        "a negative volume": negative, "no volume at the best bid": no_volume,
    }.items():  # fmt: skip
        for count in (1, 20, 0):
            yield Mutation(
                f"{count or 'all'} snapshots: {what}",
                base,
                over(count, change),
                LOST | ({LEFT_OUT} if count else frozenset()),
                says,
            )

    def empty(one: Csv, row: int) -> None:
        for names in levels.values():
            for name in names:
                one.set(row, name, "")

    yield Mutation("all snapshots: an empty book", base, over(0, empty), LOST, says)

    def another_stock(f: Files, r: random.Random) -> None:
        for row in range(len(f[n].rows)):
            for side in ("Bid", "Ask"):
                for name in levels[side, "Price"]:
                    if f[n].get(row, name):
                        f[n].set(row, name, f"{float(f[n].get(row, name)) / 250:.2f}")
        f[n].change("volume", lambda v: int(v) * 3)
        f[n].change("count", lambda v: int(v) * 2)

    yield Mutation("another stock's snapshots under this code", base, another_stock, LOST, says)


@family("snapshots: times and rows")
def snapshot_times(b: Bases) -> Iterator[Mutation]:
    for base in b.quoted:
        yield from _snapshot_times(base, base.quotes)


def _trades_soon(quotes: Csv, row: int) -> bool:
    """Whether a snapshot of the next half minute counts more trades: where nothing trades, no other clock tells the time."""
    count, time = int(quotes.get(row, "count")), in_ms(quotes.get(row, "time"))
    later = range(row + 1, min(row + 15, len(quotes.rows)))
    return any(in_ms(quotes.get(i, "time")) < time + 30_000 and int(quotes.get(i, "count")) > count for i in later)


def _snapshot_times(base: Delivery, n: str) -> Iterator[Mutation]:
    says = ("snapshot|quote|late|clock|time|stamp|align|minute",)

    def shift(seconds: int) -> Edit:
        return lambda f, r: f[n].change("time", lambda v: clock(max(0, in_ms(v) + seconds * 1000)))

    for seconds in (60, -60, 300, 3600, -3600, 8 * 3600):
        yield Mutation(f"all snapshots stamped {seconds} s later", base, shift(seconds), LOST, (*says, CUT))
    for seconds in (600, -600, 3600):

        def one(f: Files, r: random.Random, s: int = seconds) -> None:
            row = r.choice([row for row in picks(f[n], base, r, 50) if _trades_soon(f[n], row)])
            f[n].set(row, "time", clock(in_ms(f[n].get(row, "time")) + s * 1000))

        yield Mutation(f"a snapshot stamped {seconds} s later", base, one, LOST | {LEFT_OUT}, says)

    def drop(first: str, end: str) -> Edit:
        return lambda f, r: f[n].keep(lambda row: not first <= f[n].get(row, "time") < end)

    for first, end in (("14:56", "16"), ("09:31", "09:33"), ("13:00", "13:01:30"), ("09:29", "14:57")):
        yield Mutation(f"snapshots from {first} to {end} lost", base, drop(first, end), LOST | {LEFT_OUT}, (*says, CUT))
    yield Mutation("snapshots from 14:59 to 16 lost", base, drop("14:59", "16"), BOTH, says)  # no bar reads them

    def frozen(f: Files, r: random.Random) -> None:
        start = next(i for i in range(len(f[n].rows)) if f[n].get(i, "time") >= "09:31:00")
        for row in range(start + 1, start + 30):
            time = f[n].get(row, "time")
            f[n].rows[row] = list(f[n].rows[start])
            f[n].set(row, "time", time)

    yield Mutation("one snapshot again and again for 90 seconds", base, frozen, LOST | {LEFT_OUT}, says)


def all_mutations(bases: Bases) -> dict[str, list[Mutation]]:
    return {name: list(make(bases)) for name, make in FAMILIES.items()}
