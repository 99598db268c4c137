"""Changes of a stock's code, and mergers: the present code of a row of an earlier day (pure functions).

This module selects the usable rows of reference/code_changes, renames symbols from one day to a later one, and lists the mergers of
a span of days. resources/landing.py reads the table, resources/builder.py passes renamed rows to the tables, and the portfolios
convert holdings.

A row states that from `date` on, the code `old` is continued as `new`, with `ratio` new shares for each old share. `date` is the
first day on which `old` no longer exists, and the day on which the change becomes known.

- A **change of code** (`ratio` 1 or absent): the company continues under another code. Its earlier rows are read under the new
  code. The new code had no rows before.
- A **merger** (`ratio` other than 1, or `merger` true): `old` is absorbed by `new`, which has its own history. The histories are not
  joined; holders of the old share receive new shares.

Rows of a partition of day k that are read on day d are renamed by the changes dated after k and not after d, in the order of their
dates. Changes of one date apply at the same time, so that two stocks may swap their codes. Changes after d do not apply.
"""

import datetime as dt
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Any, TypeVar

import polars as pl

from resources.reasons import Code, Reason
from resources.reference_forms import SYMBOL_FORM, UNREADABLE, VALUE_MISSING

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

SYMBOL = r"^\d{6}\.[A-Z]{2}$"
SCHEMA = {"old": pl.String, "new": pl.String, "date": pl.Date, "ratio": pl.Float64, "merger": pl.Boolean}
REPEATED = Code("repeated")
SAME_CODE = Code("same_code")
NO_RATIO = Code("no_ratio")
SEVERAL_NEW_CODES = Code("several_new_codes", ("symbol",))
ENDED_BEFORE = Code("ended_before", ("symbol", "date"))
MERGED_INTO_NOTHING = Code("merged_into_nothing", ("symbol",))
SEVERAL_OLD_CODES = Code("several_old_codes", ("symbol",))
CODE_IS_TAKEN = Code("code_is_taken", ("symbol",))


@dataclass(frozen=True, order=True)
class Change:
    """From `date` on, `old` is continued as `new`: `ratio` new shares for each old one."""

    date: dt.date
    old: str
    new: str
    ratio: float = 1.0
    merger: bool = False


@dataclass(frozen=True)
class Renames:
    """The renaming of the symbols of one earlier day.

    code: earlier → present code. void: codes that no stock had then; rows under them contradict a change and are left out.
    """

    code: Mapping[str, str] = field(default_factory=dict)
    void: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.code or self.void)

    def apply(self, frame: Frame, column: str = "symbol") -> Frame:
        """Rename the symbols of a frame; the order of the rows stays. A frame without the column is returned unchanged."""
        if not self or column not in frame.collect_schema():
            return frame
        if self.void:
            frame = frame.filter(~pl.col(column).is_in(sorted(self.void)) | pl.col(column).is_null())
        return frame.with_columns(pl.col(column).replace(dict(self.code))) if self.code else frame


NONE = Renames()


