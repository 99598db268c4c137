"""The errors of a run before it builds anything, and the command line's output."""

import datetime as dt
import json
import shlex
from pathlib import Path

import polars as pl
import pytest

from orchestration import run
from orchestration.plan import Plan, Step
from orchestration.platform import PROFILES, Names, open_builder, open_worker
from orchestration.tables import load_tables
from resources.errors import NotReadyError, SettingsError
from resources.settings.load import load_profile
from resources.stale import NOT_BUILT


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Three weeks of closes, 2023-01-03 … 2023-01-19: the last week lacks its Friday."""
    (tmp_path / "market" / "bars").mkdir(parents=True)
    for day in (3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 19):
        bars = pl.DataFrame({"symbol": ["600000.SH"] * 2, "minute": [565, 570], "close": [10.0, 10.0]})
        bars.write_parquet(tmp_path / "market" / "bars" / f"202301{day:02d}.parquet")
    return tmp_path / "market"


def request(market: Path, tmp_path: Path, week: str | None, profile: str = "production") -> str:
    return run.run_report(week=week, names=Names(str(market), str(tmp_path / "lake"), profile), say=lambda line: None)


def test_an_incomplete_week_lists_the_days(market: Path, tmp_path: Path) -> None:
    with pytest.raises(
        NotReadyError, match=r"2023-01-16 is incomplete: nothing has landed .* for 2023-01-20 .* 2023-01-09"
    ):
        request(market, tmp_path, "2023-01-16")


def test_a_week_without_a_trading_day_is_an_error(market: Path, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="2023-01-23 has no trading day"):
        request(market, tmp_path, "2023-01-23")


def test_a_week_that_is_not_named_by_a_monday_is_an_error(market: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="2023-01-10 is a Tuesday; a week is named by its Monday: 2023-01-09"):
        request(market, tmp_path, "2023-01-10")
    with pytest.raises(SettingsError, match="WEEK=tomorrow is no date"):
        request(market, tmp_path, "tomorrow")


def test_the_error_of_a_short_history_states_the_number_of_missing_days(market: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"gru_50_1 .* holds 9 of the 150 trading days .* 141 are missing; .*short_history"
    ):
        request(market, tmp_path, "2023-01-09")


def test_the_last_complete_week_is_the_default(market: Path, tmp_path: Path) -> None:
    profile = load_profile("production", PROFILES, {})
    builder = open_builder(Names(str(market), str(tmp_path / "lake"), ""), profile=profile, say=lambda line: None)
    assert run.last_complete_week(builder) == dt.date(2023, 1, 9)


def test_the_command_prints_errors_not_traces(market: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run.main(["--market", str(tmp_path / "nowhere"), "--lake", str(tmp_path / "lake")]) == 1
    assert capsys.readouterr().err.startswith("error: There is no landing zone at")
    assert run.main(["--market", str(market), "--lake", str(tmp_path / "lake"), "--profile", "nonsense"]) == 1
    assert "Profiles: production" in capsys.readouterr().err


def test_one_partition_and_its_inputs_are_built_and_nothing_else(
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
    for arguments, message in (
        (["--table", "minutes", "--date", "2023-01-12"], "The tables are trades"),
        (["--table", "minute_bars", "--date", "2023-01-14"], "no trading day"),
        (["--table", "minute_bars", "--date", "soon"], "is no date"),
        (["--table", "minute_bars"], "must be given together"),
        (["--table", "scores", "--date", "2023-01-18"], "incomplete"),
    ):
        assert run.main([*places, *arguments]) == 1
        assert message in capsys.readouterr().err


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
        output = capsys.readouterr()
        assert "20230103.parquet is no readable Parquet file" in output.err
    assert "refused before, tried again" in output.out
    assert run.main([*places, "--refused"]) == 0
    listed = capsys.readouterr().out
    command = shlex.join(["python", "-m", "orchestration.run", *places])
    assert f"tape_health of 2023-01-03: {command} --table tape_health --date 2023-01-03" in listed
    assert "input_is_readable failed" in listed
    assert "Deliver it again" in listed
    path.write_bytes(whole)
    assert run.main(one) == 0
    assert "0 to build" not in capsys.readouterr().out
    assert run.main(one) == 0
    assert "0 to build" in capsys.readouterr().out
    assert run.main([*one, "--force"]) == 0
    output = capsys.readouterr().out
    assert "1 to build" in output
    assert "requested with --force" in output
    assert run.main([*places, "--refused"]) == 0
    assert "0 partitions" in capsys.readouterr().out


def built_tables(lake: Path) -> set[str]:
    return {path.name for path in lake.iterdir() if not path.name.startswith("_")} if lake.exists() else set()


def test_a_plan_of_one_partition_builds_nothing(market: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    lake = tmp_path / "lake"
    places = ["--market", str(market), "--lake", str(lake), "--profile", "production"]
    one = ["--table", "minute_bars", "--date", "2023-01-03"]
    assert run.main([*places, *one, "--plan"]) == 0
    messages = capsys.readouterr().out.splitlines()
    assert messages[0].startswith("minute_bars of 2023-01-03: ")
    assert "minute_bars 2023-01-03: not built" in messages
    assert "tape_health 2023-01-03: not built" in messages
    assert not any(line.startswith("report") for line in messages)
    assert built_tables(lake) == set()
    assert run.main([*places, *one]) == 0
    manifest = lake / "minute_bars" / "date=2023-01-03" / "manifest.json"
    before = manifest.read_bytes()
    capsys.readouterr()
    assert run.main([*places, *one, "--plan"]) == 0
    assert ", 0 to build, 0 blocked" in capsys.readouterr().out
    assert run.main([*places, *one, "--plan", "--force"]) == 0
    assert "minute_bars 2023-01-03: requested with --force" in capsys.readouterr().out
    assert manifest.read_bytes() == before


def test_options_that_contradict_each_other_are_refused(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    places = ["--market", str(market), "--lake", str(tmp_path / "lake"), "--profile", "production"]
    one = ["--table", "minute_bars", "--date", "2023-01-03"]
    for arguments, message in (
        (["--refused", "--plan"], "--refused lists refused partitions"),
        (["--refused", "--force"], "--refused lists refused partitions"),
        (["--refused", "--date", "2023-01-03"], "must be given together"),
        (["--plan", "--table", "minute_bars"], "must be given together"),
        (["--week", "2023-01-02", *one], "use --date instead"),
        (["--day", "2023-01-03", "--week", "2023-01-02"], "cannot be combined with another option"),
        (["--day", "2023-01-03", "--plan"], "cannot be combined with another option"),
    ):
        assert run.main([*places, *arguments]) == 1
        assert message in capsys.readouterr().err
    assert built_tables(tmp_path / "lake") == set()


def test_refused_partitions_are_listed_by_table_and_date(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = market / "bars" / "20230103.parquet"
    path.write_bytes(path.read_bytes()[:50])
    places = ["--market", str(market), "--lake", str(tmp_path / "lake"), "--profile", "production"]
    assert run.main([*places, "--table", "tape_health", "--date", "2023-01-03"]) == 1
    capsys.readouterr()
    refused = [*places, "--refused", "--table"]
    for arguments, count in (
        (["tape_health"], "1 partition of tape_health in"),
        (["tape_health", "--date", "2023-01-03"], "1 partition of tape_health in"),
        (["tape_health", "--date", "2023-01-04"], "0 partitions of tape_health in"),
        (["minute_bars"], "0 partitions of minute_bars in"),
    ):
        assert run.main([*refused, *arguments]) == 0
        output = capsys.readouterr().out
        assert count in output
        assert ("tape_health of 2023-01-03: python" in output) == count.startswith("1")
        assert ("input_is_readable failed: " in output and "20230103.parquet" in output) == count.startswith("1")
    assert run.main([*refused, "nothing"]) == 1
    assert "The tables are trades" in capsys.readouterr().err


def test_rows_without_a_date_are_a_warning_of_every_run_and_a_note(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    days = [f"2023-01-{day:02d}" for day in (3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 19)]
    rows = [(day, f"6000{n:02d}.SH") for day in days for n in range(20)]
    rows[-1], rows[40] = ("20x3/3/28", rows[-1][1]), ("2023/3/32", rows[40][1])
    prices = pl.DataFrame(rows, schema=["date", "symbol"], orient="row").with_columns(
        *((10 + pl.int_range(pl.len()) % 20).cast(pl.Float64).alias(name) for name in ("pre_close", "open", "high", "low", "close")),
        volume=1000 + pl.int_range(pl.len()), float_shares=100_000, total_shares=100_000, is_st=False,
    ).with_columns(amount=pl.col("volume") * pl.col("close"))  # fmt: skip
    (market / "reference").mkdir()
    prices.write_csv(market / "reference" / "daily_prices.csv")
    places = ["--market", str(market), "--lake", str(tmp_path / "lake"), "--profile", "production"]
    one = [*places, "--table", "daily_prices", "--date", "2023-01-03"]
    for arguments in (one, one, [*one, "--force"], [*one, "--plan"]):
        assert run.main(arguments) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "cannot be placed in time" in line]
        assert line.startswith(f"warning: {market}/reference/daily_prices.csv: 2 of 260 rows cannot be placed in time")
        assert "20x3/3/28" in line
        assert "2023/3/32" in line
    manifest = tmp_path / "lake" / "daily_prices" / "date=2023-01-03" / "manifest.json"
    assert json.loads(manifest.read_bytes())["notes"]["rows_without_date"] == {"daily_prices": 2}
    # A run that ends in a refusal reports it too.
    (market / "bars" / "20230104.parquet").write_bytes(b"no Parquet")
    assert run.main([*places, "--table", "day_indicators", "--date", "2023-01-04"]) == 1
    assert "2 of 260 rows cannot be placed in time" in capsys.readouterr().err


def test_the_time_left_counts_each_table_by_its_own_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = load_tables()
    days = [dt.date(2023, 1, day) for day in (3, 4, 5, 6)]
    steps = [Step(tables[name], day, NOT_BUILT()) for name in ("minute_bars", "factors") for day in days]
    steps += [Step(tables[name], days[-1], NOT_BUILT()) for name in ("gru_50_1", "report")]
    messages: list[str] = []
    monkeypatch.setattr("time.perf_counter", lambda: 0.0)
    progress = run._Progress(Plan(tuple(steps), (), 10), messages.append, {"factors": 2.0, "gru_50_1": 100.0})
    monkeypatch.setattr("time.perf_counter", lambda: 12.0)
    progress.advance(["minute_bars"], days[:2], 12.0, {"minute_bars": 12.0})
    # 2 minute_bars of 6 s, 4 factors of 2 s and one training of 100 s; the duration of a report is not known.
    assert messages[-1].endswith("about 2:00 left, without report of unknown duration")
    assert messages[-1].startswith("[ 20%] 2023-01-03 … 2023-01-04: minute_bars")
    monkeypatch.setattr("time.perf_counter", lambda: 52.0)
    progress.advance(["factors"], days, 40.0, {"factors": 40.0})
    assert "about 1:52 left" in messages[-1]
    nothing_known = run._Progress(Plan(tuple(steps), (), 10), messages.append, {})
    nothing_known.advance(["report"], days[-1:], 0.0, {})
    assert messages[-1].endswith("about 0:00 left, without minute_bars, factors, gru_50_1 of unknown duration")


def test_runs_and_plans_report_rules_that_are_not_in_force_yet(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[rulebook.price_limits]]\nsince = 2027-01-04\nboards = ["star"]\npercent = 30\nst_percent = 30\nsource = "a test"'
    )
    one = ["--market", str(market), "--lake", str(tmp_path / "lake"), "--profile", str(file)]
    for more in (["--plan"], []):
        assert run.main([*one, "--table", "daily_prices", "--date", "2023-01-03", *more]) == 0
        assert "declared and not in force by 2023-01-03: rulebook.price_limits since" in capsys.readouterr().out


def test_a_worker_trains_no_more_networks_at_a_time_than_it_has_threads(market: Path, tmp_path: Path) -> None:
    profile = load_profile("sample", PROFILES, {"ZHOUBAO__MODELS__GRU_50_1__THREADS": "8"})
    names = Names(str(market), str(tmp_path / "lake"), "sample")
    worker = open_worker(names, profile, 3, lambda line: None)
    found = {key: row.threads for key, row in worker.settings.models.rows.items()}
    assert found == {key: min(row.threads, 3) for key, row in profile.settings.models.rows.items()}
    assert found["gru_50_1"] == 3
    assert worker.settings.decisive() == profile.settings.decisive()
