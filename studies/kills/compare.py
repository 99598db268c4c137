"""What must hold of a lake and of Dagster's home after a disturbed run: equal files, nothing left over, no open run, the right colours."""

import json
from pathlib import Path
from typing import Any

from resources.issues import ISSUE, ISSUES
from resources.manifest import MANIFEST
from studies.soak import record
from studies.soak.checks import Row, colours, no_open_run, nothing_left, shortened

DURATIONS = ("training_seconds", "network_seconds")  # notes of a partition in which a network was trained
TIMED = {MANIFEST: ("seconds", "seal"), ISSUE: ("published", "manifest", "seal")}
"""The fields that depend on time, by file. The record of an issue has the digest of its manifest, which depends on time."""


def check_lake(lake: Path, undisturbed: Path) -> list[Row]:
    """What holds of a lake and of the home of Dagster that the environment names."""
    found, expected = contents(lake), contents(undisturbed)
    differ = differences(found, expected)
    with record.instance() as instance:
        rows = [no_open_run(instance), colours(instance)]
    return [
        Row("every file equals that of the undisturbed lake", not differ, shortened(differ) or f"{len(found)} files"),
        nothing_left(lake),
        *rows,
    ]


def contents(lake: Path) -> dict[str, Any]:
    """The content of every partition and kept issue of a lake, and of the restatement log, by file.

    Files that hold no result are left out: the memory of digests, which has times of files, and the lock of the lease. JSON with fields
    that depend on time is parsed, without these.
    """
    paths = [*lake.glob("[!_.]*"), *lake.glob("[!_.]*/**/*"), *lake.glob(f"{ISSUES}/**/*")]
    return {str(path.relative_to(lake)): _content(path) for path in paths if path.is_file()}


def _content(path: Path) -> Any:
    data = path.read_bytes()
    try:
        found = {name: one for name, one in json.loads(data).items() if name not in TIMED[path.name]}
        if isinstance(notes := found.get("notes"), dict):
            found["notes"] = {name: one for name, one in notes.items() if name not in DURATIONS}
        return found
    except (KeyError, ValueError):  # another file, or a damaged one
        return data


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Sentences on the files that differ or are in one of two lakes only, and on the fields of a manifest that differ."""
    lines = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    lines += [f"{name} is in the disturbed lake only" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(name for name in found.keys() & expected.keys() if found[name] != expected[name]):
        pair = found[name], expected[name]
        fields = (
            sorted({*pair[0], *pair[1]} - {one for one in pair[0] if one in pair[1] and pair[0][one] == pair[1][one]})
            if all(isinstance(one, dict) for one in pair)
            else []
        )
        lines.append(f"{name} differs" + (f" in {', '.join(fields)}" if fields else ""))
    return lines
