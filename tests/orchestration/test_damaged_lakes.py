"""The driver on damaged lakes: it names what is damaged, builds it again in the same run, and can read a whole lake."""

from pathlib import Path

import dagster as dg
import pytest

from orchestration import run
from tests.orchestration.small_run import open_small
from tests.resources.small_market import DAYS, WEEKS


@pytest.fixture
def command(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The driver's command line on the fake tables."""
    monkeypatch.setattr(run, "open_builder", lambda names, **_: open_small(str(market), str(tmp_path / "lake")))
    places = ["--market", str(market), "--lake", str(tmp_path / "lake")]
    return lambda *arguments: run.main([*places, *arguments])


def test_a_damaged_partition_is_named_and_built_again(command, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    one = ("--table", "totals", "--date", str(DAYS[-1]))
    assert command(*one) == 0
    assert command("--verify") == 0
    assert "31 partitions examined, 0 damaged" in capsys.readouterr().out
    parts = [tmp_path / "lake" / "prices" / f"date={day}" / "part.parquet" for day in DAYS[3:5]]
    parts[0].write_bytes(parts[0].read_bytes()[:-1] + b"x")
    parts[1].unlink()
    assert command("--verify", "--table", "prices") == 1
    messages = capsys.readouterr().out.splitlines()
    assert messages == [
        f"prices of {DAYS[3]}: its files differ from those that were written",
        f"prices of {DAYS[4]}: files are missing",
        "14 partitions examined, 2 damaged. A run builds the damaged ones that it needs again.",
    ]
    assert command(*one, "--plan") == 0
    damaged = f"damaged: prices of {DAYS[3]}: its files differ from those that were written. It is built again."
    assert damaged in capsys.readouterr().out.splitlines()
    assert command(*one) == 0
    assert damaged in capsys.readouterr().out.splitlines()
    assert command("--verify") == 0
    assert command("--verify", "--plan") == 1
    assert "--verify reads the lake" in capsys.readouterr().err


def test_what_is_found_damaged_while_it_is_read_is_built_again_by_the_same_run(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    lake = str(tmp_path / "lake")
    target = [("totals", WEEKS[-1])]
    messages: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        run.build(open_small(str(market), lake), target, instance=instance, say=messages.append)
        part = tmp_path / "lake" / "prices" / f"date={DAYS[3]}" / "part.parquet"
        part.write_bytes(part.read_bytes()[:-1] + b"x")
        (tmp_path / "lake" / "_verified" / "prices").unlink()  # no process knows its earlier state
        (tmp_path / "lake" / "averages" / f"date={DAYS[3]}" / "manifest.json").unlink()
        messages.clear()
        run.build(open_small(str(market), lake), target, instance=instance, say=messages.append)
        assert (
            f"damaged: prices of {DAYS[3]}: its files differ from those that were written. It is built again."
            in messages
        )
        runs = instance.get_runs()
        assert [one.status for one in runs] == [dg.DagsterRunStatus.SUCCESS] * 2
        assert not run.build(open_small(str(market), lake), target, instance=instance, say=messages.append).steps


def test_an_unchanged_partition_that_is_found_damaged_when_it_is_shown_is_built_again_by_the_same_run(
    market: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    target = [("totals", WEEKS[-1])]
    messages: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        run.build(open_small(str(market), str(lake)), target, instance=instance, say=messages.append)
        part = lake / "averages" / f"date={DAYS[3]}" / "part.parquet"
        content = part.read_bytes()
        part.write_bytes(content[:-1] + b"x")
        (lake / "_verified" / "averages").unlink()  # no process knows its earlier state
        (lake / "prices" / f"date={DAYS[3]}" / "manifest.json").unlink()  # its input is built again, with equal content
        messages.clear()
        run.build(open_small(str(market), str(lake)), target, instance=instance, say=messages.append)
        assert (
            f"damaged: averages of {DAYS[3]}: its files differ from those that were written. It is built again."
            in messages
        )
        assert part.read_bytes() == content
        assert [one.status for one in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS] * 2
