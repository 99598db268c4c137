"""The market's folder: what marks it as made, and how it appears at once, complete, or not at all.

What belongs here: market.json with its list of files, and the renaming. What does not: what is inside.
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
LISTED = 5  # files spelled out in a message
NO_DATA = ("__main__.py", "folder.py")  # modules that shape no byte of a market


class FolderTakenError(Exception):
    """The output folder holds something that the generator did not make."""


def code_version() -> str:
    """Digest of the sources that shape a market, the rulebook among them: another generator or rule, another market."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in [*sorted(package.glob("*.py")), *(package.parent / "resources" / name for name in RULES)]:
        if path.name not in NO_DATA:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def description(settings: MarketSettings) -> dict[str, object]:
    """Content of market.json: equal for equal markets. The pipeline may read `sample`, to label its report."""
    return {"sample": True, "version": code_version(), "settings": settings.model_dump(mode="json")}


def is_made(out: Path, settings: MarketSettings) -> bool:
    """Whether `out` already holds exactly this market."""
    about = _about(out)
    return about is not None and {k: v for k, v in about.items() if k != "files"} == description(settings)


@contextmanager
def building(out: Path, settings: MarketSettings) -> Iterator[Path]:
    """A folder beside `out` to build in, which becomes `out` when the block ends well and vanishes when it does not.

    Raises
    ------
    FolderTakenError
        If `out` holds anything that the generator did not make, or that was altered since.
    """
    out = out.resolve()
    require_own(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    folder = out.with_name(f".{out.name}.building-{os.getpid()}")
    old = out.with_name(f".{out.name}.old-{os.getpid()}")
    try:
        folder.mkdir()
        yield folder
        about = description(settings) | {"files": {name: _fingerprint(path) for name, path in _files(folder).items()}}
        (folder / MARKER).write_text(json.dumps(about, indent=2, sort_keys=True) + "\n")
        if out.exists():
            require_own(out)  # making a market takes minutes, in which a file may have been added
            out.rename(old)
        folder.rename(out)
    finally:
        if old.exists() and not out.exists():  # stopped between the two renamings
            old.rename(out)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def require_own(out: Path) -> None:
    """Nothing may lie in `out` but what the generator made and nobody has altered; files of it may be missing.

    Raises
    ------
    FolderTakenError
        With the folder, the first of the files, and what to do.
    """
    if not out.exists():
        return
    remedy = "choose another folder with --out, or move what you need out of it and remove the folder yourself"
    if not out.is_dir():
        raise FolderTakenError(f"{out} is a file, no folder: choose another folder with --out")
    found = _files(out)
    if not found:
        return
    about = _about(out)
    if about is None or about.get("sample") is not True:
        raise FolderTakenError(
            f"{out} holds files but no {MARKER} of the generator's, so it is no sample market and is left alone: {remedy}"
        )
    made = about.get("files")
    if not isinstance(made, dict):
        raise FolderTakenError(
            f"{out} holds a sample market of an earlier version, which kept no list of its files, so nobody can say whether all "
            f"of them are its own. It is left alone: {remedy}"
        )
    foreign = [name for name in found if name not in made and name != MARKER]
    altered = [name for name, path in found.items() if name in made and _fingerprint(path) != made[name]]
    told = [
        f"{len(names)} that {what}, such as {', '.join(names[:LISTED])}"
        for names, what in ((foreign, "the generator did not make"), (altered, "were altered since"))
        if names
    ]
    if told:
        raise FolderTakenError(
            f"{out} holds a sample market, but also files that are not as the generator left them: {'; '.join(told)}. It is "
            f"left alone: {remedy}"
        )


def _about(out: Path) -> dict[str, object] | None:
    """What market.json says; None where there is none or it is no JSON object."""
    try:
        about = json.loads((out / MARKER).read_bytes())
    except (OSError, ValueError):
        return None
    return about if isinstance(about, dict) else None


def _files(folder: Path) -> dict[str, Path]:
    """Name inside the folder → path, of everything that is no folder, links included."""
    found: dict[str, Path] = {}
    for here, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        for path in (Path(here) / name for name in (*names, *links)):
            found[path.relative_to(folder).as_posix()] = path
    return dict(sorted(found.items()))


def _fingerprint(path: Path) -> str:
    """Size and digest of a file; of a link or a device, which the generator never makes, a word."""
    if path.is_symlink() or not path.is_file():
        return "no file"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    return f"{path.stat().st_size} bytes, blake2b {digest}"


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
