"""Ways in which reference tables and one-minute bars go wrong on their way to a desk, one generator per family.

Here: the damage, and how it may end. Not here: the honest market (honest.py), building and comparing (endings.py).

A mutant ends well if its figures are the honest ones, if what differs is set aside with a reason, or if it is refused. A form
that is unambiguous must be read (`may=READ`). Not among the mutants, because nothing in one delivery contradicts them:

- Another industry, another list_date before the history, another flag `is_st` of a single name; shares of a single name that
  change by less than a split would; equity or profit of a single name within the range of its market.
- Weights that two members of an index exchange, or all those that two indices exchange, while they still sum to 1 and the index
  follows its members within the tolerance.
- A pre_close below the last close by no more than a dividend pays.
- Prices between a bar's low and high, moved by less than its range, where the day's totals allow it.
- Closes alone without the opening auction: SPEC §1 has the first return start from pre_close then.
- Two minutes of one name that exchange their bars: range, last close, volume and amount of the day are the same.
"""

import datetime as dt
import functools
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tests.deliveries.endings import LOST, SAME
from tests.deliveries.honest import INDICES, NAMES, Honest

ANY = LOST | {SAME}
READ = frozenset({SAME})
ONE = (NAMES[3], NAMES[15])  # names that are damaged alone: one of each exchange, neither suspended nor special
Frame = pl.DataFrame
Edit = Callable[[Frame], Frame]


@dataclass(frozen=True)
class Mutant:
    """One damaged delivery. apply: (the landing zone, the honest delivery) → changed in place. may: how it may end."""

    name: str
    apply: Callable[[Path, Honest], None]
    may: frozenset[str] = ANY


FAMILIES: dict[str, Callable[[Honest], Iterator[Mutant]]] = {}


def family(name: str) -> Callable[[Callable[[Honest], Iterator[Mutant]]], Callable[[Honest], Iterator[Mutant]]]:
    def register(make: Callable[[Honest], Iterator[Mutant]]) -> Callable[[Honest], Iterator[Mutant]]:
        FAMILIES[name] = make
        return make

    return register


# --- how a file is changed ------------------------------------------------------------------------------------------------


def edited(table: str, edit: Edit) -> Callable[[Path, Honest], None]:
    """A reference table rewritten as Parquet."""

    def apply(root: Path, h: Honest) -> None:
        edit(h.tables[table]).write_parquet(root / "reference" / f"{table}.parquet")

    return apply


def as_csv(table: str, text: Callable[[Frame], str | bytes]) -> Callable[[Path, Honest], None]:
    """A reference table rewritten as CSV."""

    def apply(root: Path, h: Honest) -> None:
        (root / "reference" / f"{table}.parquet").unlink()
        data = text(h.tables[table])
        (root / "reference" / f"{table}.csv").write_bytes(data if isinstance(data, bytes) else data.encode())

    return apply


def bars_edited(edit: Edit) -> Callable[[Path, Honest], None]:
    """The last day's bars rewritten."""

    def apply(root: Path, h: Honest) -> None:
        edit(h.bars[h.day]).write_parquet(bars_of(root, h))

    return apply


def bars_of(root: Path, h: Honest) -> Path:
    return root / "bars" / f"{h.day:%Y%m%d}.parquet"


def where(rows: pl.Expr, **columns: pl.Expr) -> Edit:
    """Columns replaced in some rows."""
    return lambda frame: frame.with_columns(
        **{name: pl.when(rows).then(value).otherwise(name) for name, value in columns.items()}
    )


def whom(h: Honest, who: str) -> pl.Expr:
    """Rows of daily_prices or bars: of one name, or of all, on the last day."""
    one = pl.col("symbol").is_in(ONE[:1]) if who == "one" else pl.lit(True)
    return one


def last_day(h: Honest) -> pl.Expr:
    return pl.col("date") == h.day


# --- daily_prices ---------------------------------------------------------------------------------------------------------

_FACTORS = {
    "pre_close": (10, 0.1, 2, 0.5, 1.2, 0.01),
    "open": (10, 0.1, 2, 0.5, 1.2, 0.97),
    "high": (10, 0.1, 2, 0.5, 1.2, 1.01),
    "low": (10, 0.1, 2, 0.5, 0.99, 1.2),
    "close": (10, 0.1, 2, 0.5, 1.2, 0.97),
    "volume": (10, 100, 0.01, 0.5, 1.01),
    "amount": (10, 1000, 1e-4, 0.1, 1.01, 0.5),
    "float_shares": (100, 10_000, 1e-4, 2),
    "total_shares": (100, 10_000, 1e-4, 0.5),
}


@family("daily_prices: a value scaled")
def daily_scaled(h: Honest) -> Iterator[Mutant]:
    for column, factors in _FACTORS.items():
        for factor in factors:
            for who in ("one", "all"):
                dtype = h.tables["daily_prices"].schema[column]
                value = (pl.col(column) * factor).round(2).cast(dtype)
                rows = last_day(h) & whom(h, who)
                yield Mutant(f"{column} × {factor:g}, {who}", edited("daily_prices", where(rows, **{column: value})))


