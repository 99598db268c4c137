"""The exchanges' rules in force on one day, with the queries that stages need (SPEC §1, §6).

This module selects the rows of the rulebook that are in force on a day, and answers queries about boards of symbols, after-hours
trading, lots, fees and price limits in percent and in cents. The rows are in resources/settings/rulebook.py.

A rulebook contains no rule dated after its day and no kind of rule that its reader did not declare. The version of a partition
therefore covers every rule that the partition can be made from.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from resources.errors import SettingsError
from resources.settings.rulebook import A_SHARES, KINDS, MAIN, Lot, Rule, RulebookSettings

__all__ = [
    "A_SHARES",
    "KINDS",
    "MAIN",
    "Newest",
    "Rulebook",
    "age_in_days",
    "describe_idle_rules",
    "describe_rulebook",
    "limit_cents",
]


@dataclass(frozen=True)
class Newest:
    """The newest rule in force on a day: its kind and its row."""

    kind: str
    rule: Rule


class Rulebook:
    """The rules in force on `date`.

    >>> rules = Rulebook.on(dt.date(2026, 7, 6))
    >>> pl.select(symbol=pl.Series(["689009.SH", "920002.BJ", "000001.SH"])).select(rules.board())["symbol"].to_list()
    ['star', 'beijing', None]
    """

    def __init__(self, date: dt.date, rows: dict[str, tuple[Any, ...]]):
        self.date, self._rows = date, rows

    @classmethod
    def on(cls, date: dt.date, settings: RulebookSettings | None = None, kinds: Iterable[str] = KINDS) -> "Rulebook":
        """Select the rows of `kinds` that are in force on `date`, oldest first; from the shipped table where `settings` is None."""
        table = settings or RulebookSettings()
        return cls(date, {kind: _in_force(getattr(table, kind), date) for kind in kinds})

    def until(self, date: dt.date) -> "Rulebook":
        """Select the rules that are in force on an earlier day."""
        return Rulebook(date, {kind: _in_force(rows, date) for kind, rows in self._rows.items()})

    def rows(self, kind: str) -> tuple[Any, ...]:
        """The rows of a kind in force, oldest first.

        Raises:
            KeyError: the reading table does not declare this kind.
        """
        if kind not in self._rows:
            raise KeyError(f"the table does not declare rules of the kind {kind!r}")
        return self._rows[kind]

    def decisive(self) -> dict[str, list[dict[str, Any]]]:
        """The rows in force by kind, in JSON's types and without their sources, on which results depend."""
        return {
            kind: [row.model_dump(mode="json", exclude={"source"}) for row in rows] for kind, rows in self._rows.items()
        }

    def newest(self) -> Newest | None:
        """The newest rule in force; among rules of the same day the last in the order of KINDS. None where there is none."""
        found = [(row.since, n, kind, row) for n, kind in enumerate(self._rows) for row in self._rows[kind]]
        if not found:
            return None
        _, _, kind, row = max(found, key=lambda one: one[:2])
        return Newest(kind, row)

    # --- boards -----------------------------------------------------------------------------------------------------

    def board(self, symbol: str = "symbol") -> pl.Expr:
        """An expression for the board of a symbol column, with the column's name; null where the code belongs to no board."""
        text = pl.col(symbol)
        code = text.str.slice(0, 6).cast(pl.Int64, strict=False)
        whole = text.str.contains(r"^\d{6}\.[A-Z]{2}$")
        found = pl.lit(None, pl.String)
        for row in self.rows("boards"):
            own = whole & (text.str.slice(7) == row.exchange) & code.is_between(row.first, row.last)
            found = pl.when(own).then(pl.lit(row.board)).otherwise(found)
        return found.alias(symbol)

    def boards_of(self, symbols: Sequence[str]) -> list[str | None]:
        """The board of each symbol; None where the code belongs to no board."""
        return pl.select(symbol=pl.Series(list(symbols), dtype=pl.String)).select(self.board())["symbol"].to_list()

    def is_a_share(self, symbol: str = "symbol") -> pl.Expr:
        """An expression for whether a symbol is a share on a board of the Shanghai or Shenzhen exchange."""
        return self.board(symbol).is_in(list(A_SHARES)).fill_null(False)

    def codes(self, exchange: str, boards: Iterable[str] = A_SHARES) -> tuple[tuple[int, int], ...]:
        """The lowest and the highest code of each range that an exchange uses for `boards`, ascending."""
        wanted = set(boards)
        own = (row for row in self.rows("boards") if row.exchange == exchange and row.board in wanted)
        return tuple(sorted({(row.first, row.last) for row in own}))

    # --- hours ------------------------------------------------------------------------------------------------------

    def after_hours_boards(self) -> tuple[str, ...]:
        """The boards that trade after hours, in the order of A_SHARES."""
        return tuple(board for board in A_SHARES if (row := self._of("after_hours", board)) is not None and row.traded)

    def has_closing_auction(self, exchange: str) -> bool:
        """Whether the exchange (SH, SZ) closes with a call auction."""
        rows = [row for row in self.rows("closing_auctions") if exchange in row.exchanges]
        return bool(rows) and rows[-1].held

    # --- orders and fees --------------------------------------------------------------------------------------------

    def lot(self, board: str) -> Lot:
        """The smallest order and the step of a board, in shares.

        Raises:
            SettingsError: no row for the board is in force.
        """
        row = self._of("lots", board)
        if row is None:
            raise SettingsError(
                f"rulebook.lots has no row for {board} in force on {self.date}. Add the row that was in force then to the settings."
            )
        return row

    def costs(self) -> tuple[float, float]:
        """The cost of a buy and of a sell as fractions of the traded value, from the latest row in force of each fee.

        Raises:
            SettingsError: no fee is in force.
        """
        latest = {row.name: row for row in self.rows("fees")}
        if not latest:
            raise SettingsError(
                f"rulebook.fees has no row in force on {self.date}. Add the rows that were in force then, or turn "
                "portfolios.execution.dated_fees off."
            )
        buys = sum(row.rate for row in latest.values() if row.sides != "sells")
        sells = sum(row.rate for row in latest.values() if row.sides != "buys")
        return buys, sells

    # --- price limits -----------------------------------------------------------------------------------------------

    def limit_percents(self) -> tuple[pl.Expr, pl.Expr]:
        """Expressions for the limits up and down in whole percent; null where there is no limit or none is known (SPEC §6).

        They read the columns board, is_st, list_date, listed_days and delisting_day. listed_days is 1 on the listing day; where it is
        null, the listing and hence the limit are not known. delisting_day is 1 on the first day of the delisting period, counts up,
        and is null outside it.
        """
        percent = pl.when("is_st").then(self._by_board("st_percent")).otherwise(self._by_board("percent"))
        for board in A_SHARES:
            delisting = self._of("delisting_limits", board)
            if delisting is not None:
                leaving = (pl.col("board") == board) & pl.col("delisting_day").is_not_null()
                limit = pl.when(pl.col("delisting_day") > delisting.free_days).then(pl.lit(delisting.percent, pl.Int64))
                percent = pl.when(leaving).then(limit).otherwise(percent)
        up: pl.Expr = pl.when(pl.col("listed_days").is_not_null()).then(percent)
        down = up
        for board in A_SHARES:
            rows = [row for row in self.rows("listing_limits") if board in row.boards]
            for n, row in enumerate(rows):
                until = min((other.since for other in rows[n + 1 :]), default=dt.date.max)
                first_days = (
                    (pl.col("board") == board)
                    & pl.col("list_date").is_between(row.since, until, closed="left")
                    & (pl.col("listed_days") <= row.days)
                )
                up = pl.when(first_days).then(pl.lit(row.up_percent, pl.Int64)).otherwise(up)
                down = pl.when(first_days).then(pl.lit(row.down_percent, pl.Int64)).otherwise(down)
        return up, down

    def _by_board(self, field: str) -> pl.Expr:
        known = {
            board: getattr(row, field) for board in A_SHARES if (row := self._of("price_limits", board)) is not None
        }
        return pl.col("board").replace_strict(known, default=None, return_dtype=pl.Int64)

    def _of(self, kind: str, board: str) -> Any:
        """The row in force for a board; None where there is none."""
        return next((row for row in reversed(self.rows(kind)) if board in row.boards), None)


