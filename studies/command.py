"""What the commands of long studies have in common: the work folder, the progress lines, and the exit codes."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from orchestration.interrupts import Interrupted, interruptible

Say = Callable[[str], None]
"""Prints a progress line."""


class StudyError(Exception):
    """A study cannot go on. The message names what did not come about, and where to look."""


def run_study(play: Callable[[Path, Say], bool], name: str, work: Path | None, keep: bool = False) -> int:
    """Play a study in its work folder and return the exit code: 0 where everything holds, 1 where not, 128 + n after signal n.

    play: receives the folder and a printer of progress lines, and returns whether everything holds. work: an empty or new folder, which
    is kept; None for a temporary one, which is removed where everything holds, unless keep is set.
    """
    folder = (work or Path(tempfile.mkdtemp(prefix=f"zhoubao-{name}-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        print(f"error: The work folder {folder} is not empty. Name an empty or a new one.", file=sys.stderr)
        return 1
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)

    try:
        with interruptible():
            holds = play(folder, say)
    except (StudyError, subprocess.CalledProcessError) as error:
        print(f"error: {error}\nThe folder {folder} is kept, with its logs.", file=sys.stderr)
        return 1
    except Interrupted as ended:
        print(f"{ended}. The folder {folder} is kept.", file=sys.stderr)
        return 128 + ended.number
    say("everything holds" if holds else f"something fails; the folder {folder} is kept")
    if holds and work is None and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if holds else 1
