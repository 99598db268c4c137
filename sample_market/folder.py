"""The folder of a market: the file that identifies it, and its atomic creation.

This module holds market.json with its list of files, and the renaming of the finished folder. It does not hold the content.
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
RULES = ("rulebook.py", "settings/rulebook.py")  # read as files, because importing them loads polars
LISTED = 5  # number of files that a message names
NO_DATA = ("__main__.py", "folder.py")  # modules that do not affect the content of a market


class FolderTakenError(Exception):
    """The output folder contains something that the generator did not make."""


def code_version() -> str:
    """Return a digest of the sources that affect the content of a market, including the rulebook."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in [*sorted(package.glob("*.py")), *(package.parent / "resources" / name for name in RULES)]:
        if path.name not in NO_DATA:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def description(settings: MarketSettings) -> dict[str, object]:
    """Return the content of market.json, which is equal for equal markets. The pipeline reads `sample` to label its report."""
    return {"sample": True, "version": code_version(), "settings": settings.model_dump(mode="json")}


def is_made(out: Path, settings: MarketSettings) -> bool:
    """Return whether `out` contains exactly this market."""
    about = _about(out)
    return about is not None and {k: v for k, v in about.items() if k != "files"} == description(settings)


@contextmanager
def building(out: Path, settings: MarketSettings) -> Iterator[Path]:
    """Yield a folder beside `out` to build in, which replaces `out` when the block succeeds and is removed when it fails.

    Raises:
        FolderTakenError: `out` contains files that the generator did not make, or that were changed since.
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
            require_own(out)  # again, because files may have been added in the minutes that a market takes
            out.rename(old)
        folder.rename(out)
    finally:
        if old.exists() and not out.exists():  # interrupted between the two renamings
            old.rename(out)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def require_own(out: Path) -> None:
    """Require that `out` contains only unchanged files of the generator; some of them may be missing.

    Raises:
        FolderTakenError: `out` contains other or changed files; the message has the folder, the first files and the remedy.
    """
    if not out.exists():
        return
    remedy = "choose another folder with --out, or move what you need out of it and remove the folder yourself"
    if not out.is_dir():
        raise FolderTakenError(f"{out} is a file and not a folder: choose another folder with --out")
    found = _files(out)
    if not found:
        return
    about = _about(out)
    if about is None or about.get("sample") is not True:
        raise FolderTakenError(
            f"{out} contains files but no {MARKER} of the generator, so it is not a sample market and is left unchanged: {remedy}"
        )
    made = about.get("files")
    if not isinstance(made, dict):
        raise FolderTakenError(
            f"{out} contains a sample market of an earlier version without a list of its files, so it is not known whether all "
            f"of them are its own. It is left unchanged: {remedy}"
        )
    foreign = [name for name in found if name not in made and name != MARKER]
    altered = [name for name, path in found.items() if name in made and _fingerprint(path) != made[name]]
    problems = [
        f"{len(names)} that {what}, such as {', '.join(names[:LISTED])}"
        for names, what in ((foreign, "the generator did not make"), (altered, "were changed since"))
        if names
    ]
    if problems:
        raise FolderTakenError(
            f"{out} contains a sample market, but also new or changed files: {'; '.join(problems)}. It is left unchanged: "
            f"{remedy}"
        )


def _about(out: Path) -> dict[str, object] | None:
    """The content of market.json; None if it is missing or not a JSON object."""
    try:
        about = json.loads((out / MARKER).read_bytes())
    except (OSError, ValueError):
        return None
    return about if isinstance(about, dict) else None


def _files(folder: Path) -> dict[str, Path]:
    """Name inside the folder → path of every file and link."""
    found: dict[str, Path] = {}
    for here, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        for path in (Path(here) / name for name in (*names, *links)):
            found[path.relative_to(folder).as_posix()] = path
    return dict(sorted(found.items()))


def _fingerprint(path: Path) -> str:
    """Size and digest of a file; a constant for a link or a device, which the generator never makes."""
    if path.is_symlink() or not path.is_file():
        return "no file"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    return f"{path.stat().st_size} bytes, blake2b {digest}"


def _sweep(out: Path) -> None:
    """Remove the folders of killed runs beside `out`, but not those of running ones."""
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
