"""How a run reports failed checks: one line per table and check, causes only, and the error before other failures."""

import dataclasses
import datetime as dt
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration import run
from orchestration.findings import SHOWN, describe_warnings, failed_checks
from orchestration.run import build
from resources.builder import Builder
from resources.errors import NotReadyError
from resources.gate import Between, Check, Verdict, own_failures
from resources.landing import LandingView
from resources.language import Bilingual
from resources.reasons import TEXT
from tests.resources.fake_tables import ACCOUNT, AVERAGES, PRICES, TABLES, TOTALS
from tests.resources.small_market import DAYS, WEEKS, deliver, open_world

SANE, LOW = PRICES.checks[0], Between("close", 0, 20)
LOOK = Bilingual("查看", "look")
WORRIES = dataclasses.replace(
    PRICES,
    checks=(
        Check("prices_below_twenty", LOW, False, LOOK, critical_share=1, explained_by=("prices_are_sane",)),
        SANE,
        Check(
            "prices_are_whole",
            Between("close", 0, 19.5),
            False,
            Bilingual("取整", "round them"),
            critical_share=1,
            plausibility=True,
        ),
    ),
)


def opened(market: Path, lake: Path, tables: dict | None = None) -> Builder:
    builder = open_world(market, lake)
    builder.tables = tables or {**TABLES, "prices": WORRIES}
    return builder


def built(builder: Builder, *requested: tuple[str, dt.date]) -> list[str]:
    messages: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        build(builder, list(requested) or [("totals", WEEKS[-1])], instance=instance, say=messages.append)
    return messages


def test_a_check_that_warns_on_many_days_is_one_line(market: Path, tmp_path: Path) -> None:
    messages = built(opened(market, tmp_path / "lake"))
    warned = [line for line in messages if line.startswith("warning: ")]
    # 000001.SZ closes at 20.0, 19.75 and 19.5 on the first days; 600000.SH at 20 and above from the eleventh on.
    above_20 = [day for n, day in enumerate(DAYS) if 10.0 + n > 20]
    above_19_5 = [day for n, day in enumerate(DAYS) if max(10.0 + n, 20.0 - n / 4) > 19.5]
    assert len(above_20) > 1
    assert len(above_19_5) > 3
    for line, check, days in zip(
        warned, ("prices_below_twenty", "prices_are_whole"), (above_20, above_19_5), strict=True
    ):
        where = f"[prices/date={days[0]} and {len(days) - 1} more until {days[-1]}]"
        assert line.startswith(
            f"warning: {where} {check} failed in {len(days)} of {len(DAYS)} partitions: close must be"
        )
    assert messages.index(warned[-1]) == len(messages) - 2  # after all that was built
    assert "manifest.json in the named folders of" in messages[-1]
    # Partitions that are not built again were reported by the run before.
    assert not [line for line in built(opened(market, tmp_path / "lake")) if "warning" in line]


def test_a_failure_that_an_input_s_failure_explains_is_not_reported(market: Path, tmp_path: Path) -> None:
    high = Check("means_below_20", Between("mean", 0, 19.9), False, LOOK, explained_by=("prices.prices_are_whole",))
    averages = dataclasses.replace(AVERAGES, checks=(dataclasses.replace(high, critical_share=1),))
    builder = opened(market, tmp_path / "lake", {"prices": WORRIES, "averages": averages, "totals": TOTALS})
    matching = [line for line in built(builder) if "means_below_20" in line]
    assert matching == []
    alone = dataclasses.replace(averages, checks=(dataclasses.replace(averages.checks[0], explained_by=()),))
    again = opened(market, tmp_path / "alone", {"prices": WORRIES, "averages": alone, "totals": TOTALS})
    (line,) = [line for line in built(again) if "means_below_20" in line]
    where = f"[averages/date={DAYS[0]} and 3 more until {DAYS[-1]}]"
    assert line.startswith(f"warning: {where} means_below_20 failed in 4 of {len(DAYS)} partitions")


def test_nothing_is_reported_where_nothing_failed(market: Path, tmp_path: Path) -> None:
    builder = opened(market, tmp_path / "lake", dict(TABLES))
    assert not [line for line in built(builder) if "warning" in line or "manifest" in line]


def test_a_refusal_is_reported_before_other_failures_and_once_for_all_days(market: Path, tmp_path: Path) -> None:
    bad = [DAYS[1], DAYS[4], DAYS[5]]
    for day in bad:
        deliver(market, day, {"600000.SH": 5000.0 + day.day})
    with pytest.raises(NotReadyError) as caught:
        built(opened(market, tmp_path / "lake"))
    head, line, more = str(caught.value).splitlines()
    assert "a gate refused 3 partitions it is made from (3 of prices: prices_are_sane)" in head
    assert line.startswith(
        f"  [prices/date={bad[0]} and 2 more until {bad[-1]}] prices_are_sane failed: close must be between"
    )
    assert "close=5004.0" in line
    assert more.endswith("--refused")
    notes = caught.value.__notes__
    assert [note.split("] ")[1].split(" failed")[0] for note in notes[:-1]] == [
        "prices_below_twenty",
        "prices_are_whole",
    ]
    assert not any(str(day) in note.split("]")[0].split(" ")[1] for note in notes[:-1] for day in bad)


def test_a_refusal_that_the_target_does_not_depend_on_is_reported_too(market: Path, tmp_path: Path) -> None:
    for day in DAYS[-2:]:
        deliver(market, day, {"600000.SH": 5000.0})
    messages = built(opened(market, tmp_path / "lake"), *(("prices", day) for day in DAYS), ("totals", WEEKS[0]))
    where = f"[prices/date={DAYS[-2]} and 1 more until {DAYS[-1]}]"
    (line,) = [line for line in messages if line.startswith("refused: ")]
    assert line.startswith(f"refused: {where} prices_are_sane failed: close must be between")


