"""Traces of published cells on the tiny market, compared with a plain walk over the manifests' JSON."""

import dataclasses
import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assets import catalogue
from orchestration.trace import SOURCES, Cell, describe_cell, follow, main, read_cell
from resources.builder import Builder
from resources.errors import SettingsError
from resources.manifest import MANIFEST, Manifest
from resources.reasons import Code

ROWS = {
    "table1": [factor.key for factor in catalogue.FACTORS],
    "table2": [portfolio.key for portfolio in catalogue.PORTFOLIOS],
}
COLUMNS = {
    "table1": [
        f"{leg}_{what}" for leg in ("long_short", "long_excess") for what in ("week", "month", "ytd", "wins", "months")
    ],
    "table2": ["excess_week", "excess_month", "excess_ytd", "wins", "weeks"],
}
World = Callable[[Path, Path], Builder]


def test_every_cell_is_equal_when_it_is_computed_again(
    tiny_market: Path, full_lake: Path, world: World, reported: list[dt.date]
) -> None:
    builder = world(tiny_market, full_lake)
    numbers = 0
    for week in reported:
        for name, rows in ROWS.items():
            first = min(builder.lake.keys(builder.tables[SOURCES[name][1]]))  # the market is younger than a year
            for row in rows:
                for column in COLUMNS[name]:
                    cell = read_cell(builder, week, name, row, column)
                    assert cell.value == cell.again, (week, name, row, column)
                    assert week in cell.weeks
                    assert len(cell.weeks) == 1 or not column.endswith("_week")
                    assert column.endswith(("_week", "_month")) or min(cell.weeks) == first, column
                    numbers += cell.value is not None
    assert numbers > 200


def walk(lake: Path, start: list[str], skip: Callable[[str, str], bool]) -> set[str]:
    """The folders of all partitions from which others were made."""
    found: set[str] = set()
    queue = list(start)
    while queue:
        folder = queue.pop()
        if folder not in found:
            found.add(folder)
            inputs = json.loads((lake / folder / MANIFEST).read_bytes())["inputs"]
            table = folder.split("/")[0]
            queue += [one for one in inputs if "/" in one and not skip(table, one.split("/")[0])]
    return {folder for folder in found if (lake / folder / MANIFEST).exists()}


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [
        ("table1", "skewness", "long_short_week"),
        ("table1", "gru_50_2", "long_excess_ytd"),
        ("table2", "csi500", "excess_month"),
    ],
)
def test_a_chain_is_everything_that_the_cell_was_made_from(
    tiny_market: Path, full_lake: Path, world: World, reported: list[dt.date], name: str, row: str, column: str
) -> None:
    builder = world(tiny_market, full_lake)
    cell = read_cell(builder, reported[-1], name, row, column)
    source = SOURCES[name][1]
    chain = follow(builder, reported[-1], source, cell.weeks, row)
    networks = {factor.key for factor in catalogue.FACTORS} & builder.tables.keys()

    def skip(table: str, upstream: str) -> bool:
        """The inputs of other factors, of which the item knows nothing."""
        return (
            (table == "factor_returns" and upstream == ("factors" if row in networks else "scores"))
            or (table == "scores" and row in networks and upstream in networks - {row})
            or (table == "portfolio_returns" and upstream == "csi1000_portfolio")
        )

    expected = walk(full_lake, [f"{source}/week={week}" for week in cell.weeks], skip)
    tables = builder.tables
    found = {builder.lake.folder(tables[table], key) for table, own in chain.partitions.items() for key in own}
    assert found == expected | {f"report/week={reported[-1]}"}
    assert not chain.problems
    assert ("gru_50_2" in chain.partitions) == (row == "gru_50_2" or name == "table2")
    delivered = [own for part in ("ticks", "bars") for own in chain.landed.get(part, {}).values()]
    files = {tiny_market / path: digest for own in delivered for path, digest in own.items()}
    assert files
    for path, digest in files.items():
        assert hashlib.blake2b(path.read_bytes()).hexdigest()[:32] == digest


