"""The manifest of a partition: everything that is recorded about it, and its form as a file.

This module defines the record, its JSON form with a seal, and which values its fields may have. Where manifests lie and how they are
compared with a partition's files is in resources/lake.py.
"""

import functools
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from resources.gate import Verdict
from resources.made import LEFT_OUT
from resources.reasons import Reason
from resources.store import digest

PART = "part.parquet"
MANIFEST = "manifest.json"
RECORD = "manifests"  # the input of a table that reads the manifests of all tables
FORMAT = 2  # of a manifest; earlier ones have neither this field nor a seal
_SEAL = re.compile(rb',\n "seal": "([0-9a-f]{32})"\n\}\Z')
NESTED_NOTES = {LEFT_OUT: 2}  # depth of the mappings of notes that are read again
_LARGEST = 2**62
_FOLDERS = re.compile(rf"(?:(?:[^/\\\n]+/(?:date|week)=\d{{4}}-\d{{2}}-\d{{2}}|{RECORD})\n)*")


@dataclass(frozen=True)
class Manifest:
    """Everything that is recorded about one partition.

    `version` is the digest of what it was made from, and `content` the digest of the result. `adopted` holds a record for each time
    the partition was declared as built by later code: from, to and the proof. `outdated` is the reason why a partition could not be
    renewed when it had to be, and None otherwise; its rows then belong to an earlier state.
    """

    table: str
    key: str
    version: str
    content: str
    inputs: Mapping[str, str]  # "<table>/date=…" → content digest
    landing: Mapping[str, str]  # part of the landing zone → digest
    settings: str
    code: str
    rows: int
    files: Mapping[str, str] = field(default_factory=dict)  # side file → digest
    checks: Mapping[str, Verdict] = field(default_factory=dict)
    unavailable: Mapping[str, Reason] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    sections: Mapping[str, str] = field(default_factory=dict)  # section of the settings that was read → digest
    adopted: Sequence[Mapping[str, Any]] = ()
    outdated: Reason | None = None
    libraries: Mapping[str, str] = field(
        default_factory=dict
    )  # library whose version decides the content → that version

    @functools.cached_property
    def refusals(self) -> dict[str, Verdict]:
        """The verdicts that refuse the partition, by check."""
        return {name: verdict for name, verdict in self.checks.items() if verdict.refuses}

    def is_of(self, folder: str) -> bool:
        """Whether the manifest belongs to the partition with this folder, and was not copied from that of another one."""
        return folder in (f"{self.table}/date={self.key}", f"{self.table}/week={self.key}")

    def saved(self) -> dict[str, Any]:
        """The fields in JSON's types."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        found["checks"] = {name: verdict.to_json() for name, verdict in self.checks.items()}
        found["unavailable"] = stored_reasons(self.unavailable)
        found["outdated"] = self.outdated.to_json() if self.outdated else ""
        return found

    def dumps(self) -> bytes:
        """The manifest as JSON in UTF-8."""
        # Bytes of a file name that UTF-8 cannot represent are written as JSON escapes (\\uDCxx).
        saved = self.saved() | {"format": FORMAT}
        body = json.dumps(saved, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "backslashreplace")
        return body.removesuffix(b"\n}") + f',\n "seal": "{digest(body)}"\n}}'.encode()

    @classmethod
    def loads(cls, data: bytes) -> "Manifest | None":
        """Parse what `dumps` wrote; None where it is damaged or another version's, which makes the partition count as not built.

        Manifests of earlier versions have no seal. They are accepted where every field has its type and its bounds.
        """
        seal = _SEAL.search(data)
        body = data[: seal.start()] + b"\n}" if seal else data
        if seal and digest(body) != seal[1].decode():
            return None
        try:
            saved = json.loads(body)
            if ("format" in saved or "seal" in saved) if seal is None else saved.pop("format") != FORMAT:
                return None
            return cls.of(saved)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    @classmethod
    def of(cls, saved: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> "Manifest":
        """The inverse of `saved`. Other fields have their values in `known`, which are those of a manifest, or their defaults.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: a field is missing, or does not have its type and its bounds.
        """
        given = {name: _READERS[name](value) for name, value in saved.items()}
        found = cls(**{**(known or {}), **given})
        if not {f"{found.table}/date={found.key}", f"{found.table}/week={found.key}"}.isdisjoint(found.inputs):
            raise ValueError("a partition is no input of itself")
        return found


# --- the values that fields may have --------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError(f"{value!r} is no mapping of texts")
    return value


def inputs_of(value: Any) -> dict[str, str]:
    """Check inputs as they are stored: folders of partitions with the digests of their content.

    Raises:
        ValueError: they have another form.
    """
    found = _texts(value)
    if not _FOLDERS.fullmatch("".join(f"{name}\n" for name in found)):
        raise ValueError(f"{value!r} are no inputs")
    return found


def _files(value: Any) -> dict[str, str]:
    found = _texts(value)
    if not all(map(_is_inside, found)):
        raise ValueError(f"{value!r} are no side files")
    return found


def _is_inside(name: str) -> bool:
    """Whether a side file is in the partition's own folder and is neither its part nor its manifest."""
    parts = name.split("/")
    return (
        name not in (PART, MANIFEST)
        and not set(parts) & {"", ".", ".."}
        and not set(name) & {"\\", "\0"}
        and len(os.fsencode(name)) < 1000
    )


def _rows(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise ValueError(f"{value!r} is no number of rows")
    return value


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < _LARGEST:
        raise ValueError(f"{value!r} is no duration")
    return value


def _checks(value: Any) -> dict[str, Verdict]:
    return {name: Verdict.from_json(verdict) for name, verdict in value.items()}


def _reasons(value: Any) -> dict[str, Reason]:
    return {name: Reason.from_json(stored) for name, stored in value.items()}


def _notes(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} are no notes")
    if not all(_nests(value[name], depth) for name, depth in NESTED_NOTES.items() if name in value):
        raise ValueError(f"{value!r} are no notes of this version")
    return value


def _nests(value: Any, depth: int) -> bool:
    """Whether a note consists of mappings of this depth, as the builder writes it and reads it again."""
    return depth == 0 or (isinstance(value, dict) and all(_nests(one, depth - 1) for one in value.values()))


def _adopted(value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"{value!r} are no records of adoption")
    return tuple(value)


def _outdated(value: Any) -> Reason | None:
    return None if value == "" else Reason.from_json(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("table", "key", "version", "content", "settings", "code"), _text),
    **dict.fromkeys(("landing", "sections", "libraries"), _texts),
    "inputs": inputs_of,
    "files": _files,
    "rows": _rows,
    "seconds": _seconds,
    "checks": _checks,
    "unavailable": _reasons,
    "notes": _notes,
    "adopted": _adopted,
    "outdated": _outdated,
}
"""Field → the function that reads its stored value, or raises ValueError, TypeError or AttributeError."""


def stored_reasons(unavailable: Mapping[str, Reason]) -> dict[str, Any]:
    """Reasons by column in the form of manifests."""
    return {name: reason.to_json() for name, reason in unavailable.items()}