@family("daily_prices: no number")
def daily_no_number(h: Honest) -> Iterator[Mutant]:
    for column in _FACTORS:
        for word, value in (("null", None), ("NaN", float("nan")), ("inf", float("inf")), ("-1", -1.0), ("0", 0.0)):
            for who in ("one", "all"):
                rows = last_day(h) & whom(h, who)

                def edit(frame: Frame, column: str = column, value: Any = value, rows: pl.Expr = rows) -> Frame:
                    return where(rows, **{column: pl.lit(value, pl.Float64)})(frame)

                yield Mutant(f"{column} = {word}, {who}", edited("daily_prices", edit))


@family("daily_prices: rows")
def daily_rows(h: Honest) -> Iterator[Mutant]:
    on, one, half = last_day(h), pl.col("symbol") == ONE[0], pl.col("symbol").is_in(NAMES[::2])
    keep = {
        "one row gone": ~(on & one),
        "half of the rows gone": ~(on & half),
        "all rows but one gone": ~on | one,
        "all rows gone": ~on,
        "no row of one name at all": ~one,
        "the day before gone": pl.col("date") != h.days[-2],
    }
    for name, rows in keep.items():
        yield Mutant(name, edited("daily_prices", lambda f, rows=rows: f.filter(rows)))

    def doubled(frame: Frame, rows: pl.Expr, **changed: pl.Expr) -> Frame:
        return pl.concat([frame, frame.filter(rows).with_columns(**changed)])

    for who, rows in (("one", on & one), ("all", on)):
        yield Mutant(f"delivered twice, {who}", edited("daily_prices", functools.partial(doubled, rows=rows)), READ)
        higher = {"close": pl.col("close") + 0.01}
        yield Mutant(
            f"delivered twice, differing, {who}",
            edited("daily_prices", functools.partial(doubled, rows=rows, **higher)),
        )
    before = h.days[-2]
    yield Mutant(
        "the day before under this day's date",
        edited(
            "daily_prices",
            lambda f: pl.concat([f.filter(~on), f.filter(pl.col("date") == before).with_columns(date=pl.lit(h.day))]),
        ),
    )
    for shift in (1, -1):
        moved = pl.col("date") + dt.timedelta(days=shift)
        yield Mutant(
            f"all dates {shift:+d} day", edited("daily_prices", lambda f, moved=moved: f.with_columns(date=moved))
        )
    for left, right in (
        ("high", "low"), ("open", "close"), ("pre_close", "close"), ("float_shares", "total_shares"), ("open", "high"),
    ):  # fmt: skip
        for who, rows in (("one", on & one), ("all", on)):
            swapped = {left: pl.col(right), right: pl.col(left)}
            yield Mutant(f"{left} and {right} exchanged, {who}", edited("daily_prices", where(rows, **swapped)))
    other = {ONE[0]: ONE[1], ONE[1]: ONE[0]}
    yield Mutant(
        "two names exchanged on the day",
        edited("daily_prices", where(on, symbol=pl.col("symbol").replace(other))),
    )
    yield Mutant(
        "a second code with the same history",
        edited(
            "daily_prices",
            lambda f: pl.concat([f, f.filter(one).with_columns(symbol=pl.lit("600999.SH"))]),
        ),
    )
    yield Mutant("all names under special treatment", edited("daily_prices", where(on, is_st=pl.lit(True))))
    yield Mutant("is_st null, one", edited("daily_prices", where(on & one, is_st=pl.lit(None, pl.Boolean))))
    yield Mutant("is_st null, all", edited("daily_prices", where(on, is_st=pl.lit(None, pl.Boolean))))
    for column in h.tables["daily_prices"].columns:
        yield Mutant(f"without the column {column}", edited("daily_prices", lambda f, c=column: f.drop(c)))
    for factor, what in ((0.91, "one ratio"), (1.1, "one ratio up")):
        prices = {c: (pl.col(c) * factor).round(2) for c in ("pre_close", "open", "high", "low", "close")}
        yield Mutant(f"prices adjusted by {what}, one", edited("daily_prices", where(on & one, **prices)))
        yield Mutant(f"prices adjusted by {what}, all", edited("daily_prices", where(on, **prices)))
    limits = {"limit_up": (pl.col("pre_close") * 1.1).round(2), "limit_down": (pl.col("pre_close") * 0.9).round(2)}
    for name, changed in {
        "limits exchanged": {"limit_up": limits["limit_down"], "limit_down": limits["limit_up"]},
        "limits of half the range": {
            "limit_up": pl.col("pre_close") * 1.001,
            "limit_down": pl.col("pre_close") * 0.999,
        },
        "limit_up below pre_close": {"limit_up": pl.col("pre_close") * 0.95, "limit_down": limits["limit_down"]},
        "limits in cents": {"limit_up": limits["limit_up"] * 100, "limit_down": limits["limit_down"] * 100},
        "limits negative": {"limit_up": -limits["limit_up"], "limit_down": -limits["limit_down"]},
    }.items():
        yield Mutant(
            name,
            edited(
                "daily_prices",
                lambda f, changed=changed: f.with_columns(
                    **{k: pl.when(on).then(v).otherwise(limits[k]).round(2) for k, v in changed.items()}
                ),
            ),
        )
    for name, value in {"NaN": float("nan"), "infinite": float("inf")}.items():
        yield Mutant(
            f"limit_up {name}",
            edited(
                "daily_prices",
                lambda f, value=value: f.with_columns(
                    limit_up=pl.when(on).then(pl.lit(value)), limit_down=pl.when(on).then(limits["limit_down"])
                ),
            ),
        )


