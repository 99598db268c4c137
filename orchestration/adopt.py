"""Adoption after an upgrade: partitions that the present code would build equally are kept, which a sample proves.

A partition is stale by its code alone where only the code digest, or the versions of the libraries, differ from those of a partition
built now. The partitions of a table that one earlier version of the code built with the same libraries form a group. A sample of the group is built again without being written to the
lake. If every partition of the sample is equal, the whole group is stamped as built by the present code, and each manifest records
the proof (`adopted`). Otherwise no manifest changes, and a run builds the partitions again as usual.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from resources.builder import Builder
from resources.errors import InputError, NotReadyError, SettingsError
from resources.made import LEFT_OUT
from resources.manifest import Manifest
from resources.table import Table

SAMPLE = 10  # partitions of a group that are built again by default


@dataclass(frozen=True)
class Adoption:
    """The result for the partitions of one table that one earlier version of the code built.

    code: the code digest of that version. keys: the partitions that are stale by their code alone, ascending. sample: those of them
    that were built again. differing: the partitions of the sample that were not equal, each with the difference. The group was
    adopted where there are none.
    """

    table: str
    code: str
    keys: Sequence[dt.date]
    sample: Sequence[dt.date]
    differing: dict[dt.date, str]


def adopt(builder: Builder, table: Table, most: int, say: Callable[[str], None] = print) -> list[Adoption]:
    """Adopt the partitions of `table` that are stale by their code alone.

    Args:
        builder: the open platform.
        table: the table whose partitions are adopted.
        most: largest number of partitions that are built again per earlier version of the code. They are spread evenly over the
            group and include its first and last partition.
        say: receives progress lines.

    Returns:
        One `Adoption` per earlier version of the code.

    Raises:
        LakeError: the lake belongs to another market, or cannot be read or written.
        MachineError: the machine failed. Groups that were adopted before the failure stay adopted.
    """
    builder.lake.claim(str(builder.zone.root.resolve()))
    keys = [key for key in builder.lake.keys(table) if builder.is_stale_by_code_alone(table, key)]
    keys = [key for key in keys if not builder.lake.refused(table, key)]
    manifests = {key: builder.lake.require(table, key) for key in keys}
    versions = {key: (one.code, sorted(one.libraries.items())) for key, one in manifests.items()}
    done = []
    for (code, _), group in itertools.groupby(
        sorted(keys, key=lambda key: (versions[key], key)), key=versions.__getitem__
    ):
        done.append(_adopt_group(builder, table, code, list(group), most, say))
    builder.zone.flush()
    return done


def _adopt_group(
    builder: Builder, table: Table, code: str, keys: list[dt.date], most: int, say: Callable[[str], None]
) -> Adoption:
    sample, differing = spread(keys, most), {}
    say(
        f"{table.name}: {len(keys)} partitions are stale by their code or libraries alone; {len(sample)} of them are built again"
    )
    for key in sample:
        if difference := _difference(builder, table, key):
            differing[key] = difference
            say(f"  {table.name} of {key} differs: {difference}")
    if not differing:
        proof = {
            "on": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
            "polars": pl.__version__,
            "sample": [str(key) for key in sample],
            "of": len(keys),
        }
        for key in keys:
            builder.adopt(table, key, proof)
    return Adoption(table.name, code, keys, sample, differing)


def spread(keys: Sequence[dt.date], most: int) -> list[dt.date]:
    """Select at most `most` keys, evenly spread. With two or more, the first and the last key are among them."""
    if len(keys) <= most:
        return list(keys)
    if most == 1:
        return [keys[-1]]
    return [keys[n * (len(keys) - 1) // (most - 1)] for n in range(most)]


def _difference(builder: Builder, table: Table, key: dt.date) -> str:
    """How a partition that is built again differs from the one in the lake; "" where everything that is read of it is equal."""
    old = builder.lake.require(table, key)
    try:
        new = builder.remake(table, key)
    except (NotReadyError, InputError, SettingsError) as error:
        return f"it cannot be built now: {error}"
    differing = [name for name, select in _READ.items() if select(old) != select(new)]
    return f"other {', '.join(differing)}" if differing else ""


_READ: dict[str, Callable[[Manifest], Any]] = {
    "rows": lambda manifest: manifest.rows,
    "content": lambda manifest: manifest.content,
    "verdicts": lambda manifest: {name: (one.passed, one.critical) for name, one in manifest.checks.items()},
    "notes of what is left out": lambda manifest: manifest.notes.get(LEFT_OUT, {}),
}
"""What other partitions and the report read of a partition. Durations and the wording of verdicts are not compared."""
