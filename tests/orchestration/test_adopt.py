"""`--adopt`: partitions that the present code builds equally are kept, proved on a sample; the others stay stale."""

import dataclasses
import datetime as dt
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from orchestration.adopt import adopt, spread
from orchestration.plan import make_plan
from orchestration.run import main
from resources import code_digest
from resources.builder import Builder, _equal_files
from resources.gate import Between, Check
from resources.language import Bilingual
from resources.made import Made
from resources.partition import Frames, Partition
from resources.stale import CODE_CHANGED, INPUT_CHANGED, LIBRARIES_CHANGED, LIBRARIES_UNKNOWN
from tests.resources import fake_tables
from tests.resources.fake_tables import AVERAGES, PRICES, AverageSettings, FakeSettings
from tests.resources.small_market import DAYS, WEEKS, build_all, deliver, open_world

OTHERWISE = "tests.resources.fake_tables:make_prices_otherwise"
LATE = "tests.resources.fake_tables:make_prices_that_differ_late"


@pytest.fixture
def lake(market: Path, tmp_path: Path) -> Path:
    build_all(open_world(market, tmp_path / "lake"))
    return tmp_path / "lake"


def upgraded(market: Path, lake: Path, settings: FakeSettings | None = None, **changes: object) -> Builder:
    builder = open_world(market, lake, settings)
    builder.tables = {**builder.tables, "prices": dataclasses.replace(PRICES, **changes)}
    return builder


def quiet(line: str) -> None:
    pass


def stale(builder: Builder) -> set[tuple[str, dt.date]]:
    keys = {"prices": DAYS, "averages": DAYS, "totals": WEEKS}
    return {(name, key) for name, of in keys.items() for key in of if builder.stale(builder.tables[name], key)}


def test_partitions_that_are_built_equally_are_adopted_and_their_files_stay(market: Path, lake: Path) -> None:
    before = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file() and path.name != "manifest.json"}
    builder = upgraded(market, lake, make=OTHERWISE)
    old = builder.lake.manifest(PRICES, DAYS[0]).code
    assert all(builder.stale(builder.tables["prices"], day) == CODE_CHANGED() for day in DAYS)
    (done,) = adopt(builder, builder.tables["prices"], 4, quiet)
    assert (list(done.keys), list(done.sample), done.differing) == (DAYS, spread(DAYS, 4), {})
    again = upgraded(market, lake, make=OTHERWISE)
    assert stale(again) == set()
    after = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file() and path.name != "manifest.json"}
    assert {path: after[path] for path in before} == before
    for day in DAYS:
        manifest = again.lake.manifest(PRICES, day)
        (record,) = manifest.adopted
        assert (record["from"], record["to"]) == (old, manifest.code)
        assert record["sample"] == [str(one) for one in spread(DAYS, 4)]
        assert record["of"] == len(DAYS)
    fresh = upgraded(market, lake.parent / "fresh", make=OTHERWISE)
    build_all(fresh)
    for day in DAYS:
        assert fresh.lake.manifest(PRICES, day).version == again.lake.manifest(PRICES, day).version


def test_a_second_upgrade_keeps_the_first_record(market: Path, lake: Path) -> None:
    for changes in ({"make": OTHERWISE}, {}):
        builder = upgraded(market, lake, **changes)
        adopt(builder, builder.tables["prices"], 2, quiet)
    records = open_world(market, lake).lake.manifest(PRICES, DAYS[3]).adopted
    assert [(one["from"], one["to"]) for one in records] == [
        (records[0]["from"], records[0]["to"]),
        (records[0]["to"], records[0]["from"]),
    ]


def test_one_sampled_partition_that_differs_leaves_all_of_them_stale(market: Path, lake: Path) -> None:
    builder = upgraded(market, lake, make=LATE)
    manifests = {path: path.read_bytes() for path in lake.rglob("manifest.json")}
    (done,) = adopt(builder, builder.tables["prices"], 3, quiet)
    assert set(done.differing) == {key for key in spread(DAYS, 3) if key.day >= 12}
    assert set(done.differing.values()) == {"other content"}
    assert {path: path.read_bytes() for path in lake.rglob("manifest.json")} == manifests
    assert {key for name, key in stale(builder) if name == "prices"} == set(DAYS)


def test_a_different_verdict_is_a_difference(market: Path, lake: Path) -> None:
    strict = Check(
        "close_is_low", Between("close", 0.0, 15.0), critical=False, remedy=Bilingual("重新提供", "deliver again")
    )
    builder = upgraded(market, lake, checks=(*PRICES.checks, strict))
    (done,) = adopt(builder, builder.tables["prices"], 3, quiet)
    assert set(done.differing.values()) == {"other verdicts"}


