"""Tests the external sort against a plain stable sort, for any blocks, batches and place of its runs."""

import io
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ticks.canonical import SCHEMAS
from assets.ticks.layouts import LAYOUTS
from assets.ticks.make_orders import make_orders
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from assets.ticks.numbers import LARGEST, Numbers
from assets.ticks.spill import Spill, by_code, write_batches
from resources.settings.ticks import TicksSettings
from tests.making import run_make
from tests.ticks.test_layouts_synthetic import CODES, DATE, WRITERS, Landing, Style, simulate, write_day

ROOT = Path(__file__).parents[2]
KIND = pl.Enum(["one", "two"])


def block(rows) -> pl.DataFrame:
    """Return a block with every type of the canonical tables, and nulls where they are allowed."""
    code, channel, seq = (pl.Series([row[i] for row in rows], dtype=pl.Int64) for i in range(3))
    return pl.DataFrame({"code": code, "channel": channel.cast(pl.Int32), "seq": seq}).with_columns(
        at=pl.Series([row[3] for row in rows], dtype=pl.Int64),  # distinguishes rows with the same key
        event=pl.when(seq > 2).then(seq),
        side=pl.when(seq % 2 == 0).then(1).otherwise(-1).cast(pl.Int8),
        flag=seq % 3 == 0,
        kind=pl.when(seq > 1).then(pl.lit("two")).otherwise(pl.lit("one")).cast(KIND),
    )


cells = st.tuples(st.integers(0, 6), st.integers(1, 3), st.integers(0, 5))


@settings(max_examples=150, deadline=None)
@given(
    blocks=st.lists(st.lists(cells, min_size=1, max_size=12), min_size=1, max_size=6),
    batch_rows=st.integers(1, 40),
    on_disk=st.booleans(),
    breaks=st.lists(st.integers(0, 7), max_size=2),
)
def test_batches_are_the_stable_sort_of_all_blocks(tmp_path_factory, blocks, batch_rows, on_disk, breaks):
    count = iter(range(1000))
    frames = [block([(*row, next(count)) for row in rows]) for rows in blocks]
    whole = pl.concat(frames).sort("code", "channel", "seq", maintain_order=True)
    folder = tmp_path_factory.mktemp("scratch") if on_disk else None
    with Spill(folder, ("channel", "seq"), batch_rows) as spill:
        for frame in frames:
            spill.add(by_code(frame))
        ranges = spill.ranges(breaks)
        batches = [spill.batch(*span) for span in ranges]
        assert spill.on_disk == (on_disk and whole.height > batch_rows)
    assert pl.concat(batches).equals(whole)
    assert pl.concat(batches).schema == whole.schema
    for (low, high), batch in zip(ranges, batches, strict=True):
        assert batch.height > 0
        assert batch.height <= batch_rows or batch["code"].n_unique() == 1
        assert not any(low < at < high and (batch["code"] < at).any() and (batch["code"] >= at).any() for at in breaks)
    if folder is not None:
        assert list(folder.iterdir()) == [], "runs have no name on disk: nothing stays behind"


def test_an_empty_sort_has_no_batches():
    with Spill(None, ("time",), 10) as spill:
        spill.add(block([]))
        assert spill.ranges() == []


def test_a_streamed_file_has_schema_statistics_and_one_set_of_bytes(tmp_path):
    rng = np.random.default_rng(1)
    rows = [(int(c), 1, int(s), i) for i, (c, s) in enumerate(rng.integers(0, 500, (20_000, 2)))]
    frames = [by_code(block(rows[i : i + 4000])) for i in range(0, 20_000, 4000)]
    whole = pl.concat(frames).sort("code", "channel", "seq", maintain_order=True)
    written = set()
    for batch_rows in (100, 3000, 50_000):
        with Spill(tmp_path, ("channel", "seq"), batch_rows) as spill:
            for frame in frames:
                spill.add(frame)
            path = tmp_path / f"{batch_rows}.parquet"
            write_batches(path, whole.schema, spill.ranges(), spill.batch)
        assert pl.read_parquet(path).equals(whole)
        assert pl.read_parquet_schema(path) == dict(whole.schema)
        written.add(path.read_bytes())
    assert len(written) == 1


# --- whole days -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    root = tmp_path_factory.mktemp("market")
    for exchange in ("SH", "SZ"):
        events = simulate(exchange, CODES[exchange], 11, arrivals=120)
        write_day(root / "ticks" / f"{DATE:%Y%m%d}" / exchange, WRITERS[exchange]["DataYes"](events, Style(), f"{DATE:%Y%m%d}"), Style())  # fmt: skip
    snapshots = next(item for item in LAYOUTS if item.name == "DataYes SZSE snapshots (mdl_6_28_0)")
    lines = [",".join(snapshots.header)]
    for i in range(200):  # many rows with one stamp, which keep the order of delivery
        values = {
            "SecurityID": f"{i % 7:06d}",
            "UpdateTime": f"14:{57 + i % 2}:00.000",
            "TurnNum": i,
            "Volume": i,
            "Turnover": i,
        }
        lines.append(",".join(str(values.get(name, "")) for name in snapshots.header))
    (root / "ticks" / f"{DATE:%Y%m%d}" / "mdl_6_28_0.csv").write_text("\n".join(lines))
    return Landing(root)


