"""The trace of a published figure: from a cell of Table 1 or 2 down to the files of the landing zone.

python -m orchestration.trace [--week 2023-11-20] [--all] table1 skewness long_short_week

The cell is computed again from the stored partitions and compared to the bit. Then every partition that it was made from is listed by
table, and every digest that a manifest recorded of an input or of the landing zone is compared with the present one. Where a table
computes its items independently of each other, such as the factors, the trace follows only the item of the cell. The exit code is 0 if
the cell is equal and the chain holds, otherwise 1.
"""

import argparse
import datetime as dt
import io
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from assets.report.tables import (
    PERIODS,
    factor_series,
    portfolio_series,
    tabulate_factors,
    tabulate_portfolios,
)
from orchestration.interrupts import reader_has_ended
from orchestration.platform import Names, add_names, open_builder
from resources.builder import Builder
from resources.errors import NotReadyError, SettingsError, ZhoubaoError
from resources.lake import NOT_BUILT
from resources.manifest import RECORD, Manifest
from resources.reasons import Reason
from resources.table import Table

REPORT = "report"
SOURCES: Mapping[str, tuple[str, str]] = {
    "table1": ("factor", "factor_returns"),
    "table2": ("portfolio", "portfolio_returns"),
}
"""Table of the report → the name of its rows, and the table of the lake from which it is computed."""
LISTED = 10  # problems that are printed


@dataclass(frozen=True)
class Cell:
    """A published cell.

    value: as stored in the report. again: as computed from the stored partitions. weeks: the partitions of the source table that its
    period covers. reason: why it is n/a, where it is.
    """

    value: object
    again: object
    weeks: Sequence[dt.date]
    reason: Reason | None


