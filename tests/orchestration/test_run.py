"""What a run refuses before it builds anything, each with its clear error."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from orchestration import run
from orchestration.platform import PROFILES, Names, open_builder
from resources.errors import NotReadyError, SettingsError
from resources.settings.load import load_profile

pytestmark = pytest.mark.great_expectations


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Three weeks of closes, 2023-01-03 … 2023-01-19: the last week lacks its Friday."""
    (tmp_path / "market" / "bars").mkdir(parents=True)
    for day in (3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 19):
        bars = pl.DataFrame({"symbol": ["600000.SH"], "minute": [570], "close": [10.0]})
        bars.write_parquet(tmp_path / "market" / "bars" / f"202301{day:02d}.parquet")
    return tmp_path / "market"


def ask(market: Path, tmp_path: Path, week: str | None, profile: str = "production") -> str:
    return run.run_report(week=week, names=Names(str(market), str(tmp_path / "lake"), profile), say=lambda line: None)


def test_an_incomplete_week_lists_the_days(market: Path, tmp_path: Path) -> None:
    with pytest.raises(
        NotReadyError, match=r"2023-01-16 is incomplete: nothing has landed .* for 2023-01-20 .* 2023-01-09"
    ):
        ask(market, tmp_path, "2023-01-16")


def test_a_week_without_a_trading_day_is_named(market: Path, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="2023-01-23 has no trading day"):
        ask(market, tmp_path, "2023-01-23")


def test_a_week_that_is_no_monday_is_named(market: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="2023-01-10 is a Tuesday; a week is named by its Monday: 2023-01-09"):
        ask(market, tmp_path, "2023-01-10")
    with pytest.raises(SettingsError, match="WEEK=tomorrow is no date"):
        ask(market, tmp_path, "tomorrow")


def test_a_history_too_short_for_a_window_says_how_many_days_are_missing(market: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"gru_50_1 .* holds 9 of the 150 trading days .* 141 are missing; .*short_history"
    ):
        ask(market, tmp_path, "2023-01-09")


def test_the_last_complete_week_is_the_default(market: Path, tmp_path: Path) -> None:
    profile = load_profile("production", PROFILES, {})
    builder = open_builder(Names(str(market), str(tmp_path / "lake"), ""), profile=profile, say=lambda line: None)
    assert run.last_complete_week(builder) == dt.date(2023, 1, 9)


def test_the_command_prints_errors_not_traces(market: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run.main(["--market", str(tmp_path / "nowhere"), "--lake", str(tmp_path / "lake")]) == 1
    assert capsys.readouterr().err.startswith("error: There is no landing zone at")
    assert run.main(["--market", str(market), "--lake", str(tmp_path / "lake"), "--profile", "nonsense"]) == 1
    assert "Profiles: production" in capsys.readouterr().err


def test_one_partition_is_built_with_all_it_is_made_from_and_nothing_else(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    places = ["--market", str(market), "--lake", str(tmp_path / "lake"), "--profile", "production"]
    assert run.main([*places, "--table", "day_indicators", "--date", "2023-01-12"]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    assert (folder / "part.parquet").is_file()
    assert folder == tmp_path / "lake" / "day_indicators" / "date=2023-01-12"
    built = {path.name for path in (tmp_path / "lake").iterdir() if not path.name.startswith("_")}
    assert {"minute_bars", "tape_health", "day_indicators"} <= built
    assert not built & {"factors", "bar_features", "scores", "report"}
    for arguments, said in (
        (["--table", "minutes", "--date", "2023-01-12"], "Tables: trades"),
        (["--table", "minute_bars", "--date", "2023-01-14"], "no trading day"),
        (["--table", "minute_bars", "--date", "soon"], "is no date"),
        (["--table", "minute_bars"], "go together"),
        (["--table", "scores", "--date", "2023-01-18"], "incomplete"),
    ):
        assert run.main([*places, *arguments]) == 1
        assert said in capsys.readouterr().err


def test_a_refusal_is_listed_tried_again_and_forced(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = market / "bars" / "20230103.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:50])
    places = ["--market", str(market), "--lake", str(tmp_path / "lake"), "--profile", "production"]
    one = [*places, "--table", "minute_bars", "--date", "2023-01-03"]
    for _ in range(2):
        assert run.main(one) == 1
        said = capsys.readouterr()
        assert "20230103.parquet is no readable Parquet file" in said.err
    assert "refused before, tried again" in said.out
    assert run.main([*places, "--refused"]) == 0
    listed = capsys.readouterr().out
    assert "tape_health of 2023-01-03: python -m orchestration.run --table tape_health --date 2023-01-03" in listed
    assert "input_is_readable failed" in listed
    assert "Deliver it again" in listed
    path.write_bytes(whole)
    assert run.main(one) == 0
    assert "0 to build" not in capsys.readouterr().out
    assert run.main(one) == 0
    assert "0 to build" in capsys.readouterr().out
    assert run.main([*one, "--force"]) == 0
    said = capsys.readouterr().out
    assert "1 to build" in said
    assert "asked for with --force" in said
    assert run.main([*places, "--refused"]) == 0
    assert "0 partitions" in capsys.readouterr().out
