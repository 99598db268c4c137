"""The cost sheet of a plan, compared with plain sums over the manifests and files of the tiny market's lake."""

import datetime as dt
import json
import statistics
from pathlib import Path

import pytest

from assets.models.operations import count_work
from assets.models.panel import features_of
from orchestration import run
from orchestration.cost import NEWEST, TRAINED, TableCost, describe_costs, estimate
from orchestration.plan import Plan, Step
from resources.builder import Builder
from resources.stale import FORCED


def plain(lake: Path, table: str) -> list[dict[str, object]]:
    """Manifests and sizes of all partitions of a table, ascending."""
    found = []
    for folder in sorted((lake / table).iterdir(), key=lambda one: one.name):
        files = [path for path in folder.rglob("*") if path.is_file()]
        manifest = json.loads((folder / "manifest.json").read_bytes())
        own = sum(path.stat().st_size for path in files if path.name != "manifest.json")
        found.append(manifest | {"size": own})
    return found


def plan_of(builder: Builder, partitions: list[tuple[str, dt.date]]) -> Plan:
    steps = [Step(builder.tables[name], key, FORCED()) for name, key in partitions]
    return Plan(tuple(steps), (), len(steps))


def test_times_and_sizes_are_medians_of_the_newest_partitions(tiny_market: Path, full_lake: Path, world, days) -> None:
    builder = world(tiny_market, full_lake)
    (cost,) = estimate(builder, plan_of(builder, [("minute_bars", day) for day in days[-7:]]))
    newest = plain(full_lake, "minute_bars")[-NEWEST:]
    assert cost.what == "minute_bars"
    assert cost.partitions == 7
    assert cost.seconds == pytest.approx(7 * statistics.median(one["seconds"] for one in newest))
    assert cost.written == 7 * statistics.median(one["size"] for one in newest)
    inputs = [folder.split("/")[0] for one in plain(full_lake, "minute_bars")[-7:] for folder in one["inputs"]]
    sizes = {name: statistics.median(one["size"] for one in plain(full_lake, name)[-NEWEST:]) for name in set(inputs)}
    assert len(sizes) > 4
    assert not any(
        builder.zone.bar_files(day) for day in days[-7:]
    )  # these days landed as ticks, which it does not read
    assert cost.read == pytest.approx(sum(sizes[name] for name in inputs))
    assert cost.operations is None


def test_files_of_the_landing_zone_are_read_once(tiny_market: Path, full_lake: Path, world, days) -> None:
    builder = world(tiny_market, full_lake)

    def read(name: str, of: list[dt.date]) -> float:
        (cost,) = estimate(builder, plan_of(builder, [(name, day) for day in of]))
        return cost.read

    sizes = {day: sum(path.stat().st_size for path in builder.zone.tick_files(day)) for day in days[-4:]}
    assert min(sizes.values()) > 10_000
    # Every day has ticks of its own, and all days read the same files of reference data.
    assert read("trades", days[-4:]) == sum(sizes.values())
    assert read("daily_prices", days[-4:]) == read("daily_prices", days[-1:])


def test_networks_are_trained_or_carried(tiny_market: Path, full_lake: Path, world, days) -> None:
    builder = world(tiny_market, full_lake)
    weeks = sorted(builder.lake.keys(builder.tables["gru_50_1"]))
    costs = {cost.what: cost for cost in estimate(builder, plan_of(builder, [("gru_50_1", week) for week in weeks]))}
    manifests = plain(full_lake, "gru_50_1")
    trained = [one for one in manifests if TRAINED in one["notes"]]
    assert trained
    assert costs["gru_50_1, trained"].partitions == len(trained)
    assert costs["gru_50_1, trained"].seconds == pytest.approx(
        len(trained) * statistics.median(one["seconds"] for one in trained)
    )
    assert sum(cost.partitions for cost in costs.values()) <= len(weeks)
    row = builder.settings.models.gru_50_1
    stocks = statistics.median(one["rows"] for one in plain(full_lake, "daily_prices")[-NEWEST:])
    work = count_work(row, row.sequence_days * 8, len(features_of("30min")))
    each = int(stocks * row.train_days) * work.training + int(stocks * row.valid_days) * work.forward
    assert row.granularities == ("30min",)
    expected = len(trained) * row.epochs * len(row.seeds) * each
    assert costs["gru_50_1, trained"].operations == expected
    lines = list(describe_costs(list(costs.values()), teraflops=2.0))
    assert f"{expected / 2e12 / 3600:,.3f} hours of a GPU" in "\n".join(lines)


def test_what_the_lake_cannot_tell_is_not_available(tiny_market: Path, tmp_path: Path, world, days) -> None:
    builder = world(tiny_market, tmp_path / "empty")
    week = builder.calendar.week_of(days[-1])
    costs = estimate(builder, plan_of(builder, [("minute_bars", days[-1]), ("gru_50_1", week)]))
    assert all(cost.seconds is cost.read is cost.written is cost.operations is None for cost in costs)
    text = "\n".join(describe_costs(costs))
    assert "no time for minute_bars, gru_50_1" in text
    assert text.count("n/a") >= 4 * 3


def test_a_sheet_adds_up_and_long_work_is_in_hours() -> None:
    costs = [TableCost("a", 2, 5400.0, 2e9, 1e9), TableCost("b", 1, 1800.0, 1e9, None)]
    head, a, b, total, *_ = (line.split() for line in describe_costs(costs))
    assert head[1] == "hours"
    assert a == ["a", "2", "1.5", "2.000", "1.000", "n/a"]
    assert b == ["b", "1", "0.5", "1.000", "n/a", "n/a"]
    assert total == ["total", "3", "2.0", "3.000", "1.000", "n/a"]


def test_the_sheet_of_nothing_says_so() -> None:
    assert list(describe_costs([])) == ["Nothing is to be built."]


def test_the_driver_prints_the_sheet_of_a_plan(
    tiny_market: Path, full_lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    places = ["--market", str(tiny_market), "--lake", str(tmp_path / "lake"), "--profile", "tiny"]
    assert run.main([*places, "--plan", "--cost"]) == 0
    printed = capsys.readouterr().out
    assert "training TFLOP" in printed
    assert "no partition is built yet" in printed
    assert not list((tmp_path / "lake").glob("*/*=*"))
    for wrong in (["--cost"], ["--plan", "--teraflops", "3"], ["--plan", "--cost", "--teraflops", "0"]):
        assert run.main([*places, *wrong]) == 1
        assert "--teraflops" in capsys.readouterr().err
