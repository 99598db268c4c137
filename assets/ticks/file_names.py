"""Interprets the name of a file in a day's folder: a copy in progress, an archive, a file of another day, or one security's file."""

import datetime as dt
import re
from pathlib import Path, PurePosixPath

from assets.ticks.reasons import GZIP_SUFFIX, NO_DATA_FILE, UNREAD_ARCHIVE
from resources.errors import readable
from resources.reasons import Reason

IN_TRANSIT = (".part", ".partial", ".tmp", ".filepart", ".crdownload")
"""Suffixes that tools use for a file while they copy it."""
_ARCHIVES = (".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".gz")
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")
_DAY = re.compile(r"(\d{4})([-_.]?)(\d{2})\2(\d{2})(?!\d)")


def not_read(name: str, suffix: str) -> Reason:
    """Return the reason why a file whose name is not that of a data file is not read."""
    if suffix == ".gz" and not name.lower().endswith(".tar.gz"):
        return GZIP_SUFFIX(file=name)
    if suffix in _ARCHIVES:
        return UNREAD_ARCHIVE(file=name)
    return NO_DATA_FILE(file=name)


def names_security(name: str, folder: str, date: dt.date) -> bool:
    """Return whether the path of a file from the day's folder on contains exactly one code of six digits other than the day."""
    codes = set(_CODE.findall(name.removeprefix(f"{folder}/")))
    return len(codes - {f"{date:%y%m%d}"}) == 1


def leading_day(name: str) -> dt.date | None:
    """Return the day that a name of a file or folder begins with, as YYYYMMDD or YYYY-MM-DD; None where it begins otherwise."""
    match = _DAY.match(name)
    if match is None:
        return None
    try:
        return dt.date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        return None


def name_in_day(path: Path, folder: str) -> str:
    """Return a file's path from the ticks folder on, as messages name it."""
    text = readable(path.as_posix())
    at = text.rfind(f"/{folder}/")
    return text[at + 1 :] if at >= 0 else PurePosixPath(text).name