def csv_text(frame: Frame, separator: str = ",") -> str:
    return frame.write_csv(separator=separator)


@family("daily_prices: as a spreadsheet or a database writes them")
def daily_csv(h: Honest) -> Iterator[Mutant]:
    def table(text: Callable[[Frame], str | bytes]) -> Callable[[Path, Honest], None]:
        return as_csv("daily_prices", text)

    yield Mutant("plain", table(csv_text), READ)
    for name, separator in (("semicolons", ";"), ("tabs", "\t")):
        yield Mutant(name, table(lambda f, s=separator: csv_text(f, s)), READ)
    for encoding in ("utf-8-sig", "utf-16", "gb18030"):
        yield Mutant(encoding, table(lambda f, e=encoding: csv_text(f).encode(e)), READ)
    yield Mutant("Windows line ends", table(lambda f: csv_text(f).replace("\n", "\r\n")), READ)
    yield Mutant("header in capitals", table(lambda f: _header(csv_text(f), str.upper)), READ)
    yield Mutant("blanks in the header", table(lambda f: _header(csv_text(f), lambda s: s.replace(",", " , "))), READ)
    yield Mutant("a trailing comma", table(lambda f: "\n".join(line + "," for line in csv_text(f).splitlines())), READ)
    yield Mutant("blank lines at the end", table(lambda f: csv_text(f) + "\n\n\n"), READ)
    yield Mutant("everything quoted", table(lambda f: f.write_csv(quote_style="always")), READ)
    dates = {
        "2023/05/12": "%Y/%m/%d", "2023.05.12": "%Y.%m.%d", "20230512": "%Y%m%d", "2023-05-12 00:00:00": "%Y-%m-%d 00:00:00",
        "2023-5-12": "%Y-%-m-%-d", "2023/5/12": "%Y/%-m/%-d",
    }  # fmt: skip
    for name, pattern in dates.items():
        yield Mutant(f"dates as {name}", table(lambda f, p=pattern: csv_text(_dated(f, p))), READ)
    yield Mutant("dates as 12/05/2023", table(lambda f: csv_text(_dated(f, "%d/%m/%Y"))))
    yield Mutant("dates as 05/12/23", table(lambda f: csv_text(_dated(f, "%m/%d/%y"))))
    yield Mutant("dates as spreadsheet numbers", table(lambda f: csv_text(f.with_columns(date=_serial("date")))))
    yield Mutant("dates with a time of day", table(lambda f: csv_text(_dated(f, "%Y-%m-%d 15:00:00"))))
    words = {"TRUE/FALSE": ("TRUE", "FALSE"), "1/0": ("1", "0"), "True/False": ("True", "False")}
    for name, pair in words.items():
        yield Mutant(f"flags as {name}", table(lambda f, p=pair: csv_text(f.with_columns(is_st=_words(*p)))), READ)
    yield Mutant("flags as maybe", table(lambda f: csv_text(f.with_columns(is_st=_words("maybe", "0")))))
    yield Mutant("thousands separators", table(lambda f: csv_text(f.with_columns(volume=_thousands("volume")))), READ)
    yield Mutant("volume as 8.03E+05", table(lambda f: csv_text(f.with_columns(volume=_scientific("volume", 2)))))
    yield Mutant("amount as 8.03E+05", table(lambda f: csv_text(f.with_columns(amount=_scientific("amount", 2)))))
    yield Mutant(
        "shares as 1.2E+08", table(lambda f: csv_text(f.with_columns(total_shares=_scientific("total_shares", 1))))
    )
    yield Mutant("decimal commas", table(lambda f: f.write_csv(separator=";", decimal_comma=True)))
    yield Mutant("volume as 100手", table(lambda f: csv_text(f.with_columns(volume=pl.format("{}手", "volume")))))
    yield Mutant(
        "prices with a sign of currency", table(lambda f: csv_text(f.with_columns(close=pl.format("¥{}", "close"))))
    )
    for word in ("--", "-", "NULL", "None", "nan", "N/A", "#DIV/0!", "停牌", "inf"):
        for column in ("close", "float_shares", "amount"):
            yield Mutant(
                f"{column} of one name {word!r}",
                table(lambda f, w=word, c=column: csv_text(_word(f, last_day(h) & (pl.col("symbol") == ONE[0]), c, w))),
            )
    yield Mutant(
        "one cell is text",
        table(lambda f: csv_text(_word(f, last_day(h) & (pl.col("symbol") == ONE[1]), "volume", "many"))),
    )
    yield Mutant("cut in its last row", table(lambda f: csv_text(f)[:-12]))
    yield Mutant("cut at half", table(lambda f: csv_text(f)[: len(csv_text(f)) // 2]))
    yield Mutant("a line twice as long", table(lambda f: csv_text(f) + "1," * 30 + "\n"))
    yield Mutant("an unclosed quote", table(lambda f: csv_text(f).replace(",False", ',"False', 1)))
    yield Mutant(
        "zeros lost", table(lambda f: csv_text(f.with_columns(symbol=pl.col("symbol").str.strip_chars_start("0"))))
    )
    yield Mutant("header alone", table(lambda f: csv_text(f.clear())))
    yield Mutant("empty", table(lambda f: b""))
    yield Mutant("binary", table(lambda f: bytes(range(256)) * 20))
    yield Mutant("no header", table(lambda f: csv_text(f).split("\n", 1)[1]))
    yield Mutant("header twice", table(lambda f: csv_text(f).split("\n", 1)[0] + "\n" + csv_text(f)))
    yield Mutant("a column named twice", table(lambda f: _header(csv_text(f), lambda s: s.replace("open", "close"))))


def _header(text: str, change: Callable[[str], str]) -> str:
    head, rest = text.split("\n", 1)
    return f"{change(head)}\n{rest}"


def _dated(frame: Frame, pattern: str) -> Frame:
    days = [day.strftime(pattern) for day in frame["date"]]
    return frame.with_columns(date=pl.Series("date", days))


def _serial(column: str) -> pl.Expr:
    return (pl.col(column) - dt.date(1899, 12, 30)).dt.total_days()


def _words(true: str, false: str) -> pl.Expr:
    return pl.when("is_st").then(pl.lit(true)).otherwise(pl.lit(false))


def _thousands(column: str) -> pl.Expr:
    return pl.col(column).map_elements(lambda v: f"{v:,}", return_dtype=pl.String)


def _scientific(column: str, digits: int) -> pl.Expr:
    return pl.col(column).map_elements(lambda v: f"{v:.{digits}E}", return_dtype=pl.String)


def _word(frame: Frame, rows: pl.Expr, column: str, word: str) -> Frame:
    return frame.with_columns(**{column: pl.when(rows).then(pl.lit(word)).otherwise(pl.col(column).cast(pl.String))})


# --- symbols --------------------------------------------------------------------------------------------------------------

_FORMS: dict[str, Callable[[str], str]] = {
    "600101.XSHG": lambda s: s.replace(".SH", ".XSHG").replace(".SZ", ".XSHE"),
    "SH600101": lambda s: s[-2:] + s[:6],
    "sh.600101": lambda s: f"{s[-2:].lower()}.{s[:6]}",
    "sh600101": lambda s: s[-2:].lower() + s[:6],
    "600101.sh": str.lower,
    " 600101.SH ": lambda s: f" {s} ",
    "600101": lambda s: s[:6],
}
_NO_FORMS: dict[str, Callable[[str], str]] = {
    "600101.HK": lambda s: s[:6] + ".HK",
    "the other exchange": lambda s: s[:6] + (".SZ" if s.endswith("SH") else ".SH"),
    "a name": lambda s: f"company {s[3:6]}",
    "empty": lambda s: "",
    "600101.SH.1": lambda s: s + ".1",
    "7 digits": lambda s: "1" + s,
}
_WITH_SYMBOLS = ("daily_prices", "instruments", "index_weights", "industries", "fundamentals")


@family("symbols in another form")
def symbols(h: Honest) -> Iterator[Mutant]:
    for form, change in {**_FORMS, **_NO_FORMS}.items():
        value = pl.col("symbol").map_elements(change, return_dtype=pl.String)
        may = READ if form in _FORMS else ANY
        for table in _WITH_SYMBOLS:
            yield Mutant(f"{table}: {form}", edited(table, lambda f, v=value: f.with_columns(symbol=v)), may)
        yield Mutant(f"bars: {form}", bars_edited(lambda f, v=value: f.with_columns(symbol=v)), may)


# --- index tables ---------------------------------------------------------------------------------------------------------


@family("index_weights")
def index_weights(h: Honest) -> Iterator[Mutant]:
    member = pl.col("symbol") == NAMES[4]
    for name, edit in {
        "percent": lambda f: f.with_columns(pl.col("weight") * 100),
        "tenths": lambda f: f.with_columns(pl.col("weight") / 10),
        "one member gone": lambda f: f.filter(~member),
        "half of the members gone": lambda f: f.filter(pl.col("symbol").is_in(NAMES[:18])),
        "one weight × 10": where(member, weight=pl.col("weight") * 10),
        "one weight 0": where(member, weight=pl.lit(0.0)),
        "one weight null": where(member, weight=pl.lit(None, pl.Float64)),
        "one weight NaN": where(member, weight=pl.lit(float("nan"))),
        "one weight infinite": where(member, weight=pl.lit(float("inf"))),
        "one weight negative": where(member, weight=-pl.col("weight")),
        "all weights null": lambda f: f.with_columns(weight=pl.lit(None, pl.Float64)),
        "all weights equal": lambda f: f.with_columns(weight=pl.lit(1.0)),
        "a member twice, differing": lambda f: pl.concat([f, f.filter(member).with_columns(pl.col("weight") / 2)]),
        "two indices in one": lambda f: f.with_columns(index=pl.lit(INDICES[0])),
        "a later vector, partial": lambda f: pl.concat([f, f.filter(member).with_columns(date=pl.lit(h.days[-3]))]),
        "a later vector of zeros": lambda f: pl.concat(
            [f, f.with_columns(date=pl.lit(h.days[-3]), weight=pl.lit(0.0))]
        ),
        "index null": lambda f: f.with_columns(index=pl.lit(None, pl.String)),
        "date null": lambda f: f.with_columns(date=pl.lit(None, pl.Date)),
        "one date null": where(member, date=pl.lit(None, pl.Date)),
        "weights as text": lambda f: f.with_columns(weight=pl.format("{}%", pl.col("weight") * 100)),
        "no row": lambda f: f.clear(),
    }.items():
        yield Mutant(name, edited("index_weights", edit))
    yield Mutant("a member twice, the same", edited("index_weights", lambda f: pl.concat([f, f.filter(member)])), READ)
    for code in ("000905", "000905.XSHG", "399905.SZ", "SH000905", "CSI500", "中证500"):
        yield Mutant(
            f"the index as {code}",
            edited("index_weights", lambda f, c=code: f.with_columns(pl.col("index").replace({INDICES[0]: c}))),
        )


@family("index_prices")
def index_prices(h: Honest) -> Iterator[Mutant]:
    on, first = last_day(h), pl.col("index") == INDICES[0]
    for name, value in {
        "× 10": pl.col("close") * 10, "/ 10": pl.col("close") / 10, "× 1.1": pl.col("close") * 1.1, "× .95": pl.col("close") * 0.95,
        "× 100": pl.col("close") * 100, "0": pl.lit(0.0), "-1": pl.lit(-1.0), "null": pl.lit(None, pl.Float64),
        "NaN": pl.lit(float("nan")), "inf": pl.lit(float("inf")),
    }.items():  # fmt: skip
        for who, rows in (("one", on & first), ("both", on)):
            yield Mutant(f"close {name}, {who}", edited("index_prices", where(rows, close=value)))
    yield Mutant("one index's day gone", edited("index_prices", lambda f: f.filter(~(on & first))))
    yield Mutant("the day gone", edited("index_prices", lambda f: f.filter(~on)))
    yield Mutant(
        "twice, differing",
        edited("index_prices", lambda f: pl.concat([f, f.filter(on & first).with_columns(pl.col("close") + 1)])),
    )
    swapped = dict(zip(INDICES, INDICES[::-1], strict=True))
    yield Mutant("exchanged on the day", edited("index_prices", where(on, index=pl.col("index").replace(swapped))))
    yield Mutant(
        "all dates + 1", edited("index_prices", lambda f: f.with_columns(pl.col("date") + dt.timedelta(days=1)))
    )
    yield Mutant(
        "yesterday's close again",
        edited(
            "index_prices",
            lambda f: f.sort("index", "date").with_columns(
                close=pl.when(on).then(pl.col("close").shift(1).over("index") * 1.0).otherwise("close")
            ),
        ),
    )


# --- industries, instruments, fundamentals --------------------------------------------------------------------------------


@family("industries")
def industries(h: Honest) -> Iterator[Mutant]:
    one = pl.col("symbol") == ONE[0]
    for name, edit in {
        "one null": where(one, industry=pl.lit(None, pl.String)),
        "one blank": where(one, industry=pl.lit("   ")),
        "all null": lambda f: f.with_columns(industry=pl.lit(None, pl.String)),
        "start_date null, one": where(one, start_date=pl.lit(None, pl.Date)),
        "start_date null, all": lambda f: f.with_columns(start_date=pl.lit(None, pl.Date)),
        "start_date in the future": lambda f: f.with_columns(start_date=pl.lit(dt.date(2030, 1, 2))),
        "two industries on one date": lambda f: pl.concat([f, f.filter(one).with_columns(industry=pl.lit("99"))]),
        "no row": lambda f: f.clear(),
        "as a list": lambda f: f.with_columns(industry=pl.concat_list("industry")),
        "half of the names gone": lambda f: f.filter(pl.col("symbol").is_in(NAMES[::2])),
    }.items():
        yield Mutant(name, edited("industries", edit))
    yield Mutant(
        "blanks around", edited("industries", lambda f: f.with_columns(industry=pl.format(" {} ", "industry"))), READ
    )
    yield Mutant("one row twice", edited("industries", lambda f: pl.concat([f, f.filter(one)])), READ)


@family("instruments")
def instruments(h: Honest) -> Iterator[Mutant]:
    one = pl.col("symbol") == ONE[0]
    for name, edit in {
        "one gone": lambda f: f.filter(~one),
        "half gone": lambda f: f.filter(pl.col("symbol").is_in(NAMES[::2])),
        "no row": lambda f: f.clear(),
        "list_date null, one": where(one, list_date=pl.lit(None, pl.Date)),
        "list_date null, all": lambda f: f.with_columns(list_date=pl.lit(None, pl.Date)),
        "list_date in the future, one": where(one, list_date=pl.lit(dt.date(2030, 1, 2))),
        "list_date in the future, all": lambda f: f.with_columns(list_date=pl.lit(dt.date(2030, 1, 2))),
        "list_date after the first price, one": where(one, list_date=pl.lit(h.days[-5])),
        "delisted before it traded, one": where(one, delist_date=pl.lit(h.days[5])),
        "delisted before it was listed": where(one, delist_date=pl.lit(dt.date(1999, 1, 4))),
        "delist_date 0 for none": lambda f: f.with_columns(delist_date=pl.lit(0)),
        "delist_date 1900 for none": lambda f: f.with_columns(delist_date=pl.lit(dt.date(1900, 1, 1))),
        "two listings of one name": lambda f: pl.concat(
            [f, f.filter(one).with_columns(list_date=pl.lit(dt.date(2020, 1, 6)))]
        ),
        "dates as numbers of days": lambda f: f.with_columns(list_date=pl.col("list_date").to_physical()),
        "dates as milliseconds": lambda f: f.with_columns(
            list_date=pl.col("list_date").cast(pl.Datetime("ms")).dt.timestamp("ms")
        ),
    }.items():
        yield Mutant(name, edited("instruments", edit))
    yield Mutant(
        "delist_date 2999 for none",
        edited("instruments", lambda f: f.with_columns(delist_date=pl.lit(dt.date(2999, 12, 31)))),
        READ,
    )
    yield Mutant(
        "dates as 20010104",
        edited(
            "instruments", lambda f: f.with_columns(list_date=pl.col("list_date").dt.strftime("%Y%m%d").cast(pl.Int64))
        ),
        READ,
    )
    yield Mutant(
        "midnight of Shanghai in UTC",
        edited(
            "instruments",
            lambda f: f.with_columns(
                list_date=pl.col("list_date")
                .cast(pl.Datetime("us"))
                .dt.replace_time_zone("Asia/Shanghai")
                .dt.convert_time_zone("UTC")
            ),
        ),
        READ,
    )
    yield Mutant(
        "midnight of Shanghai",
        edited(
            "instruments",
            lambda f: f.with_columns(
                list_date=pl.col("list_date").cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai")
            ),
        ),
        READ,
    )
    yield Mutant(
        "midnight of Shanghai in UTC without the zone",
        edited(
            "instruments",
            lambda f: f.with_columns(list_date=pl.col("list_date").cast(pl.Datetime("us")) - dt.timedelta(hours=8)),
        ),
    )


@family("fundamentals")
def fundamentals(h: Honest) -> Iterator[Mutant]:
    one = pl.col("symbol") == ONE[0]
    latest = pl.col("period") == dt.date(2022, 12, 31)
    year_to_date = pl.col("net_profit").cum_sum().over("symbol", pl.col("period").dt.year())
    for name, edit in {
        "profits of the year so far": lambda f: f.sort("symbol", "period").with_columns(
            net_profit=year_to_date.abs() + 1e7 * pl.col("period").dt.quarter().cast(pl.Float64)
        ),
        "thousands of yuan, all": lambda f: f.with_columns(pl.col("net_profit", "equity") / 1000),
        "ten thousands of yuan, all": lambda f: f.with_columns(pl.col("net_profit", "equity") / 10_000),
        "equity in ten thousands, the latest quarter": where(latest, equity=pl.col("equity") / 10_000),
        "equity infinite, one": where(one & latest, equity=pl.lit(float("inf"))),
        "equity NaN, all": lambda f: f.with_columns(equity=pl.lit(float("nan"))),
        "profit infinite, one": where(one & latest, net_profit=pl.lit(float("inf"))),
        "period the first of a month": lambda f: f.with_columns(period=pl.col("period").dt.month_start()),
        "period null, one": where(one & latest, period=pl.lit(None, pl.Date)),
        "announced before the period's end, one": where(one & latest, announce_date=pl.lit(dt.date(2022, 12, 1))),
        "announced before the period's end, all": lambda f: f.with_columns(
            announce_date=pl.col("period") - dt.timedelta(days=20)
        ),
        "announce_date null, one": where(one & latest, announce_date=pl.lit(None, pl.Date)),
        "announce_date null, all": lambda f: f.with_columns(announce_date=pl.lit(None, pl.Date)),
        "announced years later": lambda f: f.with_columns(
            announce_date=pl.col("announce_date") + dt.timedelta(days=3650)
        ),
        "periods of one name shuffled": where(one, period=pl.col("period").reverse()),
        "two versions on one day": lambda f: pl.concat(
            [f, f.filter(one & latest).with_columns(pl.col("net_profit") * 2)]
        ),
        "no row": lambda f: f.clear(),
        "figures as text with units": lambda f: f.with_columns(
            net_profit=pl.format("{}亿", pl.col("net_profit") / 1e8)
        ),
    }.items():
        yield Mutant(name, edited("fundamentals", edit))
    yield Mutant("every row twice", edited("fundamentals", lambda f: pl.concat([f, f])), READ)


# --- bars -----------------------------------------------------------------------------------------------------------------


@family("bars: a value scaled")
def bars_scaled(h: Honest) -> Iterator[Mutant]:
    prices = ("open", "high", "low", "close")
    for factor in (10, 0.1, 0.5, 1.05, 0.97, 100):
        for who in ("one", "all"):
            scaled = {c: pl.col(c) * factor for c in prices}
            yield Mutant(f"prices × {factor:g}, {who}", bars_edited(where(whom(h, who), **scaled)))
    for column, factors in {
        "volume": (0.01, 100, 10, 2),
        "amount": (0.001, 1e-4, 10, 2),
        "close": (10, 0.5, 1.02),
        "trades": (-1,),
    }.items():
        for factor in factors:
            for who in ("one", "all"):
                dtype = h.bars[h.day].schema[column]
                value = (pl.col(column) * factor).cast(dtype)
                yield Mutant(f"{column} × {factor:g}, {who}", bars_edited(where(whom(h, who), **{column: value})))
    both = {"volume": (pl.col("volume") * 0.01).cast(pl.Int64), "amount": pl.col("amount") * 1e-4}
    yield Mutant("lots and ten thousand yuan", bars_edited(where(pl.lit(True), **both)))
    yield Mutant("closes alone, adjusted", bars_edited(lambda f: f.select("symbol", "minute", pl.col("close") * 0.93)))
    yield Mutant(
        "closes alone, one name adjusted",
        bars_edited(
            lambda f: where(whom(h, "one"), close=pl.col("close") * 0.93)(f.select("symbol", "minute", "close"))
        ),
    )
    yield Mutant(
        "32-bit floats", bars_edited(lambda f: f.with_columns(pl.col(*prices, "amount").cast(pl.Float32))), READ
    )


@family("bars: no number")
def bars_no_number(h: Honest) -> Iterator[Mutant]:
    at = pl.col("minute") == 600
    for column in ("open", "high", "low", "close", "volume", "amount"):
        for word, value in (("null", None), ("NaN", float("nan")), ("inf", float("inf")), ("-1", -1.0), ("0", 0.0)):
            for who, rows in (("one", at & whom(h, "one")), ("all", at)):

                def edit(frame: Frame, column: str = column, value: Any = value, rows: pl.Expr = rows) -> Frame:
                    return where(rows, **{column: pl.lit(value, pl.Float64)})(frame)

                yield Mutant(f"{column} = {word} at 10:00, {who}", bars_edited(edit))


@family("bars: minutes")
def bars_minutes(h: Honest) -> Iterator[Mutant]:
    minute = pl.col("minute")
    closes = ("symbol", "minute", "close")
    ends = pl.when(minute == 565).then(570).when(minute == 897).then(900).otherwise(minute + 1).cast(pl.Int32)
    for kind, columns in (("all columns", tuple(h.bars[h.day].columns)), ("closes", closes)):
        for name, edit in {
            "end labels": lambda f: f.with_columns(minute=ends),
            "an hour early": lambda f: f.with_columns(minute - 60),
            "half an hour late": lambda f: f.with_columns(minute + 30),
            "in UTC": lambda f: f.with_columns(minute - 480),
            "every fifth": lambda f: f.filter((minute % 5 == 0) | (minute >= 897)),
            "the morning alone": lambda f: f.filter(minute < 690),
            "the afternoon alone": lambda f: f.filter(minute >= 780),
            "half an hour lost": lambda f: f.filter(~minute.is_between(840, 869)),
            "the opening half hour lost": lambda f: f.filter(~minute.is_between(565, 599)),
            "closing auction lost": lambda f: f.filter(minute != 897),
            "opening auction lost": lambda f: f.filter(minute != 565),
            "as HHMM": lambda f: f.with_columns(minute=minute // 60 * 100 + minute % 60),
            "as 0 … 238": lambda f: f.with_columns(minute=pl.int_range(pl.len()).over("symbol")),
            "as seconds": lambda f: f.with_columns(minute=minute * 60),
            "one minute twice": lambda f: pl.concat([f, f.filter((minute == 600) & (pl.col("symbol") == ONE[0]))]),
            "null": lambda f: f.with_columns(minute=pl.lit(None, pl.Int32)),
        }.items():
            if (name, kind) != ("opening auction lost", "closes"):
                yield Mutant(f"{name}, {kind}", bars_edited(lambda f, e=edit, c=columns: e(f.select(c))))


@family("bars: rows and files")
def bars_rows(h: Honest) -> Iterator[Mutant]:
    one = pl.col("symbol") == ONE[0]
    for name, edit in {
        "one name gone": lambda f: f.filter(~one),
        "half of the names gone": lambda f: f.filter(pl.col("symbol").is_in(NAMES[::2])),
        "one name alone": lambda f: f.filter(one),
        "no row": lambda f: f.clear(),
        "two names exchanged": lambda f: f.with_columns(pl.col("symbol").replace({ONE[0]: ONE[1], ONE[1]: ONE[0]})),
        "high and low exchanged": lambda f: f.rename({"high": "low", "low": "high"}),
        "open and close exchanged": lambda f: f.rename({"open": "close", "close": "open"}),
        "volume and amount exchanged": lambda f: f.rename({"volume": "amount", "amount": "volume"}),
        "an unknown name": lambda f: pl.concat([f, f.filter(one).with_columns(symbol=pl.lit("600998.SH"))]),
        "one name's closes constant": where(one, close=pl.lit(10.0)),
        "no symbol": lambda f: f.drop("symbol"),
        "no minute": lambda f: f.drop("minute"),
        "no close": lambda f: f.drop("close"),
        "prices as text": lambda f: f.with_columns(close=pl.format("{}元", "close")),
        "a date of another day": lambda f: f.with_columns(date=pl.lit(h.days[-2])),
    }.items():
        yield Mutant(name, bars_edited(edit))
    for name, edit in {
        "shuffled": lambda f: f.sample(fraction=1.0, shuffle=True, seed=3),
        "columns in another order": lambda f: f.select(reversed(f.columns)),
        "a column more": lambda f: f.with_columns(vwap=pl.col("amount") / pl.col("volume")),
        "its own date": lambda f: f.with_columns(date=pl.lit(h.day)),
        "rows of other securities": lambda f: pl.concat([f, f.filter(one).with_columns(symbol=pl.lit("510300.SH"))]),
        "empty minutes left out": lambda f: f.filter(pl.col("volume") > 0),
        "volume as floats": lambda f: f.with_columns(pl.col("volume", "trades").cast(pl.Float64)),
    }.items():
        yield Mutant(name, bars_edited(edit), READ)

    def yesterday(root: Path, h: Honest) -> None:
        shutil.copy(root / "bars" / f"{h.days[-2]:%Y%m%d}.parquet", bars_of(root, h))

    def cut(root: Path, h: Honest, share: float) -> None:
        data = bars_of(root, h).read_bytes()
        bars_of(root, h).write_bytes(data[: int(len(data) * share)])

    def flipped(root: Path, h: Honest, seed: int) -> None:
        data = bytearray(bars_of(root, h).read_bytes())
        position = random.Random(seed).randrange(len(data))
        data[position] ^= 1 << seed % 8
        bars_of(root, h).write_bytes(bytes(data))

    def text(root: Path, h: Honest) -> None:
        bars_of(root, h).write_text(csv_text(h.bars[h.day]))

    yield Mutant("yesterday's file under this day's name", yesterday)
    yield Mutant("CSV under the name of Parquet", text)
    for share in (0.0, 0.01, 0.5, 0.99):
        yield Mutant(f"cut at {share:.0%}", functools.partial(cut, share=share))
    for seed in range(6):
        yield Mutant(f"a bit flipped, {seed}", functools.partial(flipped, seed=seed))


@family("files of the landing zone")
def files(h: Honest) -> Iterator[Mutant]:
    def at(name: str, data: bytes) -> Callable[[Path, Honest], None]:
        def apply(root: Path, h: Honest) -> None:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        return apply

    for name in (
        "bars/.DS_Store",
        "bars/Thumbs.db",
        "reference/~$daily_prices.xlsx",
        "reference/notes.txt",
        "readme.md",
    ):
        yield Mutant(f"litter: {name}", at(name, b"litter"), READ)
    day = f"{h.day:%Y%m%d}"
    for name in (
        f"bars/{day} (1).parquet",
        "bars/20230513.parquet",
        "bars/latest.parquet",
        "ticks/latest/a.csv",
        "ticks/20230514/a.csv",
    ):
        yield Mutant(f"stray: {name}", at(name, b"stray"))
    for name, data in {
        "empty": b"",
        "a list": b"[1]",
        "GBK": '{"name": "市场"}'.encode("gbk"),
        "text": b"market",
        "a number": b"5",
    }.items():
        yield Mutant(f"market.json: {name}", at("market.json", data))
    for table in ("daily_prices", "instruments", "industries", "fundamentals", "index_weights", "index_prices"):
        yield Mutant(f"{table}: an empty file", at(f"reference/{table}.parquet", b""))
        yield Mutant(f"{table}: no Parquet", at(f"reference/{table}.parquet", b"PAR1 no more"))
        yield Mutant(
            f"{table}: delivered in two forms", at(f"reference/{table}.csv", csv_text(h.tables[table]).encode())
        )


def all_mutants(h: Honest) -> dict[str, list[Mutant]]:
    """Family → its mutants."""
    return {name: list(make(h)) for name, make in FAMILIES.items()}
