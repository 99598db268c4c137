"""After an upgrade: keep partitions that the new code would build alike, proved on a sample, instead of building all of them again.

A partition that is stale by its code alone differs from one that would be built now in nothing but the code digest. Of the
partitions of a table that one earlier version of the code built, a sample is built anew beside the lake. Only if every one of
them comes out alike is the whole group stamped as built by the present code, with a record of the proof in each manifest
(`adopted`). Otherwise nothing is stamped, and a run builds the partitions again as usual.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from resources.builder import Builder
from resources.errors import InputError, NotReadyError, SettingsError
from resources.lake import Manifest
from resources.made import LEFT_OUT
from resources.table import Table

SAMPLE = 10  # partitions of a group that are built anew


@dataclass(frozen=True)
class Adoption:
    """What became of the partitions of one table that one earlier version of the code built.

    keys: those stale by code alone, in order. sample: those of them that were built anew. differing: of the sample, what came out
    otherwise. The group was adopted where there is none.
    """

    table: str
    code: str
    keys: Sequence[dt.date]
    sample: Sequence[dt.date]
    differing: dict[dt.date, str]


def adopt(builder: Builder, table: Table, most: int, say: Callable[[str], None] = print) -> list[Adoption]:
    """Adopt the partitions of `table` that are stale by their code alone. most: partitions built anew per earlier version of the code;
    they are spread evenly over the group and include its first and last.

    Raises:
        MachineError: the machine failed. Groups that were adopted before stay so.
    """
    builder.lake.claim(str(builder.zone.root.resolve()))
    keys = [key for key in builder.lake.keys(table) if builder.is_stale_by_code_alone(table, key)]
    keys = [key for key in keys if not builder.lake.refused(table, key)]
    codes = {key: builder.lake.require(table, key).code for key in keys}
    done = []
    for code, group in itertools.groupby(sorted(keys, key=lambda key: (codes[key], key)), key=codes.__getitem__):
        done.append(_adopt_group(builder, table, code, list(group), most, say))
    builder.zone.flush()
    return done


def _adopt_group(
    builder: Builder, table: Table, code: str, keys: list[dt.date], most: int, say: Callable[[str], None]
) -> Adoption:
    sample, differing = spread(keys, most), {}
    say(f"{table.name}: {len(keys)} partitions are stale by their code alone; {len(sample)} of them are built anew")
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
    """At most so many of the keys, evenly spread, the first and the last among them where there are two or more."""
    if len(keys) <= most:
        return list(keys)
    if most == 1:
        return [keys[-1]]
    return [keys[n * (len(keys) - 1) // (most - 1)] for n in range(most)]


def _difference(builder: Builder, table: Table, key: dt.date) -> str:
    """How a partition that is built anew differs from the one in the lake, in what is read of it; "" where it does not."""
    held = builder.lake.require(table, key)
    try:
        anew = builder.remake(table, key)
    except (NotReadyError, InputError, SettingsError) as error:
        return f"it cannot be built now: {error}"
    differing = [name for name, of in _READ.items() if of(held) != of(anew)]
    return f"other {', '.join(differing)}" if differing else ""


_READ: dict[str, Callable[[Manifest], Any]] = {
    "rows": lambda manifest: manifest.rows,
    "content": lambda manifest: manifest.content,
    "verdicts": lambda manifest: {name: (one.passed, one.critical) for name, one in manifest.checks.items()},
    "notes of what is left out": lambda manifest: manifest.notes.get(LEFT_OUT, {}),
}
"""What other partitions and the report read of a partition. Durations and the wording of a verdict are no part of it."""