def test_an_input_that_cannot_be_read_is_reported_before_the_checks(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[1], {"600000.SH": 5000.0})
    deliver(market, DAYS[2], {"600000.SH": -1.0})
    with pytest.raises(NotReadyError) as caught:
        built(opened(market, tmp_path / "lake"))
    lines = str(caught.value).splitlines()[1:]
    assert [line.split("] ")[1].split(" failed")[0] for line in lines] == ["input_is_readable", "prices_are_sane"]


def test_data_that_is_still_arriving_is_reported_beside_refusals(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(market, DAYS[1], {"600000.SH": 5000.0})
    real = LandingView.bars

    def arriving(view: LandingView):
        frame = real(view)
        if view.date == DAYS[4]:
            deliver(market, DAYS[4], {"600000.SH": 14.0})
        return frame

    monkeypatch.setattr(LandingView, "bars", arriving)
    with pytest.raises(NotReadyError) as caught:
        built(opened(market, tmp_path / "lake"))
    first, second = str(caught.value).splitlines()[1:]
    assert "prices_are_sane failed" in first
    assert f"prices of {DAYS[4]}: " in second
    assert "still arriving" in second


def test_a_table_that_lists_failed_plausibility_checks_is_not_repeated(market: Path, tmp_path: Path) -> None:
    account = dataclasses.replace(
        ACCOUNT,
        checks=(
            Check(
                "nothing_failed",
                Between("failed", 0, 0),
                critical=True,
                remedy=Bilingual("更正价格", "mend the prices"),
            ),
        ),
    )
    builder = opened(market, tmp_path / "lake", {"prices": WORRIES, "account": account})
    with pytest.raises(NotReadyError, match="nothing_failed failed") as caught:
        built(builder, *(("prices", day) for day in DAYS), ("account", WEEKS[-1]))
    assert any("prices_below_twenty" in note for note in caught.value.__notes__)
    assert not any("prices_are_whole" in note for note in caught.value.__notes__)


def test_long_reasons_are_cut_and_partitions_of_an_earlier_state_are_left_out(market: Path, tmp_path: Path) -> None:
    builder = opened(market, tmp_path / "lake")
    builder.build(WORRIES, DAYS)
    asked = [(WORRIES, day) for day in DAYS]
    findings = failed_checks(builder, asked)
    assert [(one.check, one.refuses, one.plausibility) for one in findings] == [
        ("prices_below_twenty", False, False),
        ("prices_are_whole", False, True),
    ]
    verdict = Verdict(False, False, TEXT(text="word " * 1000 + "."), Bilingual("取整", "round them"))
    long = [dataclasses.replace(one, first=verdict) for one in findings]
    warned = describe_warnings(builder, long)
    assert all(len(line) < SHOWN + 200 for line in warned)
    assert all(line.endswith("Remedy: round them") for line in warned[:-1])
    for day in DAYS[5:]:
        builder.lake.set_outdated(WORRIES, day, TEXT(text="it could not be renewed"))
    assert {key for one in failed_checks(builder, asked) for key in one.keys} <= set(DAYS[:5])
    assert failed_checks(builder, [(TOTALS, WEEKS[0])]) == []  # not built


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 63)), min_size=6, max_size=6),
)
def test_at_least_one_failed_check_remains_unexplained(rows: list[tuple[bool, bool, int]]) -> None:
    """Rows: passed, critical, and the causes as bits. Causes precede what they explain, so that no two checks explain each other."""
    checks = [
        Check(str(n), LOW, critical, LOOK, explained_by=tuple(str(one) for one in range(n) if causes >> one & 1))
        for n, (_, critical, causes) in enumerate(rows)
    ]
    verdicts = {str(n): Verdict(passed, critical) for n, (passed, critical, _) in reversed([*enumerate(rows)])}
    left = own_failures(checks, verdicts)
    failed = {name for name, one in verdicts.items() if not one.passed}
    assert set(left) <= failed
    assert list(left) == sorted(left)
    assert bool(left) == bool(failed)
    assert any(one.refuses for one in left.values()) == any(one.refuses for one in verdicts.values())
    for n, check in enumerate(checks):
        explained = any(cause in failed for cause in check.explained_by)
        if str(n) in failed and not explained:
            assert str(n) in left
        if str(n) in left and explained:
            assert verdicts[str(n)].refuses
            assert not any(verdicts[cause].refuses for cause in check.explained_by)


def test_the_command_prints_the_error_first(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def refuse(**_: object) -> str:
        error = NotReadyError("report of 2023-01-16 cannot be built")
        error.add_note("warning: something else")
        raise error

    monkeypatch.setattr(run, "run_report", refuse)
    assert run.main(["--market", str(market), "--lake", str(tmp_path / "lake")]) == 1
    messages = capsys.readouterr().err.splitlines()
    assert messages == ["error: report of 2023-01-16 cannot be built", "warning: something else"]


@pytest.mark.parametrize("there", [False, True], ids=["no folder", "an empty folder"])
def test_listing_refusals_of_a_lake_that_does_not_exist_is_an_error(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture, there: bool
) -> None:
    lake = tmp_path / "nowhere"
    if there:
        lake.mkdir()
    assert run.main(["--market", str(market), "--lake", str(lake), "--profile", "production", "--refused"]) == 1
    assert f"There is no lake at {lake}" in capsys.readouterr().err
    assert lake.exists() == there
