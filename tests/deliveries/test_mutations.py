"""Hundreds of damaged deliveries of reference tables and bars: each is read exactly, set aside by name, n/a with its reason or refused.

The damage is in mutations.py with what nothing in a delivery contradicts, the honest market in honest.py, building and
comparing in endings.py. The whole run takes a quarter of an hour, so that a part of each family
is tested here; `python -m tests.deliveries.test_mutations [words of a family]` ends every mutant and prints what ends badly
and the counts by outcome.
"""

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from tests.deliveries.endings import CRASHED, REFUSED, SAME, SILENT, World
from tests.deliveries.honest import Honest, honest
from tests.deliveries.mutations import FAMILIES, ONE, Mutant, all_mutants

PER_FAMILY = 3
LEAST_MUTANTS = 600


@pytest.fixture(scope="module")
def delivery() -> Honest:
    return honest()


@pytest.fixture(scope="module")
def world(delivery: Honest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("deliveries"), delivery)


@pytest.fixture(scope="module")
def mutants(delivery: Honest) -> dict[str, list[Mutant]]:
    return all_mutants(delivery)


def test_there_are_hundreds_of_mutants_with_names_of_their_own(mutants: dict[str, list[Mutant]]) -> None:
    names = [(family, mutant.name) for family, each in mutants.items() for mutant in each]
    assert len(names) == len(set(names)) >= LEAST_MUTANTS


def test_the_honest_delivery_ends_as_itself(world: World) -> None:
    world.restore()
    ending = world.ending()
    assert ending.kind == SAME, ending


def test_a_change_that_nobody_reports_is_found(world: World, delivery: Honest) -> None:
    """An industry of one name, which nothing contradicts: the comparison must see it, or it would see nothing."""
    world.restore()
    path = world.market / "reference" / "industries.parquet"
    other = pl.when(pl.col("symbol") == ONE[0]).then(pl.lit("77")).otherwise("industry").alias("industry")
    delivery.tables["industries"].with_columns(other).write_parquet(path)
    ending = world.ending()
    assert ending.kind == SILENT
    assert ONE[0] in ending.changed


@pytest.mark.slow
@pytest.mark.parametrize("family", list(FAMILIES))
def test_no_damage_changes_a_figure_without_a_word(
    world: World, delivery: Honest, mutants: dict[str, list[Mutant]], family: str
) -> None:
    for mutant in random.Random(family).sample(mutants[family], min(PER_FAMILY, len(mutants[family]))):
        world.restore()
        mutant.apply(world.market, delivery)
        ending = world.ending()
        assert ending.kind in mutant.may, f"{mutant.name}: {ending.kind}: {ending.changed}: {ending.reported}"
        if ending.kind == REFUSED:
            assert ending.reported


def main(words: list[str]) -> int:
    """End every mutant of the families whose name holds one of the words (of all without words); the number that ended badly."""
    delivery = honest()
    total: Counter[str] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), delivery)
        for family, mutants in all_mutants(delivery).items():
            if words and not any(word in family for word in words):
                continue
            counts: Counter[str] = Counter()
            for mutant in mutants:
                world.restore()
                mutant.apply(world.market, delivery)
                ending = world.ending()
                counts[ending.kind] += 1
                if ending.kind not in mutant.may:
                    bad += 1
                    shown = ending.reported if ending.kind == CRASHED else ending.reported[:200]
                    print(f"{family} | {mutant.name}: {ending.kind} | {ending.changed[:200]} | {shown}")
            print(f"{family}: {dict(counts)}", flush=True)
            total += counts
    print(f"{sum(total.values())} mutants: {dict(total)}; {bad} ended badly")
    return bad


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
