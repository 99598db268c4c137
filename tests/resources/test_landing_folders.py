"""The entries of the landing zone's folders: system files, stray entries, undecoded names, and files that cannot be read."""

import contextlib
import datetime as dt
import errno
import io
import json
import os
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import InputError, MachineError, readable
from resources.lake import Lake
from resources.landing import NOTHING, LandingZone
from resources.table import Land

DAY = dt.date(2023, 1, 3)
BARS = pl.DataFrame({"symbol": ["600000.SH"], "minute": [570], "close": [10.0]})
LITTER = [".DS_Store", "._20230103.parquet", "Thumbs.db", "desktop.ini", "~$20230103.parquet", "20230104.parquet.part"]


@pytest.fixture
def zone(tmp_path: Path) -> LandingZone:
    (tmp_path / "bars").mkdir()
    (tmp_path / "ticks" / "20230104").mkdir(parents=True)
    (tmp_path / "ticks" / "20230104" / "trades.csv").write_text("x\n")
    BARS.write_parquet(tmp_path / "bars" / "20230103.parquet")
    return LandingZone(tmp_path)


@pytest.mark.parametrize("folder", ["bars", "ticks"])
@pytest.mark.parametrize("name", [*LITTER, "20230105.tmp", "@eaDir", "__MACOSX", "$RECYCLE.BIN", "README.txt"])
@pytest.mark.parametrize("as_folder", [False, True])
def test_litter_is_not_read(zone: LandingZone, folder: str, name: str, as_folder: bool) -> None:
    entry = zone.root / folder / name
    if as_folder and name == "README.txt":
        return
    entry.mkdir() if as_folder else entry.write_text("x")
    assert zone.days() == [DAY, dt.date(2023, 1, 4)]


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "~$trades.csv"])
def test_litter_in_a_day_of_ticks_changes_nothing(zone: LandingZone, name: str) -> None:
    before = zone.digest("ticks", dt.date(2023, 1, 4), False)
    (zone.root / "ticks" / "20230104" / name).write_text("x")
    assert zone.digest("ticks", dt.date(2023, 1, 4), False) == before


@pytest.mark.parametrize(
    ("links", "named"),
    [
        ({"loop": "."}, "loop"),
        ({"SH/loop": ".."}, "SH/loop"),
        ({"SH/others": "../SZ", "SZ/others": "../SH"}, "S[HZ]/others/others"),
        ({"loop": "loop"}, "loop"),
        ({"one": "two", "two": "one"}, "(one|two)"),
    ],
)
def test_a_link_that_leads_back_is_an_error(zone: LandingZone, links: dict[str, str], named: str) -> None:
    day = zone.root / "ticks" / "20230104"
    for folder in ("SH", "SZ"):
        (day / folder).mkdir()
        (day / folder / "trades.csv").write_text("x\n")
    for link, target in links.items():
        (day / link).symlink_to(target)
    with pytest.raises(InputError, match=rf"{day}/{named} is a link .* Remove"):
        zone.tick_files(dt.date(2023, 1, 4))