def limit_cents(pre_close: Any, up_percent: Any, down_percent: Any) -> tuple[Any, Any]:
    """Compute limit-up and limit-down in whole cents from pre_close in cents; ints or integer expressions (SPEC §6).

    The limits are pre_close × (1 ± percent / 100) with half a cent rounded up, at least one cent away from pre_close, and never below
    one cent.

    >>> limit_cents(1005, 10, 10), limit_cents(4, 10, 5)
    ((1106, 905), (5, 3))
    """
    rise = (pre_close * up_percent + 50) // 100
    fall = pre_close - (pre_close * (100 - down_percent) + 50) // 100
    low = pre_close - fall - 1 * (fall == 0)
    return pre_close + rise + 1 * (rise == 0), low + 1 * (low == 0)


def age_in_days(settings: RulebookSettings, date: dt.date) -> int:
    """The days from the newest row in force on `date`, or from `reviewed` if that is later, to `date`; at least 0."""
    newest = Rulebook.on(date, settings).newest()
    return max(0, (date - max(settings.reviewed, newest.rule.since if newest else settings.reviewed)).days)


def describe_rulebook(settings: RulebookSettings, date: dt.date) -> dict[str, Any]:
    """Describe the rulebook on `date` for the report, in JSON's types.

    newest: kind and row of the newest rule in force, or None. lots: board, smallest order and step for the boards that have a row.
    added: kind and row of each rule in force that is not shipped. too_old_days: the table's age in days where it is above
    `warn_after_days`, else None.
    """
    rules, shipped = Rulebook.on(date, settings), RulebookSettings()
    newest, age = rules.newest(), age_in_days(settings, date)
    added = [(kind, row) for kind in KINDS for row in rules.rows(kind) if row not in getattr(shipped, kind)]
    return {
        "newest": None if newest is None else {"kind": newest.kind, **newest.rule.model_dump(mode="json")},
        "lots": [
            [board, rules.lot(board).least, rules.lot(board).step]
            for board in A_SHARES
            if any(board in row.boards for row in rules.rows("lots"))
        ],
        "added": [{"kind": kind, **row.model_dump(mode="json")} for kind, row in added],
        "too_old_days": age if age > settings.warn_after_days else None,
    }