@pytest.mark.parametrize("make", [make_trades, make_orders, make_quotes])
def test_blocks_and_batches_change_nothing(make, day, tmp_path, monkeypatch):
    plain = run_make(make, date=DATE, landing=day, settings=TicksSettings())
    assert plain.frame.height > 100
    for size in (900, 1 << 20):
        monkeypatch.setattr("assets.ticks.day_of_files.MEGABYTE", size)
        for batch_rows in (1, 53):
            scratch = tmp_path / f"{size}-{batch_rows}"
            scratch.mkdir()
            small = TicksSettings(block_mb=1, batch_rows=batch_rows)
            made = run_make(make, date=DATE, landing=day, settings=small, scratch=scratch)
            frame = pl.read_parquet(made.frame) if isinstance(made.frame, Path) else made.frame
            assert frame.equals(plain.frame)
            assert frame.schema == plain.frame.schema
            assert isinstance(made.frame, Path) == (plain.frame.height > batch_rows)
            assert made.files == plain.files
            assert made.profile.equals(plain.profile)
            assert (made.notes, dict(made.unavailable)) == (plain.notes, dict(plain.unavailable))


def test_symbols_parquet_counts_rows_duplicates_and_disorder(day):
    made = run_make(make_trades, date=DATE, landing=day, settings=TicksSettings())
    symbols = pl.read_parquet(io.BytesIO(made.files["symbols.parquet"]))
    counts = made.frame.group_by("symbol").agg(rows=pl.len().cast(pl.Int64)).sort("symbol")
    assert symbols.select("symbol", "rows").equals(counts)
    assert symbols.drop("symbol", "rows").sum().row(0) == (0,) * (symbols.width - 2)
    assert dict(made.frame.schema) == SCHEMAS["trades"]


# --- numbers --------------------------------------------------------------------------------------------------------------


def test_numbers_contain_every_number_of_every_channel_once():
    layout = next(item for item in LAYOUTS if item.numbering == "trades" and "event" in item.fields)
    rng = random.Random(1)
    numbers = Numbers()
    seen: dict[tuple[int, str], list[int]] = {}
    for _ in range(5):
        rows = [(rng.choice([1, 2, 7]), rng.randrange(50, 3000), rng.randrange(5, 9000)) for _ in range(400)]
        for channel, seq, event in rows:
            seen.setdefault((channel, "trades"), []).append(seq)
            seen.setdefault((channel, "events"), []).append(event)
        rows += [(3, LARGEST, -1), (3, -5, LARGEST * 2), (None, 8, 8), (2**40, 8, 8), (3, None, None)]
        frame = pl.DataFrame(rows, schema={"channel": pl.Int64, "seq": pl.Int64, "event": pl.Int64}, orient="row")
        numbers.count(frame, layout)
    found = {(row["channel"], row["numbering"]): row for row in numbers.frame().iter_rows(named=True)}
    assert set(found) == set(seen), "a damaged number is no number"
    for key, row in found.items():
        own = seen[key]
        assert (row["exchange"], row["first"], row["last"]) == ("SH", min(own), max(own))
        assert (row["distinct"], row["rows"]) == (len(set(own)), len(own))
        bits = np.unpackbits(np.frombuffer(row["seen"], np.uint8), bitorder="little")
        assert (np.flatnonzero(bits) + row["first"]).tolist() == sorted(set(own))


# --- memory ---------------------------------------------------------------------------------------------------------------

_INGEST = """
import datetime as dt, sys
from pathlib import Path
from assets.ticks.make_trades import make_trades
from resources.partition import Frames, Partition
from resources.rulebook import Rulebook
from resources.settings.ticks import TicksSettings

class Landing:
    def __init__(self, path):
        self.path = path

    def tick_files(self):
        return [Path(self.path)]

def peak():
    # not getrusage: its peak is inherited from the process that started this one
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))) // 1024

def day(path):
    settings = TicksSettings(block_mb=1, batch_rows=50_000)
    date = dt.date(2024, 1, 10)
    partition = Partition.of(date, landing=Landing(path), rules=Rulebook.on(date), scratch=Path(sys.argv[3]))
    made = make_trades(Frames({}), partition, settings)
    return made.notes["files"][0]["rows"], peak()

print(*day(sys.argv[1]), *day(sys.argv[2]))
"""


@pytest.mark.slow
def test_memory_is_bounded_by_settings_not_by_the_day(tmp_path):
    """Eight times the rows (70 MB more of CSV and as much of integers) need little more memory: one row group."""
    header = "ChannelNo,ApplSeqNum,MDStreamID,BidApplSeqNum,OfferApplSeqNum,SecurityID,SecurityIDSource,LastPx,LastQty,ExecType,TransactTime,LocalTime,SeqNo\n"  # fmt: skip
    rows = [
        f"2013,{{}},011,{i},{i + 7},{i % 2500:06d},102 ,14.99,400,F,09:30:{i % 60:02d}.{i % 100:02d}0,09:25:00.078,1\n"
        for i in range(1, 20_001)
    ]
    paths = [tmp_path / "small.csv", tmp_path / "large.csv"]
    for path, chunks in zip(paths, (6, 48), strict=True):
        with path.open("w") as file:
            file.write(header)
            for chunk in range(chunks):
                file.writelines(row.format(chunk * 20_000 + i + 1) for i, row in enumerate(rows))
    done = subprocess.run(
        [sys.executable, "-c", _INGEST, *map(str, paths), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    few, first, many, second = map(int, done.stdout.split())
    assert (few, many) == (120_000, 960_000)
    assert second - first < 70, f"MB at the peak: {first} for {few} rows, {second} for {many}"