def test_a_different_note_of_what_was_left_out_is_a_difference(market: Path, lake: Path) -> None:
    builder = upgraded(market, lake, make="tests.resources.fake_tables:make_prices_without")
    (done,) = adopt(builder, builder.tables["prices"], 3, quiet)
    assert set(done.differing.values()) == {"other notes of what is left out"}


def test_partitions_made_from_a_refused_one_are_not_adopted(market: Path, lake: Path) -> None:
    """The gate refuses a day of prices; the averages of three days each were made from its rows."""
    builder = open_world(market, lake)
    manifest = builder.lake.manifest(PRICES, DAYS[6])
    refused = {name: dataclasses.replace(one, passed=False, critical=True) for name, one in manifest.checks.items()}
    builder.lake.restamp(PRICES, DAYS[6], dataclasses.replace(manifest, checks=refused))
    averages = dataclasses.replace(AVERAGES, needs={})
    builder = open_world(market, lake)
    builder.tables = {**builder.tables, "averages": averages}
    done = adopt(builder, averages, 3, quiet)
    assert {key for one in done for key in one.keys} == set(DAYS) - set(DAYS[6:9])


def test_a_partition_that_cannot_be_built_now_is_a_difference(market: Path, lake: Path) -> None:
    builder = upgraded(market, lake, make="tests.resources.fake_tables:make_prices_never")
    (done,) = adopt(builder, builder.tables["prices"], 1, quiet)
    assert "cannot be built now: the desk is closed" in done.differing[DAYS[-1]]


def test_partitions_that_are_stale_for_another_reason_are_not_adopted(market: Path, lake: Path) -> None:
    deliver(market, DAYS[6], {"600000.SH": 11.5, "000001.SZ": 19.5})
    builder = upgraded(market, lake, FakeSettings(average=AverageSettings(window=2)), make=OTHERWISE)
    builder.tables["averages"] = dataclasses.replace(AVERAGES, description="no part of the digest")
    (done,) = adopt(builder, builder.tables["prices"], 3, quiet)
    assert list(done.keys) == [day for day in DAYS if day != DAYS[6]]
    assert adopt(builder, builder.tables["averages"], 3, quiet) == []
    assert ("prices", DAYS[6]) in stale(builder)


def test_a_later_change_of_an_input_still_renews_adopted_partitions(market: Path, lake: Path) -> None:
    builder = open_world(market, lake)
    averages = dataclasses.replace(AVERAGES, needs={})
    builder.tables = {**builder.tables, "averages": averages}
    assert builder.stale(averages, DAYS[6]) == CODE_CHANGED()
    adopt(builder, averages, 3, quiet)
    assert builder.stale(averages, DAYS[6]) is None
    deliver(market, DAYS[6], {"600000.SH": 11.5, "000001.SZ": 19.5})
    again = open_world(market, lake)
    again.build(PRICES, DAYS)
    assert again.stale(averages, DAYS[6]) == INPUT_CHANGED(input=f"prices/date={DAYS[6]}")


def test_groups_of_two_earlier_versions_are_proved_separately(market: Path, lake: Path) -> None:
    second = upgraded(market, lake, make=OTHERWISE)
    second.build(second.tables["prices"], DAYS[7:])
    third = upgraded(market, lake, make="tests.resources.fake_tables:make_prices_with_other_words")
    done = adopt(third, third.tables["prices"], 2, quiet)
    assert sorted(list(one.keys) for one in done) == [DAYS[:7], DAYS[7:]]
    assert sorted(list(one.sample) for one in done) == [[DAYS[0], DAYS[6]], [DAYS[7], DAYS[-1]]]