def test_what_changed_since_breaks_the_chain(
    tiny_market: Path, full_lake: Path, world: World, days: list[dt.date], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    market, lake = tmp_path / "market", tmp_path / "lake"
    shutil.copytree(tiny_market, market)
    shutil.copytree(full_lake, lake)
    (lake / "market.txt").unlink()
    places = ["--market", str(market), "--lake", str(lake), "--profile", "tiny"]
    cell = ["table1", "skewness", "long_short_week"]
    assert main([*places, *cell]) == 0
    assert "The chain holds" in capsys.readouterr().out
    builder = world(market, lake)
    week = max(builder.lake.keys(builder.tables["report"]))
    chain = follow(builder, week, "factor_returns", [week], "skewness")

    part = max(chain.landed.keys() & {"ticks", "bars"})
    day = max(chain.landed[part])
    changed = next(market / path for path in chain.landed[part][day])
    changed.write_bytes(changed.read_bytes() + b"\n")
    assert main([*places, *cell]) == 1
    assert f"of {day} was made from another state of {part}" in capsys.readouterr().out

    shutil.rmtree(market)
    shutil.copytree(tiny_market, market)
    key = max(chain.partitions["factors"])
    path = lake / "factor_returns" / f"week={week}" / MANIFEST
    manifest = Manifest.loads(before := path.read_bytes())
    assert manifest is not None
    other = {**manifest.inputs, f"factors/date={key}": "0" * 32}
    path.write_bytes(dataclasses.replace(manifest, inputs=other).dumps())
    assert main([*places, *cell]) == 1
    assert f"was made from another content of factors of {key}: {'0' * 32}, now" in capsys.readouterr().out
    report = lake / "report" / f"week={week}" / MANIFEST
    published = Manifest.loads(as_published := report.read_bytes())
    assert published is not None
    other = {**published.inputs, f"factor_returns/week={week}": "0" * 32}
    report.write_bytes(dataclasses.replace(published, inputs=other).dumps())
    assert main([*places, "table1", "gru_50_1", "long_short_week"]) == 1
    assert f"report of {week} was made from another content of factor_returns of {week}" in capsys.readouterr().out
    report.write_bytes(as_published)
    # The long-short return of a network does not read the factors.
    assert main([*places, "table1", "gru_50_1", "long_short_week"]) == 0
    path.write_bytes(before)
    (lake / "factors" / f"date={key}" / MANIFEST).write_bytes(b"{}")
    capsys.readouterr()
    assert main([*places, *cell]) == 1
    assert f"factors of {key} is damaged" in capsys.readouterr().out


def test_unknown_names_are_refused_with_the_known_ones(tiny_market: Path, full_lake: Path, world: World) -> None:
    builder = world(tiny_market, full_lake)
    week = max(builder.lake.keys(builder.tables["report"]))
    for cell, known in {
        ("table3", "skewness", "long_short_week"): "table1, table2",
        ("table1", "skew", "long_short_week"): "skewness",
        ("table2", "csi500", "excess"): "excess_week",
        ("table1", "skewness", "reason"): "long_short_week",
    }.items():
        with pytest.raises(SettingsError, match=known):
            read_cell(builder, week, *cell)


def test_a_cell_without_a_number_is_printed_with_its_reason() -> None:
    reason = Code("nothing_landed", ("table", "partition"))(table="factors", partition=dt.date(2023, 1, 3))
    lines = list(
        describe_cell("table1", "skewness", "long_short_week", dt.date(2023, 1, 2), Cell(None, None, [], reason))
    )
    assert lines[0].endswith("n/a")
    assert str(reason) in lines[1]
    assert "equal" in lines[2]
    differs = describe_cell("table1", "skewness", "long_short_week", dt.date(2023, 1, 2), Cell(0.1, 0.2, [], None))
    assert "NOT EQUAL when computed again: 0.2" in "\n".join(differs)
