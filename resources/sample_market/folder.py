"""The market's folder: what marks it as made, and how it appears at once, complete, or not at all.

What belongs here: market.json and the renaming. What does not: what is inside.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .settings import MarketSettings

MARKER = "market.json"
RULES = ("rulebook.py", "settings/rulebook.py")  # not imported, which would load polars where a market is there already


class FolderTakenError(Exception):
    """The output folder holds something that is no sample market."""


def code_version() -> str:
    """Digest of this package's sources and of the rulebook: another generator or another rule, another market."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in [*sorted(package.glob("*.py")), *(package.parent / name for name in RULES)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def description(settings: MarketSettings) -> dict[str, object]:
    """Content of market.json: equal for equal markets. The pipeline may read `sample`, to label its report."""
    return {"sample": True, "version": code_version(), "settings": settings.model_dump(mode="json")}


def is_made(out: Path, settings: MarketSettings) -> bool:
    """Whether `out` already holds exactly this market."""
    path = out / MARKER
    return path.is_file() and json.loads(path.read_text()) == description(settings)


@contextmanager
def building(out: Path, settings: MarketSettings) -> Iterator[Path]:
    """A folder beside `out` to build in, which becomes `out` when the block ends well and vanishes when it does not.

    Raises
    ------
    FolderTakenError
        If `out` holds files but no market.json.
    """
    if out.exists() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise FolderTakenError(
            f"{out} holds files but no {MARKER}, so it is no sample market and is left alone: "
            "choose another folder with --out, or empty this one"
        )
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    folder = out.with_name(f".{out.name}.building-{os.getpid()}")
    old = out.with_name(f".{out.name}.old-{os.getpid()}")
    try:
        folder.mkdir()
        yield folder
        (folder / MARKER).write_text(json.dumps(description(settings), indent=2, sort_keys=True) + "\n")
        if out.exists():
            out.rename(old)
        folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _sweep(out: Path) -> None:
    """Remove what a killed run left beside `out`; a run still alive keeps its folder."""
    for kind in ("building", "old"):
        for path in out.parent.glob(f".{out.name}.{kind}-*"):
            pid = path.name.rpartition("-")[2]
            if pid.isdigit() and not _alive(int(pid)):
                shutil.rmtree(path, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
