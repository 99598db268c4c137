"""Changes of a stock's code, and mergers: which code a row of an earlier day stands under today (pure).

Here: which rows of reference/code_changes can be used, the renaming of symbols from one day to a later one, and the mergers
of a span of days. Not here: reading the table (resources/landing.py), handing out renamed rows (resources/builder.py) and
what becomes of holdings (assets/portfolios/week/mergers.py).

A row says: from `date` on, the name `old` is continued as `new`, `ratio` new shares for each old share. `date` is the first
day on which `old` no longer exists, and the day on which the change becomes known.

- A **change of code** (`ratio` 1 or absent): the company goes on under another code. Its earlier rows are read under the new
  code. The new code had no rows of its own before.
- A **merger** (`ratio` other than 1, or `merger` true): `old` is absorbed by `new`, which has a history of its own. Nothing
  is joined; holders of the old share receive new shares.

Rows of a partition of day k that are read on day d are renamed by the changes dated after k and not after d, in the order
of their dates; changes of one date hold at once, so that two names may swap their codes. What is dated after d takes no part.
"""

import datetime as dt
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import TypeVar

import polars as pl

from resources.reference_forms import UNREADABLE

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

SYMBOL = r"^\d{6}\.[A-Z]{2}$"
SCHEMA = {"old": pl.String, "new": pl.String, "date": pl.Date, "ratio": pl.Float64, "merger": pl.Boolean}
REPEATED = "delivered more than once, every time the same"


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
    """What becomes of the symbols of one earlier day. code: earlier → present code. void: codes that belonged to nobody then,
    so that rows under them contradict a change; they are left out."""

    code: Mapping[str, str] = field(default_factory=dict)
    void: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.code or self.void)

    def apply(self, frame: Frame, column: str = "symbol") -> Frame:
        """The rows under their present codes, in the order they stand in; a frame without the column as it is."""
        if not self or column not in frame.collect_schema():
            return frame
        if self.void:
            frame = frame.filter(~pl.col(column).is_in(sorted(self.void)) | pl.col(column).is_null())
        return frame.with_columns(pl.col(column).replace(dict(self.code))) if self.code else frame


NONE = Renames()


@dataclass(frozen=True, eq=False)
class CodeChanges:
    """All usable changes by date, and the rows that cannot be used, with their `reason`."""

    changes: tuple[Change, ...] = ()
    aside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={**SCHEMA, "reason": pl.String}))

    def __bool__(self) -> bool:
        return bool(self.changes)

    @functools.cached_property
    def dates(self) -> list[dt.date]:
        """The days on which codes change, ascending."""
        return sorted({change.date for change in self.changes})

    def until(self, date: dt.date) -> "CodeChanges":
        """What is known at the close of `date`."""
        if not self.changes and self.aside.is_empty():
            return self
        known = tuple(change for change in self.changes if change.date <= date)
        return CodeChanges(known, self.aside.filter(pl.col("date") <= date))

    def between(self, after: dt.date, until: dt.date) -> tuple[Change, ...]:
        """The changes dated after `after` and not after `until`."""
        return tuple(change for change in self.changes if after < change.date <= until)

    def mergers(self, after: dt.date, until: dt.date) -> tuple[Change, ...]:
        """The mergers among them, `new` under the code that it has on `until`."""
        return tuple(
            replace(change, new=self.renames(change.date, until).code.get(change.new, change.new))
            for change in self.between(after, until)
            if change.merger
        )

    def renames(self, after: dt.date, until: dt.date) -> Renames:
        """From the codes of the day `after` to those of the day `until`."""
        if not any(after < date <= until for date in self.dates):
            return NONE
        return _renames(self.changes, after, until)

    def gone(self, date: dt.date) -> dict[str, Change]:
        """Codes that nobody has on `date`, because a change took them away → that change."""
        taken: dict[str, Change] = {}
        for _, group in _by_date(change for change in self.changes if change.date <= date):
            for change in group:
                taken[change.old] = change
            for change in group:
                if not change.merger:
                    taken.pop(change.new, None)
        return taken

    def first_days(self, days: Mapping[str, dt.date], until: dt.date) -> dict[str, dt.date]:
        """Code on `until` → the earliest of the `days` (code → day) of all codes that its name has had; other codes as they are."""
        code, first = self.renames(dt.date.min, until).code, dict(days)
        for earlier, present in code.items():
            if earlier in days:
                first[present] = min(days[earlier], first.get(present, dt.date.max))
        return first

    def rename_history(self, frame: pl.DataFrame, known: str, until: dt.date, *, late: bool = False) -> pl.DataFrame:
        """A history sorted by the date column `known`, each row under the code that its name has on `until`.

        late: rows dated after a change and still under the code it took away count as the new code's, as in lists that a
        vendor keeps by a company's former code; otherwise they stay as they are.
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
        """reference/instruments as of `until`: a name is listed since its first code was, and ends as its present code does.

        Codes that were taken away have no row. A present code without a row of its own takes that of its last one, without
        its end: what ended was the code.
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
    """The rows of reference/code_changes (old, new, date, ratio, merger), parted into usable ones and others with a reason.

    Whether a row is usable depends on rows of its own and of earlier dates alone, so that a later row changes nothing that is
    built. Absent ratio: 1. Absent merger: whether the ratio differs from 1.
    """
    usable: list[Change] = []
    aside: list[tuple] = []
    gone: dict[str, dt.date] = {}  # codes taken away → since when
    present: set[str] = set()  # codes that a change led to and that are still somebody's
    if UNREADABLE in rows.columns:  # a ratio that cannot be read is not an absent one
        unreadable = rows.filter(pl.col(UNREADABLE).is_not_null())
        aside += unreadable.select(*SCHEMA, UNREADABLE).rows()
        rows = rows.filter(pl.col(UNREADABLE).is_null())
    ordered = rows.select(SCHEMA.keys()).sort("date", "old", "new", nulls_last=True, maintain_order=True)
    for _, group in groupby(ordered.iter_rows(), key=lambda row: row[2]):
        candidates: dict[tuple, Change] = {}
        for row in group:
            if reason := REPEATED if row in candidates else _fault(row):
                aside.append((*row, reason))
                continue
            old, new, date, ratio, merger = row
            ratio = 1.0 if ratio is None else ratio
            candidates[row] = Change(date, old, new, ratio, ratio != 1.0 if merger is None else merger)
        same_day = list(candidates.values())
        accepted: list[Change] = []
        for row, change in candidates.items():
            if reason := _conflict(change, same_day, gone, present):
                aside.append((*row, reason))
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


