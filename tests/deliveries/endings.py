"""What becomes of a damaged delivery: it is built beside the honest one, and every figure is compared.

Here: building, comparing, naming the outcome. Not here: the honest market (honest.py) and the damage (mutations.py).

The days before the damage lie built in a lake that is copied for each mutant, so that only what the damage makes stale is made
again.
"""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from orchestration.platform import PROFILES, Names, open_builder
from resources.builder import Builder
from resources.errors import ZhoubaoError
from resources.reasons import Reason
from resources.settings.load import Profile, load_profile
from tests.deliveries.honest import NAMES, Honest

REFERENCE_TABLES = ("daily_prices", "securities", "indices")
MINUTE_TABLES = ("tape_health", "order_sizes", "minute_bars", "day_indicators", "styles")
COMPARED = ("daily_prices", "securities", "indices", "minute_bars", "day_indicators", "styles")
CROSS_SECTIONAL = frozenset({"styles"})  # one name set aside moves the location and scale of all others

SAME, SET_ASIDE, REFUSED, ABSENT = "the honest figures", "set aside", "refused", "n/a with its reason"
WARNED, SILENT, CRASHED = "FIGURES CHANGED, ONLY WARNED", "SILENT CHANGE", "TRACEBACK"
LOST = frozenset({SET_ASIDE, REFUSED, ABSENT})
FAULTS = frozenset({WARNED, SILENT, CRASHED})


@dataclass(frozen=True)
class Ending:
    """kind: one of the outcomes above. reported: all that refusals, checks and set-aside rows say. changed: what differs."""

    kind: str
    reported: str
    changed: str = ""


class World:
    """The honest delivery, built once; each damaged one is built in its place."""

    def __init__(self, root: Path, delivery: Honest):
        self.root, self.delivery = root, delivery
        self.market, self._honest, self._lake, self._built = (root / n for n in ("market", "honest", "lake", "built"))
        delivery.write(self._honest)
        # Its indices have fewer members than the real ones, which the settings of such a market say.
        members = {"ZHOUBAO__REFERENCE__INDEX_MEMBERS": json.dumps(delivery.index_members)}
        self._profile: Profile = load_profile("production", PROFILES, members)
        shutil.copytree(self._honest, self.market)
        builder = self._build()
        reported = self._reported(builder)
        assert not reported.refusals, reported
        assert not reported.warnings, reported
        shutil.copytree(self._lake, self._built)
        self.figures = self._figures(builder)

    @property
    def shown_days(self) -> tuple[dt.date, ...]:
        """The days whose figures are compared."""
        return self.delivery.days[-2:]

    def restore(self) -> None:
        """Put the honest delivery and its lake back."""
        for target, source in ((self.market, self._honest), (self._lake, self._built)):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)

    def ending(self) -> Ending:
        """Build what lies in the landing zone now, and compare."""
        try:
            builder = self._build()
        except ZhoubaoError as error:
            return Ending(REFUSED, str(error))
        except Exception as error:
            return Ending(CRASHED, f"{type(error).__name__}: {error}")
        reported = self._reported(builder)
        now = self._figures(builder)
        changed, absent = {}, False
        for key in self.figures.keys() & now.keys():
            manifest = builder.lake.manifest(builder.tables[key[0]], key[1])
            without = [c for c in manifest.unavailable if c in now[key].columns] if manifest else []
            absent |= not self.figures[key].select(without).equals(now[key].select(without), null_equal=True)
            if ("index" if key[0] == "indices" else "symbol") in without:
                continue  # the whole table is n/a
            known = [frame.drop(without).unique(maintain_order=True) for frame in (self.figures[key], now[key])]
            for name, difference in _differences(key[0], *known):
                changed.setdefault((key[0], name), difference)
        text = "\n".join(
            (*reported.refusals, *reported.warnings, *(f"{n}: {Reason.loads(r)}" for n, r in reported.aside.items()))
        )
        story = "; ".join(f"{table} {name}: {what}" for (table, name), what in sorted(changed.items())[:6])
        if reported.refusals:
            return Ending(REFUSED, text, story)
        if not changed:
            return Ending(ABSENT if absent else SAME, text)
        unnamed = [name for table, name in changed if name not in reported.aside and table not in CROSS_SECTIONAL]
        if not unnamed and reported.aside:
            return Ending(SET_ASIDE, text, story)
        return Ending(WARNED if reported.warnings or reported.aside else SILENT, text, story)

    # --- building and reading -------------------------------------------------------------------------------------------

    def _build(self) -> Builder:
        names = Names(str(self.market), str(self._lake), "production")
        self._messages: list[str] = []
        builder = open_builder(names, profile=self._profile, say=self._messages.append)
        for table in REFERENCE_TABLES:
            builder.build(builder.tables[table], self.delivery.days)
        for table in MINUTE_TABLES:
            builder.build(builder.tables[table], self.shown_days)
        return builder

    def _reported(self, builder: Builder) -> "_Reported":
        refusals, warnings, aside = [], [], {}
        for table in (*REFERENCE_TABLES, *MINUTE_TABLES):
            for day in self.shown_days:
                if reason := builder.blocked.get((table, day)):
                    refusals.append(f"{table} of {day} blocked: {reason}")
                manifest = builder.lake.manifest(builder.tables[table], day)
                for check, verdict in manifest.checks.items() if manifest else ():
                    if not verdict.passed:
                        (refusals if verdict.critical else warnings).append(f"{table}.{check}: {verdict.text()}")
                aside |= dict(self._aside(table, day))
        messages = [*self._messages, *(rows.remark for rows in builder.zone.undated.values())]
        # A row without a date is no day's: the run itself says which it leaves out.
        aside |= {name: line for line in messages for name in NAMES if name in line}
        return _Reported(tuple(refusals), tuple(warnings), aside)

    def _aside(self, table: str, day: dt.date) -> Iterator[tuple[str, str]]:
        """(symbol or index, reason in words) of what a partition set aside."""
        yield from ((name, str(Reason.loads(reason))) for name, reason in self._stored(table, day))

    def _stored(self, table: str, day: dt.date) -> Iterator[tuple[str, str]]:
        folder = self._lake / table / f"date={day}"
        side = folder / "set_aside.parquet"
        if side.is_file():
            frame = pl.read_parquet(side)
            for column in ("symbol", "index"):
                if column in frame.columns:
                    yield from frame.select(column, "reason").drop_nulls(column).iter_rows()
        if table == "tape_health" and (folder / "part.parquet").is_file():
            frame = pl.read_parquet(folder / "part.parquet").filter(pl.col("verdict").is_in(["set aside", "missing"]))
            yield from frame.select("symbol", "reason").iter_rows()

    def _figures(self, builder: Builder) -> dict[tuple[str, dt.date], pl.DataFrame]:
        found = {}
        for table in COMPARED:
            for day in self.shown_days:
                path = self._lake / table / f"date={day}" / "part.parquet"
                if path.is_file():
                    found[table, day] = pl.read_parquet(path)
        return found