@dataclass
class Chain:
    """Everything that a cell was made from.

    partitions: by table in the order of the data's flow, key → manifest. landed: part of the landing zone → day → file → digest of its
    content, which is None for reference data. problems: recorded digests that are not the present ones, in words.
    """

    partitions: dict[str, dict[dt.date, Manifest]] = field(default_factory=dict)
    landed: dict[str, dict[dt.date, dict[str, str | None]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_cell(builder: Builder, week: dt.date, name: str, row: str, column: str) -> Cell:
    """Read a cell of the report of a week, and compute it again.

    Raises:
        NotReadyError: the report, or a partition that it was made from, is not built.
        SettingsError: there is no such table, row or column.
    """
    if name not in SOURCES:
        raise SettingsError(f"There is no table {name!r} in a report. Name one of {', '.join(SOURCES)}.")
    label, source = SOURCES[name]
    report = builder.tables[REPORT]
    manifest = builder.lake.require(report, week)
    stored = pl.read_parquet(io.BytesIO(builder.lake.read_file(report, week, f"{name}.parquet")))
    known = stored[label].to_list()
    if row not in known:
        raise SettingsError(f"{name} has no row {row!r}. Its rows are {', '.join(known)}.")
    columns = [one for one in stored.columns if one not in (label, "reason")]
    if column not in columns:
        raise SettingsError(f"{name} has no column {column!r}. Its columns are {', '.join(columns)}.")
    keys = [key for table, key in map(_partition, _folders(manifest)) if table == source]
    frame = builder.lake.read(builder.tables[source], keys, reader=f"the trace of {name}").collect()
    day = builder.signal_day(report, week)
    again = (
        tabulate_factors(factor_series(frame), day, {})
        if name == "table1"
        else tabulate_portfolios(portfolio_series(frame), day, {})
    )
    own = pl.col(label) == row
    why = stored.filter(own)["reason"].item()
    begin = _begin(builder, day, column)
    return Cell(
        value=stored.filter(own)[column].item(),
        again=again.filter(own)[column].item(),
        weeks=[key for key in keys if key + dt.timedelta(days=6) >= begin],
        reason=None if why is None else Reason.loads(why),
    )


def _begin(builder: Builder, day: dt.date, column: str) -> dt.date:
    """The first day of the period that a column covers: the week, the month, or the year."""
    period = next((one for one in PERIODS if column.removesuffix("_difference").endswith(f"_{one}")), "ytd")
    return {"week": builder.calendar.week_of(day), "month": day.replace(day=1)}.get(period, day.replace(month=1, day=1))


def follow(builder: Builder, week: dt.date, source: str, weeks: Sequence[dt.date], item: str) -> Chain:
    """Follow the report of a week, by one item of partitions of a table, to everything that they were made from."""
    chain = Chain()
    wanted: dict[str, dict[dt.date, set[str] | None]] = {name: {} for name in builder.tables}
    wanted[REPORT][week] = None
    published = {(source, key): {item} for key in weeks}
    with builder.snapshot():
        for name, table in reversed(list(builder.tables.items())):
            visited: set[dt.date] = set()
            while left := wanted[name].keys() - visited:  # a table may read its own earlier partitions
                visited.add(key := max(left))
                columns = wanted[name][key]
                manifest = builder.lake.manifest(table, key)
                if manifest is None:
                    damage = builder.lake.damage(table, key)
                    chain.problems.append(f"{name} of {key} is " + (f"damaged: {damage}" if damage else "not built"))
                    continue
                chain.partitions.setdefault(name, {})[key] = manifest
                if manifest.outdated is not None:
                    chain.problems.append(f"{name} of {key} could not be renewed: {manifest.outdated}")
                for folder in _folders(manifest):
                    upstream, day = _partition(folder)
                    if upstream not in builder.tables:
                        chain.problems.append(
                            f"{name} of {key} was made from {folder}, a table that is not declared any more"
                        )
                        continue
                    among = (
                        published.get((upstream, day), set()) if name == REPORT else _columns(table, upstream, columns)
                    )
                    if among is None or among:
                        _compare(builder, chain, manifest, folder)
                        _want(wanted[upstream], day, among)
                _land(builder, chain, table, key, manifest)
    chain.partitions = {name: chain.partitions[name] for name in builder.tables if name in chain.partitions}
    return chain


def _folders(manifest: Manifest) -> list[str]:
    """The folders of the partitions that a partition was made from."""
    return [folder for folder, content in manifest.inputs.items() if folder != RECORD and content != NOT_BUILT]


def _partition(folder: str) -> tuple[str, dt.date]:
    table, key = folder.split("/")
    return table, dt.date.fromisoformat(key.partition("=")[2])


def _columns(table: Table, upstream: str, columns: set[str] | None) -> set[str] | None:
    """The columns or items of an input from which those of a table are made: None for all of them, {} for none.

    Only a table with items makes them independently of each other, each from the inputs that it declares (`Table.needs`).
    """
    if columns is None or table.items is None or not columns <= table.needs.keys():
        return None
    sources = {name: [one.split(".", 1) for one in table.needs.get(name, ())] for name in table.needs}
    if not any(source == upstream for own in sources.values() for source, _ in own):
        return None
    return {column for name in columns for source, column in sources.get(name, ()) if source == upstream}


def _want(wanted: dict[dt.date, set[str] | None], key: dt.date, columns: set[str] | None) -> None:
    before = wanted.get(key, set())
    wanted[key] = None if columns is None or before is None else before | columns


def _compare(builder: Builder, chain: Chain, manifest: Manifest, folder: str) -> None:
    """Note where an input's present content is not that from which a partition was made."""
    name, key = _partition(folder)
    present = builder.lake.manifest(builder.tables[name], key)
    if present is not None and present.content != manifest.inputs[folder]:
        chain.problems.append(
            f"{manifest.table} of {manifest.key} was made from another content of {name} of {key}: "
            f"{manifest.inputs[folder]}, now {present.content}"
        )


def _land(builder: Builder, chain: Chain, table: Table, key: dt.date, manifest: Manifest) -> None:
    """Note the files of the landing zone from which a partition was made, and digests that differ."""
    present, day = builder.landing_digests(table, key), builder.signal_day(table, key)
    for name in sorted(present.keys() | manifest.landing.keys()):
        if present.get(name) != manifest.landing.get(name):
            chain.problems.append(
                f"{table.name} of {key} was made from another state of {name} in {builder.zone.root}: "
                f"{manifest.landing.get(name, 'none')}, now {present.get(name, 'none')}"
            )
    for land in table.lands:
        files = builder.zone.file_digests(land.name, day)
        if files:
            chain.landed.setdefault(land.name, {})[day] = files


def describe_cell(name: str, row: str, column: str, week: dt.date, cell: Cell) -> Iterator[str]:
    """Describe a cell, and whether it is equal when it is computed again."""
    yield f"{name} {row} {column} in the report of the week of {week}: {_shown(cell.value)}"
    if cell.value is None and cell.reason is not None:
        yield f"  n/a: {cell.reason}"
    if _same(cell):
        count = len(cell.weeks)
        yield f"  equal when computed again; its period covers {count} week{'' if count == 1 else 's'} of {SOURCES[name][1]}"
    else:
        yield f"  NOT EQUAL when computed again: {_shown(cell.again)}"


def describe_chain(chain: Chain, every: bool = False) -> Iterator[str]:
    """Describe a chain, one line per table and per part of the landing zone, then the files of its last day.

    every: a line for each partition with its version and digests, and each file of every day.
    """
    for name, own in reversed(chain.partitions.items()):
        last = own[max(own)]
        yield f"{name:<28} {_span(own)}; the last one has version {last.version}, content {last.content}"
        if every:
            for key, manifest in sorted(own.items()):
                yield (
                    f"  {key}  version {manifest.version}  content {manifest.content}  settings {manifest.settings}  "
                    f"code {manifest.code}"
                )
    for part, days in sorted(chain.landed.items()):
        yield f"landing zone: {part:<14} {_span(days)}"
        for day in sorted(days) if every else [max(days)]:
            for path, digest in sorted(days[day].items()):
                yield f"  {day}  {path}  {digest or 'rows up to the day'}"
    for problem in chain.problems[:LISTED]:
        yield f"broken: {problem}"
    if len(chain.problems) > LISTED:
        yield f"broken: {len(chain.problems) - LISTED} more"
    files = {path for days in chain.landed.values() for own in days.values() for path in own}
    count = sum(map(len, chain.partitions.values()))
    if not chain.problems:
        yield f"The chain holds: {count} partitions, each made from the present contents of its inputs, and {len(files)} files."
        yield "Settings and code are not compared: `python -m orchestration.run --plan` lists what they make stale."


def _span(days: Mapping[dt.date, object]) -> str:
    first, last = min(days), max(days)
    return f"{len(days):>5} of {first} to {last}" if len(days) > 1 else f"    1 of {first}"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value!r} ({value:.4%})"
    return "n/a" if value is None else str(value)


def _same(cell: Cell) -> bool:
    return type(cell.value) is type(cell.again) and cell.value == cell.again


def trace(builder: Builder, week: dt.date | None, name: str, row: str, column: str, every: bool = False) -> bool:
    """Print the trace of a cell and return whether the cell is equal and its chain holds.

    Args:
        builder: the open platform.
        week: the Monday of the report; None for the newest one in the lake.
        name: table1 or table2.
        row: the factor or portfolio.
        column: the column of the stored table.
        every: print every partition and file instead of a line per table.

    Raises:
        NotReadyError: there is no report, or a partition that it was made from is not built.
        SettingsError: there is no such table, row or column.
    """
    builder.lake.require_any()
    keys = builder.lake.keys(builder.tables[REPORT])
    if week is None and not keys:
        raise NotReadyError("The lake holds no report. Build one: python -m orchestration.run")
    chosen = week or max(keys)
    cell = read_cell(builder, chosen, name, row, column)
    for line in describe_cell(name, row, column, chosen, cell):
        print(line)
    chain = follow(builder, chosen, SOURCES[name][1], cell.weeks, row)
    for line in describe_chain(chain, every):
        print(line)
    return _same(cell) and not chain.problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.trace", description="From a published cell to the files that it was made from."
    )
    parser.add_argument("table", help="table1 or table2")
    parser.add_argument("row", help="the factor or portfolio, such as skewness or csi500")
    parser.add_argument("column", help="the column, such as long_short_week or excess_ytd")
    parser.add_argument("--week", type=dt.date.fromisoformat, help="the report's Monday; by default the newest report")
    parser.add_argument("--all", action="store_true", help="list every partition and every file")
    add_names(parser)
    options = parser.parse_args(arguments)
    try:
        builder = open_builder(Names.of_options(options))
        holds = trace(builder, options.week, options.table, options.row, options.column, options.all)
        sys.stdout.flush()
        return 0 if holds else 1
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        if not reader_has_ended():
            raise
        return 128 + signal.SIGPIPE


if __name__ == "__main__":
    sys.exit(main())