def _fault(row: tuple) -> str:
    old, new, date, ratio, _ = row
    for name, code in (("old", old), ("new", new)):
        if code is None or not pl.Series([code]).str.contains(SYMBOL).item():
            return f"{name} is not of the form 600519.SH"
    if date is None:
        return "date is missing"
    if old == new:
        return "old and new are the same code"
    if ratio is not None and not 0.0 < ratio < float("inf"):
        return "ratio is not a number above 0"
    return ""


def _conflict(change: Change, same_day: list[Change], gone: Mapping[str, dt.date], present: set[str]) -> str:
    """Why a change cannot hold beside those of its day and the earlier ones: codes gone and present then; "" if it can."""
    leaving = [one.old for one in same_day]
    if leaving.count(change.old) > 1:
        return f"{change.old} is continued as more than one code on the same day"
    if change.old in gone:
        return f"{change.old} is nobody's code since {gone[change.old]}, when a change took it away"
    if change.merger:
        taken = change.new in gone or change.new in leaving
        return f"{change.new} is nobody's code on that day: name the code that it was changed to" if taken else ""
    if [one.new for one in same_day if not one.merger].count(change.new) > 1:
        return f"more than one name is continued as {change.new} on the same day: of a merger say so (merger = true)"
    if change.new in present and change.new not in leaving:
        return f"{change.new} is another name's code since an earlier change: of a merger say so (merger = true)"
    return ""


def _by_date(changes: Iterable[Change]) -> list[tuple[dt.date, list[Change]]]:
    return [(date, list(group)) for date, group in groupby(sorted(changes), key=lambda change: change.date)]


@functools.lru_cache(maxsize=4096)
def _renames(changes: tuple[Change, ...], after: dt.date, until: dt.date) -> Renames:
    now: dict[str, str] = {}  # earlier code → the code it has come to
    void: set[str] = set()
    for _, group in _by_date(change for change in changes if after < change.date <= until):
        step = {change.old: change.new for change in group if not change.merger}
        left = {change.old for change in group}
        for code in (*step, *step.values()):
            now.setdefault(code, code)
        # Who stands under a code that a name is continued as, and does not leave it, cannot be.
        void |= {code for code, at in now.items() if at in set(step.values()) - left and code not in void}
        now = {code: step.get(at, at) for code, at in now.items()}
    return Renames({code: at for code, at in now.items() if code != at and code not in void}, frozenset(void))
