"""Damaged lakes and unusual reference files are built again, read as intended, or reported in a sentence, never a traceback."""

import datetime as dt
import errno
import json
from pathlib import Path

import polars as pl
import pytest

from resources.errors import InputError, LakeError
from resources.lake import Lake
from resources.landing import LandingZone
from tests.resources.fake_tables import AVERAGES, PRICES
from tests.resources.small_market import DAYS, build_all, open_world


def deliver(root: Path, name: str, data: bytes) -> LandingZone:
    (root / "reference").mkdir(parents=True)
    (root / "reference" / name).write_bytes(data)
    return LandingZone(root)


# --- the lake -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["", "{", '{"table": "pri', '{"a": 1}', "[]", "null"])
def test_a_damaged_manifest_means_not_built(market: Path, tmp_path: Path, kept: str) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    path = tmp_path / "lake" / Lake.folder(PRICES, DAYS[0]) / "manifest.json"
    good = json.loads(path.read_text())
    path.write_text(kept)
    planned = build_all(open_world(market, tmp_path / "lake"))
    assert (PRICES.name, DAYS[0], "damaged: manifest.json does not hold what was written") in planned
    assert json.loads(path.read_text())["content"] == good["content"]


@pytest.mark.parametrize("kept", ["", "{", "[]", "null", "{}"])
def test_damaged_digests_are_worked_out_again(market: Path, tmp_path: Path, kept: str) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    for path in (tmp_path / "lake" / "_digests").iterdir():
        path.write_text(kept)
    assert not build_all(open_world(market, tmp_path / "lake"))


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PAR1nothingPAR1")])
def test_a_damaged_part_is_built_again(market: Path, tmp_path: Path, damage) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    damage(tmp_path / "lake" / Lake.folder(PRICES, DAYS[0]) / "part.parquet")
    builder = open_world(market, tmp_path / "lake")
    assert builder.lake.verify([Lake.folder(PRICES, day) for day in DAYS]) == [Lake.folder(PRICES, DAYS[0])]
    (outcome,) = builder.build(AVERAGES, [DAYS[0]], force=True)
    assert outcome.state == "blocked"
    assert f"needs prices of {DAYS[0]}, which is damaged" in str(outcome.detail)
    build_all(open_world(market, tmp_path / "lake"))
    assert not open_world(market, tmp_path / "lake").lake.verify([Lake.folder(PRICES, day) for day in DAYS])


def test_a_lake_that_cannot_be_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for url in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(LakeError, match=f"{tmp_path / 'file'} is a file"):
            Lake(str(url))
    with pytest.raises(LakeError, match="neither a folder nor an s3:// URL"):
        Lake("ftp://somewhere/lake")


def test_a_full_disk_is_reported_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", replace)
    with pytest.raises(LakeError, match=r"a/b cannot be written: .*No space left on device"):
        Lake(str(tmp_path)).store.write_bytes("a/b", b"x")
    assert not list((tmp_path / "a").iterdir())


def test_s3_without_credentials_is_reported_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("s3fs")
    from botocore.exceptions import NoCredentialsError

    store = Lake("s3://bucket/lake").store

    def refuse(*_: object) -> bytes:
        raise NoCredentialsError

    monkeypatch.setattr(store._fs, "cat_file", refuse)
    with pytest.raises(LakeError, match=r"Unable to locate credentials.*AWS_"):
        store.read_bytes("a")


# --- reference tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"index,date,close\n000905.SH,2023-10-10,1,2,3\n", "1 × a line of 5 fields under a header of 3. Correct"),
    ],
    ids=["empty", "a row too long"],
)
def test_an_unreadable_csv_is_named(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(InputError, match=rf"index_prices\.csv.*{why}"):
        deliver(tmp_path, "index_prices.csv", data).frame("index_prices")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_csv_may_be_utf8_or_gbk(tmp_path: Path, encoding: str) -> None:
    text = "symbol,start_date,industry\n600519.SH,2001-08-27,食品饮料\n"
    frame = deliver(tmp_path, "industries.csv", text.encode(encoding)).frame("industries")
    assert frame is not None
    assert frame["industry"].to_list() == ["食品饮料"]


@pytest.mark.parametrize(
    "date",
    [
        pl.Series([20231010]),
        pl.Series([20231010.0]),
        pl.Series(["20231010"]),
        pl.Series([dt.datetime(2023, 10, 10)]),
        pl.Series([dt.datetime(2023, 10, 10)]).dt.replace_time_zone("Asia/Shanghai"),
    ],
    ids=["integer", "float", "text", "datetime", "datetime with a zone"],
)
def test_a_date_is_read_as_meant(tmp_path: Path, date: pl.Series) -> None:
    """With a zone it must not slip to the day before, where it would be known too early."""
    path = tmp_path / "delivered.parquet"
    pl.DataFrame({"index": ["000905.SH"], "date": date, "close": [1.0]}).write_parquet(path)
    frame = deliver(tmp_path / "market", "index_prices.parquet", path.read_bytes()).frame("index_prices")
    assert frame is not None
    assert frame["date"].to_list() == [dt.date(2023, 10, 10)]


@pytest.mark.parametrize("date", [pl.Series([19640.0]), pl.Series([float("nan")]), pl.Series([[1]])])
def test_a_date_that_is_none_is_an_error(tmp_path: Path, date: pl.Series) -> None:
    path = tmp_path / "delivered.parquet"
    pl.DataFrame({"index": ["000905.SH"], "date": date, "close": [1.0]}).write_parquet(path)
    with pytest.raises(InputError, match=r"index_prices\.parquet"):
        deliver(tmp_path / "market", "index_prices.parquet", path.read_bytes()).frame("index_prices")


def test_a_market_that_misdescribes_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "market.json").write_text("{")
    with pytest.raises(InputError, match=r"market\.json is no JSON object"):
        _ = LandingZone(tmp_path).about


def test_an_empty_tick_folder_has_not_landed(tmp_path: Path) -> None:
    (tmp_path / "ticks" / "20231010").mkdir(parents=True)
    (tmp_path / "ticks" / "20231011" / "sz").mkdir(parents=True)
    (tmp_path / "ticks" / "20231011" / "sz" / "mdl_6_36_0.csv").write_text("ChannelNo")
    assert LandingZone(tmp_path).days() == [dt.date(2023, 10, 11)]
