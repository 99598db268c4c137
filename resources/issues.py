"""The issues of a report as they were published, which are kept in the lake for good.

    <lake>/_issues/<table>_<week>_<number>/                       the files and the manifest of the partition as published
    <lake>/_issues/<table>_<week>_<number>/sources.parquet        what the issue was made from (`collect_sources`)
    <lake>/_issues/<table>_<week>_<number>/issue.json             written last: without it the issue does not exist
    <lake>/_issues/<table>_<week>_<number>_unchanged_<count>/     the last two files, where other sources led to the same issue

An issue is written here before it becomes the partition of its week, and nothing here is written twice or removed. A kill therefore
loses neither the issue before nor this one. Issues of a week are numbered from 1; one with the content of the last one is not kept again.
This module does not compare issues (the function in `Table.log`).
"""

import datetime as dt
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from resources.lake import content_digest
from resources.lease import require_lease
from resources.manifest import MANIFEST, PART, Manifest
from resources.parquet import encode
from resources.store import Store, digest
from resources.table import Table

ISSUES = "_issues"
SOURCES = "sources.parquet"
ISSUE = "issue.json"
DECLARED = "declared"  # note of a partition: part of the landing zone → its declarations in the settings
LANDING, DECLARATION, SETTINGS, CODE, LIBRARY = "landing", "declaration", "settings", "code", "library"
SOURCES_SCHEMA = {"kind": pl.String, "name": pl.String, "day": pl.Date, "digest": pl.String}
_DIGEST_LETTERS = 16  # of a digest in `sources.parquet`; it only tells states of the same source apart
_FOLDER = re.compile(r"(.+)_(\d{4}-\d{2}-\d{2})_(\d+)(?:_unchanged_(\d+))?")


@dataclass(frozen=True, order=True)
class IssuePlace:
    """Where a record of an issue is kept. unchanged: 0 for the issue itself, else the count of its later, equal builds."""

    week: dt.date
    number: int
    unchanged: int = 0