@pytest.fixture
def other_polars(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another version of polars, which encodes equal frames by other bytes."""
    real = code_digest.installed_version

    def encode(frame: pl.DataFrame) -> bytes:
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="lz4")
        return buffer.getvalue()

    monkeypatch.setattr(code_digest, "installed_version", lambda name: "99.0" if name == "polars" else real(name))
    monkeypatch.setattr("resources.builder.encode", encode)
    code_digest.clear_caches()
    yield
    monkeypatch.undo()
    code_digest.clear_caches()


def test_another_version_of_a_library_is_the_reason_of_a_plan(market: Path, lake: Path, other_polars: None) -> None:
    builder = open_world(market, lake)
    plan = make_plan(builder, [("totals", WEEKS[-1])])
    assert len(plan.steps) == len(stale(open_world(market, lake)))
    text = f"libraries changed (polars {pl.__version__} → 99.0)"
    assert {str(reason) for (_, reason) in plan.reasons()} == {text}
    assert builder.stale(PRICES, DAYS[0]) == LIBRARIES_CHANGED(libraries=[f"polars {pl.__version__} → 99.0"])


def test_equal_values_of_another_version_are_adopted(market: Path, lake: Path, other_polars: None) -> None:
    """Also where it encodes them by other bytes: the files and the content digests stay, and later days are built as ever."""
    before = {path: path.read_bytes() for path in lake.rglob("*.parquet")}
    contents = {day: open_world(market, lake).lake.manifest(PRICES, day).content for day in DAYS}
    builder = open_world(market, lake)
    assert builder.remake(PRICES, DAYS[0]).content == contents[DAYS[0]]
    for table in builder.tables.values():
        (done,) = adopt(builder, table, 3, quiet)
        assert not done.differing
    again = open_world(market, lake)
    assert stale(again) == set()
    assert not make_plan(again, [("totals", WEEKS[-1])])
    assert {path: path.read_bytes() for path in lake.rglob("*.parquet")} == before
    manifest = again.lake.manifest(PRICES, DAYS[0])
    assert (manifest.content, manifest.libraries["polars"]) == (contents[DAYS[0]], "99.0")
    (record,) = manifest.adopted
    assert (record["libraries_from"]["polars"], record["libraries_to"]["polars"]) == (pl.__version__, "99.0")
    assert record["from"] == record["to"]


def test_other_values_of_another_version_are_not_adopted(
    market: Path, lake: Path, other_polars: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fake_tables.make_prices

    def make(frames: Frames, partition: Partition, settings: None) -> Made:
        return Made(real(frames, partition, settings).frame.with_columns(pl.col("close") + 1e-9))

    monkeypatch.setattr(fake_tables, "make_prices", make)
    builder = open_world(market, lake)
    (done,) = adopt(builder, PRICES, 3, quiet)
    assert set(done.differing.values()) == {"other content"}
    assert {key for name, key in stale(builder) if name == "prices"} == set(DAYS)


def test_partitions_without_recorded_libraries_are_proved_too(market: Path, lake: Path) -> None:
    builder = open_world(market, lake)
    for day in DAYS:
        builder.lake.restamp(PRICES, day, dataclasses.replace(builder.lake.manifest(PRICES, day), libraries={}))
    again = open_world(market, lake)
    assert again.stale(PRICES, DAYS[0]) == LIBRARIES_UNKNOWN()
    (done,) = adopt(again, PRICES, 3, quiet)
    assert not done.differing
    assert stale(open_world(market, lake)) == set()


def test_side_files_are_compared_by_their_values() -> None:
    frame = pl.DataFrame({"a": [1.0, float("nan"), None]})
    one, other = io.BytesIO(), io.BytesIO()
    frame.write_parquet(one)
    frame.write_parquet(other, compression="lz4")
    assert one.getvalue() != other.getvalue()
    assert _equal_files("solve.parquet", one.getvalue(), other.getvalue())
    assert not _equal_files("solve.bin", one.getvalue(), other.getvalue())
    assert _equal_files("card.json", b'{"a": 1, "libraries": {"torch": "1"}}', b'{"libraries": {"torch": "2"}, "a": 1}')
    assert not _equal_files("card.json", b'{"a": 1}', b'{"a": 2}')
    assert not _equal_files("list.json", b"[1]", b"[2]")


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 250])
@pytest.mark.parametrize("most", [1, 2, 3, 10])
def test_the_sample_is_spread_evenly(count: int, most: int) -> None:
    keys = [dt.date(2023, 1, 1) + dt.timedelta(days=n) for n in range(count)]
    chosen = spread(keys, most)
    assert len(set(chosen)) == len(chosen) == min(count, most)
    assert chosen == sorted(chosen)
    if most > 1:
        assert {keys[0], keys[-1]} <= set(chosen)
        gaps = [(b - a).days for a, b in itertools.pairwise(chosen)]
        assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--adopt", "no_table"], "--adopt no_table: there is no table of that name"),
        (["--adopt", "all", "--plan"], "can only be combined with --sample"),
        (["--sample", "3"], "needs --adopt"),
        (["--adopt", "all", "--sample", "0"], "must be at least 1"),
    ],
)
def test_options_that_contradict_are_refused(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert main(["--market", str(market), "--lake", str(tmp_path / "new"), "--profile", "sample", *options]) == 1
    assert words in capsys.readouterr().err


def test_a_run_without_anything_to_adopt_reports_it(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["--market", str(market), "--lake", str(tmp_path / "new"), "--profile", "sample", "--adopt", "all"]) == 0
    )
    assert "0 partitions adopted, 0 to be built again" in capsys.readouterr().out