@dataclass(frozen=True, eq=False)
class CodeChanges:
    """All usable changes in the order of their dates, and the unusable rows with their `reason` (`Reason.dumps`)."""

    changes: tuple[Change, ...] = ()
    aside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={**SCHEMA, "reason": pl.String}))

    def __bool__(self) -> bool:
        return bool(self.changes)

    @functools.cached_property
    def dates(self) -> list[dt.date]:
        """The days on which codes change, ascending."""
        return sorted({change.date for change in self.changes})

    def until(self, date: dt.date) -> "CodeChanges":
        """The changes that are known at the close of `date`."""
        if not self.changes and self.aside.is_empty():
            return self
        known = tuple(change for change in self.changes if change.date <= date)
        return CodeChanges(known, self.aside.filter(pl.col("date") <= date))

    def between(self, after: dt.date, until: dt.date) -> tuple[Change, ...]:
        """The changes dated after `after` and not after `until`."""
        return tuple(change for change in self.changes if after < change.date <= until)

    def mergers(self, after: dt.date, until: dt.date) -> tuple[Change, ...]:
        """The mergers dated after `after` and not after `until`, with `new` under its code on `until`."""
        return tuple(
            replace(change, new=self.renames(change.date, until).code.get(change.new, change.new))
            for change in self.between(after, until)
            if change.merger
        )

    def renames(self, after: dt.date, until: dt.date) -> Renames:
        """The renaming from the codes of the day `after` to those of the day `until`."""
        if not any(after < date <= until for date in self.dates):
            return NONE
        return _renames(self.changes, after, until)

    def gone(self, date: dt.date) -> dict[str, Change]:
        """The codes that no stock has on `date` because of a change, each with that change."""
        taken: dict[str, Change] = {}
        for _, group in _by_date(change for change in self.changes if change.date <= date):
            for change in group:
                taken[change.old] = change
            for change in group:
                if not change.merger:
                    taken.pop(change.new, None)
        return taken

    def first_days(self, days: Mapping[str, dt.date], until: dt.date) -> dict[str, dt.date]:
        """The earliest of `days` (code → day) over all codes that a stock has had, by its code on `until`. Other codes keep their day."""
        code, first = self.renames(dt.date.min, until).code, dict(days)
        for earlier, present in code.items():
            if earlier in days:
                first[present] = min(days[earlier], first.get(present, dt.date.max))
        return first

    def rename_history(self, frame: pl.DataFrame, known: str, until: dt.date, *, late: bool = False) -> pl.DataFrame:
        """Rename a history, sorted by the date column `known`, to the codes of the day `until`.

        late: whether rows dated after a change that still have the old code are renamed too, as in lists in which a vendor keeps a
        company's former code.
        """
        borders = [date for date in self.dates if date <= until]
        if not borders or frame.is_empty():
            return frame
        days = frame[known]
        cuts = [0, *(int(days.search_sorted(date, side="left")) for date in borders), frame.height]
        parts = []
        for (first, end), start in zip(pairwise(cuts), [dt.date.min, *borders], strict=True):
            renames = self.renames(start, until)
            if late and start != dt.date.min:
                follow = {
                    old: self.renames(change.date, until).code.get(change.new, change.new)
                    for old, change in self.gone(start).items()
                    if not change.merger
                }
                renames = Renames({**renames.code, **follow}, renames.void - set(follow))
            parts.append(renames.apply(frame[first:end]))
        return pl.concat(parts)

    def continue_listings(self, instruments: pl.DataFrame, until: dt.date) -> pl.DataFrame:
        """The rows of reference/instruments as of `until`: a stock is listed from the list_date of its first code on.

        Codes that a change ended have no row. A present code without a row takes the row of the stock's last code without its
        delist_date, because only the code ended.
        """
        known = self.until(until).changes
        if not known:
            return instruments
        own = {row["symbol"]: row for row in instruments.iter_rows(named=True)}
        touched = sorted({code for change in known for code in (change.old, change.new)})
        for _, group in _by_date(known):
            before, left = dict(own), {change.old for change in group}
            for code in left:
                own.pop(code, None)
            for change in group:
                if change.merger or change.old not in before:
                    continue
                old, new = before[change.old], before.get(change.new)
                starts = [old["list_date"]]
                if new is None:
                    new = {**old, "delist_date": None}
                elif change.new not in left and new["list_date"] is not None:
                    starts.append(new["list_date"])
                own[change.new] = {**new, "symbol": change.new, "list_date": min(filter(None, starts), default=None)}
        kept = instruments.filter(~pl.col("symbol").is_in(touched) | pl.col("symbol").is_null())
        rows = [own[code] for code in touched if code in own]
        return pl.concat([kept, pl.DataFrame(rows, schema=instruments.schema)])