@dataclass(frozen=True)
class _Reported:
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    aside: dict[str, str]


def _differences(table: str, was: pl.DataFrame, now: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """(symbol, what differs) of each name whose rows differ; an index by its code."""
    key = "index" if table == "indices" else "symbol"
    if was.equals(now, null_equal=True):
        return
    columns = [c for c in was.columns if c in now.columns and c != key]
    numbered = [
        f.with_columns(pl.int_range(pl.len()).over(key).alias("row")).with_columns(held=True) for f in (was, now)
    ]
    both = numbered[0].join(numbered[1], on=[key, "row"], how="full", coalesce=True, suffix=":now")
    absent = (pl.col("held").is_null() != pl.col("held:now").is_null()).alias("absent")
    differs = both.select(key, absent, *(_differs(was.schema[c], c).alias(c) for c in columns))
    any_of = differs.filter(pl.any_horizontal(pl.exclude(key)))
    for name, part in any_of.group_by(key, maintain_order=True):
        column = next(c for c in ("absent", *columns) if part[c].any())
        shown = "rows of one of the two alone"
        if column != "absent":
            row = both.filter((pl.col(key) == name[0]) & _differs(was.schema[column], column)).row(0, named=True)
            shown = f"{column} {row[column]} → {row[f'{column}:now']}"
        yield str(name[0]), shown


def _differs(dtype: pl.DataType, column: str) -> pl.Expr:
    """Unequal; floats beyond what 32-bit input or another order of sums may alter."""
    old, new = pl.col(column), pl.col(f"{column}:now")
    if not dtype.is_float():
        return old.ne_missing(new)
    return (old.is_null() != new.is_null()) | ((old - new).abs() > 1e-6 * old.abs() + 1e-9).fill_null(False)