@dataclass(frozen=True)
class KeptIssue:
    """An issue as published, or the record that other sources led to the same issue.

    published: when it was written, in UTC. content: the content digest of its partition. sources: the digest of its sources, "" where
    they are not known.
    """

    place: IssuePlace
    published: dt.datetime
    content: str
    manifest: str
    sources: str

    def dumps(self) -> bytes:
        """The record as JSON, sealed by the digest of its other fields."""
        place = {"week": str(self.place.week), "issue": self.place.number, "unchanged": self.place.unchanged}
        rest = {name: getattr(self, name) for name in ("content", "manifest", "sources")}
        saved = {**place, "published": f"{self.published:%Y-%m-%dT%H:%M:%S.%fZ}", **rest}
        return json.dumps({**saved, "seal": _seal(saved)}, indent=1).encode()

    @classmethod
    def loads(cls, data: bytes) -> "KeptIssue | None":
        """Parse what `dumps` wrote; None where it is damaged."""
        try:
            saved = json.loads(data)
            if saved.pop("seal") != _seal(saved):
                return None
            place = IssuePlace(dt.date.fromisoformat(saved["week"]), saved["issue"], saved["unchanged"])
            published = dt.datetime.fromisoformat(saved["published"])
            return cls(place, published, saved["content"], saved["manifest"], saved["sources"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


def _seal(saved: Mapping[str, object]) -> str:
    return digest(json.dumps(saved, sort_keys=True).encode())


class Issues:
    """The kept issues of one table in a store."""

    def __init__(self, store: Store, table: str):
        self._store, self._table = store, table

    def folder(self, place: IssuePlace) -> str:
        """The name of the folder of a record."""
        more = f"_unchanged_{place.unchanged}" if place.unchanged else ""
        return f"{ISSUES}/{self._table}_{place.week}_{place.number}{more}"

    def places(self) -> list[IssuePlace]:
        """The places of all records in order, also of those that a killed process has not finished."""
        found = (_FOLDER.fullmatch(name) for name in self._store.names(ISSUES))
        return sorted(
            IssuePlace(dt.date.fromisoformat(match[2]), int(match[3]), int(match[4] or 0))
            for match in found
            if match and match[1] == self._table
        )

    def of(self, week: dt.date, places: Sequence[IssuePlace] | None = None) -> list[KeptIssue]:
        """The records of a week in the order in which they were written, without damaged ones."""
        own = (one for one in (self.places() if places is None else places) if one.week == week)
        return [found for one in own if (found := self._load(one)) is not None]

    def _load(self, place: IssuePlace) -> KeptIssue | None:
        found = KeptIssue.loads(self._store.read_bytes(f"{self.folder(place)}/{ISSUE}") or b"")
        return found if found is not None and found.place == place else None

    def read(self, issue: KeptIssue, name: str) -> bytes | None:
        """Read a side file of an issue; None where it is not there or is not what was written."""
        folder = self.folder(IssuePlace(issue.place.week, issue.place.number))
        data, manifest = self._store.read_bytes(f"{folder}/{name}"), self._manifest(folder, issue.manifest)
        return data if data is not None and manifest is not None and manifest.files.get(name) == digest(data) else None

    def _manifest(self, folder: str, expected: str) -> Manifest | None:
        data = self._store.read_bytes(f"{folder}/{MANIFEST}") or b""
        return Manifest.loads(data) if digest(data) == expected else None

    def sources(self, issue: KeptIssue) -> pl.DataFrame | None:
        """What an issue was made from; None where that is not known."""
        data = self._store.read_bytes(f"{self.folder(issue.place)}/{SOURCES}") if issue.sources else None
        if data is None or digest(data) != issue.sources:
            return None
        return pl.read_parquet(io.BytesIO(data))

    def damages(self) -> list[str]:
        """The folders of records that are not what was written. A folder without `issue.json` was never finished and is none."""
        found = []
        for place in self.places():
            folder = self.folder(place)
            if (data := self._store.read_bytes(f"{folder}/{ISSUE}")) is None:
                continue
            issue = KeptIssue.loads(data)
            whole = issue is not None and issue.place == place and self._is_whole(folder, issue)
            found += [] if whole else [folder]
        return found

    def _is_whole(self, folder: str, issue: KeptIssue) -> bool:
        if issue.sources and self.sources(issue) is None:
            return False
        if issue.place.unchanged:
            return True
        manifest, part = self._manifest(folder, issue.manifest), self._store.read_bytes(f"{folder}/{PART}")
        if manifest is None or part is None:
            return False
        files = {name: self._store.read_bytes(f"{folder}/{name}") or b"" for name in manifest.files}
        return content_digest(part, files, manifest.unavailable) == issue.content

    # --- writing ----------------------------------------------------------------------------------------------------

    def publish(
        self, week: dt.date, part: bytes, files: Mapping[str, bytes], manifest: Manifest, sources: pl.DataFrame | None
    ) -> KeptIssue | None:
        """Keep an issue; None where the last one of the week has the same content.

        Args:
            week: its Monday.
            part: the bytes of its rows.
            files: its side files by name.
            manifest: its manifest.
            sources: what it was made from; None where that is not known.
        """
        places = self.places()
        last = self._last(week, places)
        if last is not None and last.content == manifest.content:
            return None
        saved = manifest.dumps()
        place = IssuePlace(week, self._next(week, places))
        return self._write(
            place, {**files, PART: part, MANIFEST: saved}, sources, content=manifest.content, manifest=digest(saved)
        )

    def confirm(self, week: dt.date, content: str, sources: pl.DataFrame) -> KeptIssue | None:
        """Record that other deliveries led to the last issue of the week, which has this content; None where they are the same."""
        places = self.places()
        last = self._last(week, places)
        before = self.sources(last) if last is not None else None
        if last is None or before is None or last.content != content or landed(before).equals(landed(sources)):
            return None
        count = max(one.unchanged for one in places if (one.week, one.number) == (week, last.place.number))
        while self._store.read_bytes(f"{self.folder(IssuePlace(week, last.place.number, count))}/{ISSUE}") is None:
            count -= 1  # what a killed process left
        place = IssuePlace(week, last.place.number, count + 1)
        return self._write(place, {}, sources, content=content, manifest=last.manifest)

    def _last(self, week: dt.date, places: Sequence[IssuePlace]) -> KeptIssue | None:
        return next((found for one in reversed(places) if one.week == week and (found := self._load(one))), None)

    def _next(self, week: dt.date, places: Sequence[IssuePlace]) -> int:
        """The number of the next issue. That of an issue that a killed process has not finished is used again."""
        for one in reversed([one for one in places if one.week == week]):
            if self._store.read_bytes(f"{self.folder(one)}/{ISSUE}") is not None:
                return one.number + 1
        return 1

    def _write(
        self,
        place: IssuePlace,
        files: Mapping[str, bytes],
        sources: pl.DataFrame | None,
        *,
        content: str,
        manifest: str,
    ) -> KeptIssue:
        require_lease(self._store)
        folder = self.folder(place)
        self._store.remove(folder)
        known = {} if sources is None else {SOURCES: encode(sources)}
        for name, data in {**files, **known}.items():
            self._store.write_bytes(f"{folder}/{name}", data)
        issue = KeptIssue(place, dt.datetime.now(dt.UTC), content, manifest, digest(known[SOURCES]) if known else "")
        self._store.write_bytes(f"{folder}/{ISSUE}", issue.dumps())
        return issue


def landed(sources: pl.DataFrame) -> pl.DataFrame:
    """The deliveries among the sources."""
    return sources.filter(kind=LANDING)


def collect_sources(recorded: Iterable[tuple[Table, dt.date, Manifest]], parts: Iterable[Table]) -> pl.DataFrame:
    """Collect what partitions were made from: kind, name, day, digest, one row per source, sorted.

    kind: "landing" (name: a part of the landing zone; day: the partition's), "declaration" (of a part), "settings" (a section), "code" (of
    a table) or "library" (digest: its version). day is null for all but the first. Where partitions differ, the digest is that of all.

    Args:
        recorded: the partitions with their manifests.
        parts: the declared tables. A part that some of them read up to the day is left out where others read that day alone.
    """
    whole = {land.name for table in parts for land in table.lands if land.until}
    found: dict[tuple[str, str, dt.date | None], set[str]] = {}
    for table, key, manifest in recorded:
        lands = {land.name: land.until for land in table.lands}
        for name, one in manifest.landing.items():
            if name in lands and (lands[name] or name not in whole):
                found.setdefault((LANDING, name, key), set()).add(one)
        declared = manifest.notes.get(DECLARED)
        for name, values in (declared if isinstance(declared, dict) else {}).items():
            found.setdefault((DECLARATION, name, None), set()).add(digest(json.dumps(values, sort_keys=True).encode()))
        for section, one in manifest.sections.items():
            found.setdefault((SETTINGS, section, None), set()).add(one)
        found.setdefault((CODE, table.name, None), set()).add(manifest.code)
        for name, version in manifest.libraries.items():
            found.setdefault((LIBRARY, name, None), set()).add(version)
    rows = [(*name, ", ".join(sorted(ones)) if name[0] == LIBRARY else _joint(ones)) for name, ones in found.items()]
    return pl.DataFrame(rows, SOURCES_SCHEMA, orient="row").sort("kind", "name", "day")


def _joint(digests: set[str]) -> str:
    one = next(iter(digests)) if len(digests) == 1 else digest("\n".join(sorted(digests)).encode())
    return one[:_DIGEST_LETTERS]