def sift_changes(rows: pl.DataFrame) -> CodeChanges:
    """Split the rows of reference/code_changes (old, new, date, ratio, merger) into usable ones and others with a reason.

    Whether a row is usable depends only on rows of its own and of earlier dates, so that a later row changes nothing that is
    built. An absent ratio is 1. An absent merger is whether the ratio differs from 1.
    """
    usable: list[Change] = []
    aside: list[tuple[Any, ...]] = []
    gone: dict[str, dt.date] = {}  # codes that a change ended → the day
    present: set[str] = set()  # new codes of earlier changes that a stock still has
    if UNREADABLE in rows.columns:  # an unreadable ratio must not count as an absent one
        unreadable = rows.filter(pl.col(UNREADABLE).is_not_null())
        aside += unreadable.select(*SCHEMA, UNREADABLE).rows()
        rows = rows.filter(pl.col(UNREADABLE).is_null())
    ordered = rows.select(SCHEMA.keys()).sort("date", "old", "new", nulls_last=True, maintain_order=True)
    for _, group in groupby(ordered.iter_rows(), key=lambda row: row[2]):
        candidates: dict[tuple[Any, ...], Change] = {}
        for row in group:
            if reason := REPEATED() if row in candidates else _fault(row):
                aside.append((*row, reason.dumps()))
                continue
            old, new, date, ratio, merger = row
            ratio = 1.0 if ratio is None else ratio
            candidates[row] = Change(date, old, new, ratio, ratio != 1.0 if merger is None else merger)
        same_day = list(candidates.values())
        accepted: list[Change] = []
        for row, change in candidates.items():
            if reason := _conflict(change, same_day, gone, present):
                aside.append((*row, reason.dumps()))
            else:
                accepted.append(change)
        for change in accepted:
            gone[change.old] = change.date
            present.discard(change.old)
        for change in accepted:
            if not change.merger:
                gone.pop(change.new, None)
                present.add(change.new)
        usable += accepted
    return CodeChanges(tuple(sorted(usable)), pl.DataFrame(aside, schema={**SCHEMA, "reason": pl.String}, orient="row"))


def _fault(row: tuple[Any, ...]) -> Reason | None:
    """The reason why a row is not usable by itself; None where it is."""
    old, new, date, ratio, _ = row
    for name, code in (("old", old), ("new", new)):
        if code is None or not pl.Series([code]).str.contains(SYMBOL).item():
            return SYMBOL_FORM(column=name)
    if date is None:
        return VALUE_MISSING(column="date")
    if old == new:
        return SAME_CODE()
    if ratio is not None and not 0.0 < ratio < float("inf"):
        return NO_RATIO()
    return None


def _conflict(change: Change, same_day: list[Change], gone: Mapping[str, dt.date], present: set[str]) -> Reason | None:
    """The reason why a change contradicts those of its day or earlier ones, given the codes gone and present then; None if none."""
    leaving = [one.old for one in same_day]
    if leaving.count(change.old) > 1:
        return SEVERAL_NEW_CODES(symbol=change.old)
    if change.old in gone:
        return ENDED_BEFORE(symbol=change.old, date=gone[change.old])
    if change.merger:
        ended = change.new in gone or change.new in leaving
        return MERGED_INTO_NOTHING(symbol=change.new) if ended else None
    if [one.new for one in same_day if not one.merger].count(change.new) > 1:
        return SEVERAL_OLD_CODES(symbol=change.new)
    if change.new in present and change.new not in leaving:
        return CODE_IS_TAKEN(symbol=change.new)
    return None


def _by_date(changes: Iterable[Change]) -> list[tuple[dt.date, list[Change]]]:
    return [(date, list(group)) for date, group in groupby(sorted(changes), key=lambda change: change.date)]


@functools.lru_cache(maxsize=4096)
def _renames(changes: tuple[Change, ...], after: dt.date, until: dt.date) -> Renames:
    now: dict[str, str] = {}  # earlier code → present code
    void: set[str] = set()
    for _, group in _by_date(change for change in changes if after < change.date <= until):
        step = {change.old: change.new for change in group if not change.merger}
        left = {change.old for change in group}
        for code in (*step, *step.values()):
            now.setdefault(code, code)
        # A row under a code that another stock is continued as, and that its own stock does not leave, contradicts the change.
        void |= {code for code, at in now.items() if at in set(step.values()) - left and code not in void}
        now = {code: step.get(at, at) for code, at in now.items()}
    return Renames({code: at for code, at in now.items() if code != at and code not in void}, frozenset(void))
