"""Every command and every snippet of the guides runs as it is printed, in order, and prints what the guide shows.

The operator's guide begins with a practice market, which both guides use. They run in a folder that looks like a checkout: links to the
tracked files and folders, so that everything that the commands write is outside the repository.
"""

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.house.guides import OPERATIONS, RESEARCH, RUN, SCALE, Block, read_blocks

MINUTES = 20  # a block that takes longer hangs


def make_checkout(folder: Path) -> Path:
    """A folder with a link to each entry of the repository."""
    folder.mkdir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in sorted({one.partition("/")[0] for one in listed.split("\0") if one}):
        (folder / name).symlink_to(ROOT / name)
    # The environment of the tests in the place of the one that `make install` makes, also where it has another folder.
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


class Reader:
    """Runs blocks as someone who follows a guide: in one shell, and in one session of Python."""

    def __init__(self, checkout: Path, state: Path):
        self._checkout, self._state, self._names = checkout, state, dict[str, Any]()
        state.write_text("")

    def run(self, block: Block) -> str:
        """What the block prints. It fails where a command of the block does."""
        return self._run_bash(block) if block.language == "bash" else self._run_python(block)

    def _run_bash(self, block: Block) -> str:
        script = f"set -eo pipefail\n. {self._state}\n{block.text}\nexport -p > {self._state}\n"
        # `make` never installs into the environment of the tests.
        make = 'make() { command make --old-file .venv/installed "$@"; }\n'
        environment = {
            name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "PWD", "OLDPWD")
        }
        done = subprocess.run(
            ["bash", "-c", make + script], cwd=self._checkout, env=environment, text=True, timeout=60 * MINUTES,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{block} ends with {done.returncode}:\n{block.text}\n{done.stdout[-4000:]}"
        return done.stdout

    def _run_python(self, block: Block) -> str:
        with contextlib.chdir(self._checkout), contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(block.text, str(block), "exec"), self._names)
        return printed.getvalue()


def follow(guide: Path, reader: Reader, chosen: Callable[[Block], bool] = lambda block: True) -> int:
    """Run the blocks of a guide and return their number."""
    count = 0
    for block in read_blocks(guide):
        if block.language in RUN and not block.tests and chosen(block):
            printed = reader.run(block)
            assert block.output is None or block.prints(printed), f"{block} prints:\n{printed}"
            count += 1
    return count


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_guides_run_from_top_to_bottom(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path / "zhoubao")
    for guide in (OPERATIONS, RESEARCH):
        assert follow(guide, Reader(checkout, tmp_path / guide.stem)) > 10, guide.name


@pytest.mark.slow
def test_the_guide_to_several_machines_runs_on_one(tmp_path: Path) -> None:
    """A guide that fails in the middle leaves the nodes of its cluster, which are ended here."""
    checkout = make_checkout(tmp_path / "zhoubao")
    (checkout / "scale").mkdir()
    try:
        assert follow(SCALE, Reader(checkout, tmp_path / "scale")) == 4
    finally:
        for path in (checkout / "scale").glob("*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.read_text()), signal.SIGTERM)


def test_the_snippets_of_the_researcher_run_on_a_lake(tiny_market: Path, full_lake: Path, tmp_path: Path) -> None:
    """Those that only read the practice lake; the others are in blocks of bash, which the slow test runs."""
    checkout = make_checkout(tmp_path / "zhoubao")
    (checkout / "practice").mkdir()
    (checkout / "practice" / "market").symlink_to(tiny_market)
    (checkout / "practice" / "lake").symlink_to(full_lake)
    reader = Reader(checkout, tmp_path / "state")
    assert follow(RESEARCH, reader, lambda block: block.language == "python" and "lake_desk" not in block.text) > 5


def test_a_block_that_fails_or_prints_something_else_is_noticed(tmp_path: Path) -> None:
    reader = Reader(make_checkout(tmp_path / "zhoubao"), tmp_path / "state")
    reader.run(Block(OPERATIONS, 1, "bash", "export KEPT=here\n"))
    assert reader.run(Block(OPERATIONS, 2, "bash", "echo $KEPT; test -f README.md\n")) == "here\n"
    with pytest.raises(AssertionError, match=r"operations\.md:3 ends with 1"):
        reader.run(Block(OPERATIONS, 3, "bash", "false\ntrue\n"))
    reader.run(Block(RESEARCH, 4, "python", "kept = 1\n"))
    shown = Block(RESEARCH, 5, "python", "print(kept + 1, 'of', 17)\n", output="2 of …\n")
    assert shown.prints(reader.run(shown))
    assert not shown.prints("3 of 17")
