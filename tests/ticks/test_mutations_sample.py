"""Tests some of the mutations of tests/real_data on a day of the sample market, where no real tapes are present.

Unlike the real tapes, the sample day has orders and snapshots of Shenzhen.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sample_market.generate import generate
from sample_market.settings import profile
from tests.real_data.deliveries import (
    DATAYES_ORDERS,
    DATAYES_QUOTES,
    DATAYES_TRADES,
    SZSE_ORDERS,
    SZSE_QUOTES,
    SZSE_TRADES,
    Csv,
    Delivery,
    Ending,
    Mutation,
    chosen,
    endings,
    fault,
    prices_of,
    whole_channel,
)
from tests.real_data.mutations import Bases, all_mutations

SMALL = profile("tiny", days=32, tick_days=8, sse_main=6, szse_main=6, star=2, chinext=2, csi500=4, csi1000=4)
PER_FAMILY = 2


def day_of(
    folder: Path, name: str, suffix: str, patterns: tuple[str, str, str], roles: tuple[dict, dict, dict]
) -> Delivery:
    """Return all files of an exchange, with complete channels."""
    paths = [next(folder.glob(pattern)) for pattern in patterns]
    trades, orders, quotes = (Csv.read(path, own) for path, own in zip(paths, roles, strict=True))
    codes = quotes.values("code")
    closes = {f"{code}.{suffix}": float(quotes.get(codes.index(code), "pre_close")) for code in set(codes)}
    files = {path.name: one for path, one in zip(paths, (trades, orders, quotes), strict=True)}
    return Delivery(name, files, prices_of(trades, suffix, closes), *files)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Mutation, Ending]]]:
    market = tmp_path_factory.mktemp("sample") / "market"
    generate(SMALL, market)
    day = next((market / "ticks").iterdir())
    sse = day_of(
        day, "sample SSE", "SH", ("*Transaction.csv", "mdl_4_19_0.csv", "*MarketData.csv"),
        (DATAYES_TRADES, DATAYES_ORDERS, DATAYES_QUOTES),
    )  # fmt: skip
    szse = day_of(
        day, "sample SZSE", "SZ", ("mdl_6_36_0.csv", "mdl_6_33_0.csv", "mdl_6_28_0.csv"),
        (SZSE_TRADES, SZSE_ORDERS, SZSE_QUOTES),
    )  # fmt: skip
    bases = Bases(sse=sse, whole=whole_channel(sse), dated=None, szse=szse)
    everything = [one for made in all_mutations(bases).values() for one in chosen(made, PER_FAMILY)]
    return list(endings(everything, tmp_path_factory.mktemp("mutations")))


@pytest.mark.slow
def test_no_figure_of_the_sample_market_changes_silently(ended: list[tuple[Mutation, Ending]]) -> None:
    assert len(ended) >= 45
    faults = [story for mutation, ending in ended if (story := fault(mutation, ending))]
    assert not faults, f"{len(faults)} of {len(ended)}:\n" + "\n".join(faults)
