"""A landing zone of nothing but real tapes, through Dagster's own command line, as a desk would first try it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[2]
REAL_DATA = ROOT.parent / "shared" / "data"
TABLES = "trades,orders,quotes,tape_health,order_sizes,minute_bars,day_indicators"
# Exchange totals of 2023-02-01 (shares, yuan).
TOTALS = {
    "600519.SH": (3_397_389, 6_244_678_924.61),
    "000001.SZ": (165_342_148, 2_426_471_972.52),
    "600000.SH": (18_659_542, 137_294_549.42),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real tapes are not beside this checkout: ../shared/data"),
]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tapes")
    shutil.copytree(REAL_DATA / "datayes" / "20230201", root / "ticks" / "20230201")
    shutil.copytree(REAL_DATA / "insight" / "20230711", root / "ticks" / "20230711")
    return root


def materialize(market: Path, lake: Path, day: str, select: str = TABLES) -> subprocess.CompletedProcess:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ZHOUBAO")},
        "ZHOUBAO_MARKET": str(market),
        "ZHOUBAO_LAKE": str(lake),
    }
    environment.pop("DAGSTER_HOME", None)
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "orchestration.definitions"]
    return subprocess.run(
        [*command, "--select", select, "--partition", day], cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def lake(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    for day in ("2023-02-01", "2023-07-11"):
        done = materialize(market, folder, day)
        assert done.returncode == 0, done.stderr[-4000:]
    return folder


def test_bars_add_up_to_the_exchange_to_the_share_and_the_cent(lake: Path) -> None:
    bars = pl.read_parquet(lake / "minute_bars" / "date=2023-02-01" / "part.parquet")
    sums = {row[0]: row[1:] for row in bars.group_by("symbol").agg(pl.col("volume", "amount").sum()).iter_rows()}
    for symbol, (volume, amount) in TOTALS.items():
        assert sums[symbol][0] == volume
        assert round(sums[symbol][1], 2) == amount


def test_the_second_tape_adds_up_to_its_own_rows(lake: Path) -> None:
    bars = pl.read_parquet(lake / "minute_bars" / "date=2023-07-11" / "part.parquet")
    plain: dict[str, list[float]] = {}
    lines = (REAL_DATA / "insight" / "20230711" / "SHtrans.csv").read_text("utf-8").splitlines()
    header = lines[0].split(",")
    at = {name: header.index(name) for name in ("SecurityID", "TradeQty", "TradeMoney")}
    for line in lines[1:]:
        cells = line.split(",")
        total = plain.setdefault(cells[at["SecurityID"]], [0, 0.0])
        total[0] += int(cells[at["TradeQty"]])
        total[1] += float(cells[at["TradeMoney"]])
    for symbol, (volume, amount) in plain.items():
        own = bars.filter(pl.col("symbol") == symbol)
        assert own["volume"].sum() == volume
        assert abs(own["amount"].sum() - amount) < 0.01


def test_a_truncated_file_fails_its_gate_and_says_what_is_missing(market: Path, tmp_path: Path) -> None:
    short = tmp_path / "market"
    shutil.copytree(market, short)
    path = short / "ticks" / "20230201" / "20230201_Transaction.csv"
    os.chmod(path, 0o644)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]), "utf-8")
    done = materialize(short, tmp_path / "lake", "2023-02-01")
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "20230201_Transaction.csv ends at" in output
    assert "early_ends_are_proven" in output
    assert not (tmp_path / "lake" / "minute_bars" / "date=2023-02-01" / "manifest.json").exists()
