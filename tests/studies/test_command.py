"""The exit codes of the commands of studies, and what becomes of their work folders."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from studies.command import Say, StudyError, run_study


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The work folders that a study was given. Temporary ones lie below that of the test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return []


@pytest.mark.parametrize(("holds", "keep"), [(True, False), (True, True), (False, False)])
def test_a_temporary_folder_is_removed_where_everything_holds(folders: list[Path], holds: bool, keep: bool) -> None:
    def play(work: Path, say: Say) -> bool:
        folders.append(work)
        (work / "log").write_text("x")
        return holds

    assert run_study(play, "example", None, keep) == (0 if holds else 1)
    assert folders[0].exists() == (keep or not holds)


def test_a_named_folder_is_made_and_kept(tmp_path: Path) -> None:
    assert run_study(lambda work, say: work == tmp_path / "new", "example", tmp_path / "new") == 0
    assert (tmp_path / "new").is_dir()


def test_a_folder_with_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lake").mkdir()
    assert run_study(lambda work, say: True, "example", tmp_path) == 1
    assert capsys.readouterr().err == f"error: The work folder {tmp_path} is not empty. Name an empty or a new one.\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "lake"]


@pytest.mark.parametrize("error", [StudyError("nothing came"), subprocess.CalledProcessError(3, ["make"])])
def test_an_error_ends_with_its_message_and_the_folder(
    tmp_path: Path, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def play(work: Path, say: Say) -> bool:
        raise error

    assert run_study(play, "example", tmp_path) == 1
    assert f"error: {error}\nThe folder {tmp_path} is kept" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_its_exit_code(tmp_path: Path, number: signal.Signals) -> None:
    def play(work: Path, say: Say) -> bool:
        os.kill(os.getpid(), number)
        time.sleep(5)
        return True

    assert run_study(play, "example", tmp_path) == 128 + number