NAMES = ["SH", "SZ", "trades.csv", "orders.csv.tmp", *LITTER[:2]]


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["20230104", "20230105", "20230106.tmp", ".git"]),
            st.lists(st.sampled_from(NAMES), max_size=3),
            st.sampled_from(["file", "folder", "link to a file", "link to a folder"]),
        ),
        max_size=12,
    )
)
def test_days_and_files_are_those_of_a_plain_walk(entries: list[tuple[str, list[str], str]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        elsewhere, ticks = Path(root, "elsewhere"), Path(root, "market", "ticks")
        (elsewhere / "SZ").mkdir(parents=True)
        (elsewhere / "SZ" / "quotes.csv").write_text("x\n")
        ticks.mkdir(parents=True)
        for day, below, kind in entries:
            path = ticks.joinpath(day, *below)
            with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
                if kind == "folder" or not below:
                    path.mkdir(parents=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                if kind == "file":
                    path.write_text("x\n")
                else:
                    path.symlink_to(elsewhere / "SZ" / "quotes.csv" if kind.endswith("file") else elsewhere)
        zone, litter = LandingZone(Path(root, "market")), set(LITTER[:2])
        found = {
            day: sorted(
                Path(folder, file)
                for folder, _, files in os.walk(ticks / day, followlinks=True)
                for file in files
                if not litter.intersection(Path(folder, file).relative_to(ticks / day).parts)
            )
            for day in ("20230104", "20230105")
        }
        for day, files in found.items():
            assert zone.tick_files(dt.date(2023, 1, int(day[-2:]))) == files
        assert zone.days() == [dt.date(2023, 1, int(day[-2:])) for day, files in found.items() if files]


def test_links_that_do_not_lead_back_are_followed(zone: LandingZone, tmp_path: Path) -> None:
    """A folder may be reached twice: a delivery that is in a day twice counts once, by its rows."""
    day = zone.root / "ticks" / "20230104"
    (day / "SH").mkdir()
    (day / "SH" / "orders.csv").write_text("x\n")
    (day / "again").symlink_to("SH")
    found = [path.relative_to(day).as_posix() for path in zone.tick_files(dt.date(2023, 1, 4))]
    assert found == ["SH/orders.csv", "again/orders.csv", "trades.csv"]


def test_a_file_that_is_being_copied_into_a_day_is_listed(zone: LandingZone) -> None:
    (zone.root / "ticks" / "20230104" / "orders.csv.part").write_text("x")
    assert [path.name for path in zone.tick_files(dt.date(2023, 1, 4))] == ["orders.csv.part", "trades.csv"]


@pytest.mark.parametrize(
    ("stray", "message"),
    [
        ("bars/20230103 (1).parquet", "a copy of another entry"),
        ("bars/20230103 - Copy.parquet", "a copy of another entry"),
        ("bars/20230103.v2.parquet", "named by their trading day"),
        ("bars/20230103 (1).order_sizes.parquet", "a copy of another entry"),
        ("bars/20230132.parquet", "named by their trading day"),
        ("bars/20230103.csv", "Deliver it as Parquet"),
        ("bars/20230103.xlsx", "Deliver it as Parquet"),
        ("bars/2023/20230105.parquet", "folders in bars/ are not read"),
        ("ticks/20230104 (1)/trades.csv", "a copy of another entry"),
        ("ticks/2023-01-05/trades.csv", "named by their trading day"),
        ("ticks/20230105.zip", "beside the folders of the days"),
        ("ticks/20230105.csv.gz", "beside the folders of the days"),
    ],
)
def test_a_stray_entry_is_an_error_that_names_it(zone: LandingZone, stray: str, message: str) -> None:
    path = zone.root / stray
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    with pytest.raises(InputError, match=message) as caught:
        zone.days()
    assert "/".join(stray.split("/")[:2]) in str(caught.value)


def test_gbk_file_names_are_read_and_can_be_printed(zone: LandingZone) -> None:
    raw = os.fsdecode("逐笔成交".encode("gbk"))
    path = zone.root / "ticks" / "20230104" / f"{raw}.csv"
    try:
        path.write_text("x\n")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    assert len(zone.tick_files(dt.date(2023, 1, 4))) == 2
    zone.digest("ticks", dt.date(2023, 1, 4), False)
    zone.flush()
    (zone.root / "ticks" / raw).mkdir()
    with pytest.raises(InputError, match="逐笔成交") as caught:
        zone.days()
    str(caught.value).encode()


@pytest.mark.parametrize("text", ["bars", "逐笔", "a\udcd6b", "\udcff", "\udc80\udc80"])
def test_any_name_can_be_encoded(text: str) -> None:
    readable(text).encode()
    assert readable(text) == text or max(text) >= "\udc80"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
def test_the_market_s_name_is_read_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = json.dumps({"name": "沪深"}, ensure_ascii=False)
    (tmp_path / "market.json").write_bytes(text.encode(encoding))
    assert LandingZone(tmp_path).about == {"name": "沪深"}


@pytest.mark.parametrize(
    "data", [b"[]", b"[[1, 2]]", b"3", b"null", b'"name"', b"{", b"", b"\xff\xff\xff", b"[" * 100_000]
)
def test_a_market_file_that_is_no_object_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "market.json").write_bytes(data)
    with pytest.raises(InputError, match=r"market\.json is no JSON object"):
        _ = LandingZone(tmp_path).about


# --- faults of the machine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOENT, errno.EMFILE, errno.ENOMEM])
@pytest.mark.parametrize("how", ["read_bytes", "open", "stat"])
def test_a_file_that_cannot_be_read_is_no_verdict(
    zone: LandingZone, monkeypatch: pytest.MonkeyPatch, number: int, how: str
) -> None:
    view = zone.view(DAY, [Land("bars")])

    def fail(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    asked = {
        "read_bytes": lambda: view.bars(),
        "open": lambda: zone.digest("bars", DAY, False),
        "stat": lambda: zone.bar_files(DAY),
    }[how]
    monkeypatch.setattr(Path, how, fail)
    if how == "stat" and number == errno.ENOENT:
        assert asked() == []
        return
    with pytest.raises(MachineError, match=r"20230103\.parquet cannot be read"):
        asked()


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file_is_a_fault_of_the_delivery(zone: LandingZone, keep: int) -> None:
    path = zone.root / "bars" / "20230103.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"20230103\.parquet is no readable Parquet file"):
        zone.view(DAY, [Land("bars")]).bars()


@pytest.mark.parametrize("link", ["bars/20230105.parquet", "ticks/20230105", "ticks/20230104/orders.csv"])
def test_a_link_without_a_target_is_a_fault_of_the_machine(zone: LandingZone, tmp_path: Path, link: str) -> None:
    """An example is a share that is not mounted."""
    target = tmp_path / "share"
    (zone.root / link).symlink_to(target)
    with pytest.raises(MachineError, match=f"{link} cannot be read: FileNotFoundError"):
        [zone.digest(name, day, False) for name in ("bars", "ticks") for day in zone.days()]
    if link == "ticks/20230105":
        target.mkdir()
        (target / "trades.csv").write_text("x\n")
    else:
        BARS.write_parquet(target)
    expected = [DAY, dt.date(2023, 1, 4), *([] if "20230104" in link else [dt.date(2023, 1, 5)])]
    assert zone.days() == expected
    assert len(zone.tick_files(dt.date(2023, 1, 4))) == (2 if "20230104" in link else 1)


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(zone: LandingZone, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = zone.root / "ticks" / "20230104" / "SZ"
    inner.mkdir()
    (inner / "trades.csv").write_text("x\n")
    real = os.scandir

    def fail(path: Path) -> object:
        if path == inner:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    assert len(zone.tick_files(dt.date(2023, 1, 4))) == 2
    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(MachineError, match="20230104/SZ cannot be read"):
        zone.tick_files(dt.date(2023, 1, 4))


def test_days_are_listed_once_in_a_snapshot(zone: LandingZone) -> None:
    before = zone.days()
    with zone.snapshot():
        zone.days().clear()  # what a caller does with the list does not change the next one
        (zone.root / "bars" / "20230105.parquet").write_bytes(b"")
        assert zone.days() == before
    assert zone.days() == [*before, dt.date(2023, 1, 5)]


def test_a_folder_reached_by_a_link_is_read(zone: LandingZone, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "orders.csv").write_text("x\n")
    (zone.root / "ticks" / "20230104" / "SZ").symlink_to(tmp_path / "elsewhere")
    assert [path.name for path in zone.tick_files(dt.date(2023, 1, 4))] == ["orders.csv", "trades.csv"]


@pytest.mark.parametrize(
    "name",
    [
        "daily_prices.xlsx",
        "Daily_Prices.CSV",
        "daily_prices (1).csv",
        "daily_prices.csv.gz",
        "daily_prices-2023.parquet",
    ],
)
def test_a_reference_table_under_another_name_is_an_error(zone: LandingZone, name: str) -> None:
    (zone.root / "reference").mkdir()
    for other in (name, "index_prices_of_others.csv", "daily_prices.txt", ".daily_prices.csv.swp"):
        (zone.root / "reference" / other).write_text("x")
    assert zone.reference_path("index_prices") is None
    with pytest.raises(
        InputError, match=r"daily_prices is read only from daily_prices\.parquet or daily_prices\.csv"
    ) as caught:
        zone.reference_path("daily_prices")
    assert name in str(caught.value)


# --- a table that is there and not there --------------------------------------------------------------------------------

INDEX = pl.DataFrame({"index": ["000905.SH"], "date": [DAY], "close": [5000.0]})


def deliver_index(zone: LandingZone) -> Path:
    path = zone.root / "reference" / "index_prices.parquet"
    path.parent.mkdir(exist_ok=True)
    INDEX.write_parquet(path)
    return path


def blind(monkeypatch: pytest.MonkeyPatch, path: Path, times: int) -> None:
    """The first listings do not find the file, as on a network folder that answers late."""
    real, left = Path.stat, [times]

    def stat(self: Path, **named: bool) -> os.stat_result:
        if self == path and left[0]:
            left[0] -= 1
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return real(self, **named)

    monkeypatch.setattr(Path, "stat", stat)


@pytest.mark.parametrize("known", [False, True], ids=["first listing", "listed before"])
def test_a_table_that_one_listing_misses_is_read(
    zone: LandingZone, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    path = deliver_index(zone)
    if known:
        assert zone.reference_path("industries") is None
    blind(monkeypatch, path, 1)
    assert zone.reference_path("index_prices") == path


def test_a_table_that_is_listed_and_never_found_is_a_fault_of_the_machine(
    zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deliver_index(zone)
    with monkeypatch.context() as patched:
        blind(patched, path, -1)
        with pytest.raises(MachineError, match=r"index_prices\.parquet is listed in its folder and cannot be found"):
            zone.digest("index_prices", DAY, True)
    assert zone.digest("index_prices", DAY, True) != NOTHING


def test_a_table_that_was_removed_is_absent(zone: LandingZone) -> None:
    path = deliver_index(zone)
    assert zone.reference_path("industries") is None  # lists the folder
    before = (path.parent.stat().st_atime_ns, path.parent.stat().st_mtime_ns)
    path.unlink()
    os.utime(path.parent, ns=before)
    assert zone.reference_path("index_prices") is None


def test_a_table_that_is_a_folder_is_an_error(zone: LandingZone) -> None:
    (zone.root / "reference" / "daily_prices.parquet").mkdir(parents=True)
    with pytest.raises(InputError, match=r"daily_prices\.parquet is a folder, and a reference table is one file"):
        zone.reference_path("daily_prices")


def test_absent_tables_need_one_listing(zone: LandingZone, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver_index(zone)
    listed: list[Path] = []
    real = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or real(path))
    for _ in range(50):
        assert all(zone.digest(name, DAY, True) == NOTHING for name in ("industries", "fundamentals", "instruments"))
    assert listed == [zone.root / "reference"]
    (zone.root / "reference" / "industries (1).csv").write_text("x")
    with pytest.raises(InputError, match=r"industries \(1\)\.csv is not read"):
        zone.digest("industries", DAY, True)


# --- digests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["written over", "put in its place"])
@pytest.mark.parametrize("again", [False, True], ids=["in one run", "in the next run"])
def test_a_correction_of_the_same_size_and_time_is_detected(
    zone: LandingZone, tmp_path: Path, how: str, again: bool
) -> None:
    """rsync -t, cp -p and archives keep the time of a corrected file."""
    store = Lake(str(tmp_path / "lake")).store
    zone = LandingZone(zone.root, store)
    paths = {"bars": zone.root / "bars" / "20230103.parquet", "index_prices": deliver_index(zone)}
    tick = zone.root / "ticks" / "20230104" / "trades.csv"
    days = {"bars": DAY, "index_prices": DAY, "ticks": dt.date(2023, 1, 4)}
    before = {name: zone.digest(name, day, True) for name, day in days.items()}
    zone.flush()
    rows = {"bars": BARS.with_columns(close=pl.lit(11.0)), "index_prices": INDEX.with_columns(close=pl.lit(5001.0))}
    for path, name in ((tick, "ticks"), *((path, name) for name, path in paths.items())):
        held, data = path.stat(), b"y\n"
        if name in rows:
            buffer = io.BytesIO()
            rows[name].write_parquet(buffer)
            data = buffer.getvalue()
        assert len(data) == held.st_size
        target = path if how == "written over" else path.with_name(f"{path.name}.tmp")
        target.write_bytes(data)
        os.utime(target, ns=(held.st_atime_ns, held.st_mtime_ns))
        target.replace(path)
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (held.st_size, held.st_mtime_ns)
    after = LandingZone(zone.root, store) if again else zone
    for name, day in days.items():
        assert after.digest(name, day, True) != before[name], name


@pytest.mark.parametrize("kept", [{"x": 3}, {"x": []}, {"x": ["a", 1]}, {"x": {}}, [], "x", {"x": None}])
def test_stored_digests_of_an_unknown_form_are_computed_again(tmp_path: Path, zone: LandingZone, kept: object) -> None:
    store = Lake(str(tmp_path / "lake")).store
    path = str(zone.root / "bars" / "20230103.parquet")
    text = json.dumps(kept).replace('"x"', json.dumps(path))
    store.write_bytes("_digests/bars.json", text.encode())
    assert LandingZone(zone.root, store).digest("bars", DAY, False) == zone.digest("bars", DAY, False)
