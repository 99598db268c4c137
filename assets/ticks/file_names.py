"""What the name of a file in a day's folder says: that it is still being copied, an archive, another day's, or of one security."""

import datetime as dt
import re
from pathlib import Path, PurePosixPath

from resources.errors import readable

IN_TRANSIT = (".part", ".partial", ".tmp", ".filepart", ".crdownload")
"""How tools name a file while they copy it."""
_ARCHIVES = (".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".gz")
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")
_DAY = re.compile(r"(\d{4})([-_.]?)(\d{2})\2(\d{2})(?!\d)")


def not_read(name: str, suffix: str) -> str:
    """What to tell of a file whose name is that of no data."""
    if suffix == ".gz" and not name.lower().endswith(".tar.gz"):
        return f"{name} is read only under a name in .csv.gz: rename it if it holds one .csv file, or else unpack it into the day's folder"
    if suffix in _ARCHIVES:
        return f"{name} is an archive of a kind that is not read: unpack it into the day's folder, or pack its files as .zip or .csv.gz"
    return (
        f"{name} is no .csv, .csv.gz, .zip or .parquet, so nobody reads it: save it as one of these, or move it out of the day's "
        "folder (ticks.ignored_suffixes lets such files lie)"
    )


def names_security(name: str, folder: str, date: dt.date) -> bool:
    """Whether a file, or a folder on the way to it, is named by one code of six digits that is not the day."""
    codes = set(_CODE.findall(name.removeprefix(f"{folder}/")))
    return len(codes - {f"{date:%y%m%d}"}) == 1


def leading_day(name: str) -> dt.date | None:
    """The day that the name of a file or folder begins with, as YYYYMMDD or YYYY-MM-DD; None where it begins otherwise."""
    match = _DAY.match(name)
    if match is None:
        return None
    try:
        return dt.date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        return None


def name_in_day(path: Path, folder: str) -> str:
    """A file's name as its user knows it: from the ticks folder on."""
    text = readable(path.as_posix())
    at = text.rfind(f"/{folder}/")
    return text[at + 1 :] if at >= 0 else PurePosixPath(text).name