def describe_idle_rules(settings: RulebookSettings, date: dt.date, dated_fees: bool) -> list[str]:
    """Describe a user's rules that are not in force on `date` yet, and fees that are not charged because `dated_fees` is off.

    A run prints these lines. The report cannot contain them, because a rule dated later makes no partition stale.
    """
    own = [row for row in _own(settings) if dated_fees or row[0] != "fees"]
    coming = [f"rulebook.{kind} since {row.since} ({_about(row)})" for kind, row in own if row.since > date]
    fees = [f"{row.name} since {row.since}" for kind, row in _own(settings) if kind == "fees" and not dated_fees]
    lines = [f"declared and not in force by {date}: {'; '.join(coming)}"] if coming else []
    if fees:
        lines.append(
            f"warning: portfolios.execution.dated_fees is off, so that your rows of rulebook.fees are not charged ({'; '.join(fees)}). "
            "From their day on they make portfolios stale nevertheless. Turn dated_fees on, or remove the rows."
        )
    return lines


def _own(settings: RulebookSettings) -> list[tuple[str, Any]]:
    """The kind and the row of each rule that is not shipped, oldest first."""
    shipped = RulebookSettings()
    rows = [(kind, row) for kind in KINDS for row in getattr(settings, kind) if row not in getattr(shipped, kind)]
    return sorted(rows, key=lambda one: one[1].since)


def _about(row: Any) -> str:
    """The subject of a rule: boards, exchanges, the board of codes, or a fee's name."""
    several = getattr(row, "boards", None) or getattr(row, "exchanges", None)
    return ", ".join(several) if several else getattr(row, "board", None) or row.name


def _in_force(rows: Iterable[Any], date: dt.date) -> tuple[Any, ...]:
    return tuple(sorted((row for row in rows if row.since <= date), key=lambda row: row.since))
