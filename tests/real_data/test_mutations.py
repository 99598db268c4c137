"""Hundreds of damaged copies of real tapes: each is read exactly, repaired, refused or set aside with a reason that fits.

Small consistent cuts of the tapes (deliveries.py) are damaged (mutations.py), a day each, and go through the tables as any
delivery does: the builder, its gates, the landing zone. Bars and order sizes of every symbol are compared with those of the
unharmed delivery bit for bit. A figure that differs without a message is a silent change, and fails.

What cannot be distinguished from the truth is not among the mutations:

- A snapshot's best prices or volumes, changed to others that neither cross nor leave the limits: the book is known from nowhere
  else unless orders are replayed.
- A single snapshot left out. The exchange leaves out snapshots itself when nothing changes, and nothing numbers them.
- A snapshot's stamp moved within a stretch in which nothing trades: there is no other clock.
- Two trades of one minute that exchange their volumes at one price, or their stamps: no figure differs.
- A print stamped into the next minute by less than the clocks of trades and snapshots differ, in the right order: snapshots
  align by count, since their clock runs up to a second apart, and order says nothing.
- The number of an aggressive SSE order, changed to another that nobody has: such an order is in no stream, so only its
  fills name it. The same holds for all of an order's number on SZSE where the order file is not delivered.
- Buy and sell numbers of an SZSE print exchanged, where the order file is not delivered: the larger number is all that
  names the aggressor.
- A change of everything by the same rule, references included: a market in which all prices were ten times higher.
- An order that nobody traded with, changed or lost, where the channel is not delivered as a whole.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_data.deliveries import (
    Delivery,
    Ending,
    Mutation,
    chosen,
    datayes_sse,
    datayes_szse,
    endings,
    fault,
    insight_sse,
    whole_channel,
)
from tests.real_data.mutations import FAMILIES, Bases, all_mutations

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"REAL DATA ABSENT: no {DATA}, real tapes are not mutated")
PER_FAMILY = 21


@pytest.fixture(scope="module")
def bases() -> Bases:
    sse = datayes_sse(DATA)
    return Bases(sse=sse, whole=whole_channel(sse), dated=insight_sse(DATA), szse=datayes_szse(DATA))


@pytest.fixture(scope="module")
def ended(
    bases: Bases, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[tuple[Mutation, Ending]]]]:
    """Family → its mutations and how they ended, of the families that are to be tested."""
    asked = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    families = {name: chosen(made, PER_FAMILY) for name, made in all_mutations(bases).items() if name in asked}
    owner = {id(mutation): name for name, made in families.items() for mutation in made}
    results: dict[str, list[tuple[Mutation, Ending]]] = {name: [] for name in families}
    everything = [mutation for made in families.values() for mutation in made]
    for mutation, ending in endings(everything, tmp_path_factory.mktemp("mutations")):
        results[owner[id(mutation)]].append((mutation, ending))
    return results


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_no_figure_changes_silently(name: str, ended: dict[str, list[tuple[Mutation, Ending]]]) -> None:
    judged = ended[name]
    faults = [story for mutation, ending in judged if (story := fault(mutation, ending))]
    count = Counter(ending.kind for _, ending in judged)
    assert not faults, f"{len(faults)} of {len(judged)} ({dict(count)}):\n" + "\n".join(faults)


@pytest.mark.slow
def test_there_are_at_least_five_hundred(bases: Bases) -> None:
    made = [mutation for mutations in all_mutations(bases).values() for mutation in chosen(mutations, PER_FAMILY)]
    assert len(made) >= 500
    names = Counter((mutation.base.name, mutation.name) for mutation in made)
    assert max(names.values()) == 1


def test_deliveries_are_consistent(bases: Bases) -> None:
    """What is damaged was whole: sums by plain Python over the rows that stayed."""
    for base in bases.all:
        assert_consistent(base)


def assert_consistent(base: Delivery) -> None:
    trades = base.files[base.trades]
    for symbol, row in base.prices.items():
        rows = trades.of(symbol[:6])
        fills = [i for i in rows if not trades.has("exec") or trades.get(i, "exec") in ("F", "70")]
        assert sum(int(trades.get(i, "volume")) for i in fills) == row["volume"]
        assert min(round(float(trades.get(i, "price")), 2) for i in fills) == row["low"]
    if base.quotes:
        quotes = base.files[base.quotes]
        symbol = next(name for name in base.prices if name[:6] == quotes.get(0, "code")[:6])
        assert int(quotes.get(len(quotes.rows) - 1, "volume")) == base.prices[symbol]["volume"]
