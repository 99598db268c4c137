"""The volumes of the book's levels, held against the trades that took a best level whole: their unit and their side."""

import polars as pl
import pytest

from assets.ticks.canonical import QUOTES
from assets.ticks.layouts import LEVELS
from resources.settings.bars import BarsSettings
from tests.tape_health.test_tape_health import refused
from tests.tapes import DATE, Day, frame_of, trade

CHECK = "level_volumes_agree_with_trades"
VOLUMES = [f"{side}_volume_{level}" for side in ("bid", "ask") for level in range(1, LEVELS + 1)]
EXCHANGED = [
    pl.col(f"{other}_volume_{level}").alias(f"{side}_volume_{level}")
    for side, other in (("bid", "ask"), ("ask", "bid"))
    for level in range(1, LEVELS + 1)
]
ALTERED = {
    "in lots": [pl.col(VOLUMES) // 100],
    "multiplied by 100": [pl.col(VOLUMES) * 100],
    "in tens": [pl.col(VOLUMES) // 10],
    "multiplied by 1000": [pl.col(VOLUMES) * 1_000],
    "exchanged": EXCHANGED,
}


def swept(symbol: str, wholes: int, parts: int = 0, side: int = 1) -> tuple[list[dict], list[dict]]:
    """Trades and snapshots of a symbol. Each snapshot shows 300 shares at the bid and 1 700 at the ask. Of so many `wholes` of them the next
    trades take the level of active side `side` whole, in two fills, and go on to the next price; of `parts` they take 100 shares.
    """
    trades, shown = [], []
    near = 1_700 if side == 1 else 300
    volume = amount = 0
    for n in range(wholes + parts):
        time = 34_200_000 + 3_000 * n
        shown.append(
            {
                "date": DATE, "symbol": symbol, "time": time, "trades": len(trades), "volume": volume, "amount": amount,
                "bid_price_1": 99_900, "bid_volume_1": 300, "ask_price_1": 100_000, "ask_volume_1": 1_700,
            }
        )  # fmt: skip
        level = 100_000 if side == 1 else 99_900
        fills = [(level, 100), (level, near - 100), (level + 100 * side, 200)] if n < wholes else [(level, 100)]
        for price, shares in fills:
            orders = (
                {"bid_order": len(trades) + 9, "ask_order": 1}
                if side == 1
                else {"bid_order": 1, "ask_order": 9 + len(trades)}
            )
            trades.append(
                trade(
                    symbol=symbol, seq=len(trades), time=time + 1_000, price=price, volume=shares, side=side, **orders
                )
            )
            volume, amount = volume + shares, amount + shares * price
    shown.append(
        {**shown[-1], "time": shown[-1]["time"] + 3_000, "trades": len(trades), "volume": volume, "amount": amount}
    )
    return trades, shown


def day_of(*names: tuple[list[dict], list[dict]], altered=(), **changes) -> Day:
    trades, shown = ([row for name in names for row in name[part]] for part in (0, 1))
    quotes = pl.DataFrame(shown, schema=QUOTES).sort("symbol", "time", maintain_order=True)
    return Day(frame_of(trades), quotes=quotes.with_columns(altered), **changes)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("name", ["as delivered", *ALTERED])
def test_the_unit_and_the_side_of_volumes_are_those_that_the_trades_took(name, side):
    altered = ALTERED.get(name, [])
    of = day_of(swept("600519.SH", 12, 30, side), altered=altered)
    row = of.verdicts["600519.SH"]
    assert row["quotes_verdict"] == ("set aside" if altered else "ok")
    assert row["verdict"] == ("repaired" if altered else "ok")
    assert (CHECK in refused(of)) == bool(altered)
    if altered:
        assert of.bars.frame["imbalance"].null_count() == 239
        assert of.bars.frame["close"].null_count() == 1  # no opening auction
    causes = {
        "in lots": "its book is set aside: level volumes are in a larger unit than shares, such as lots of 100: next after a snapshot the trades "
        "took 5 times the volume shown, or more, of 12 of the 12 best levels that they took whole (bars.swept_volume_factor), more than 50% "
        "(bars.max_contradicted_level_share). Deliver the bid and ask volumes of the snapshots in shares",
        "multiplied by 100": "its book is set aside: level volumes are multiplied, as where shares were taken for lots of 100: next after a "
        "snapshot the trades took 1/5 of the volume shown, or less, of 12 of the 12 best levels that they took whole "
        "(bars.swept_volume_factor), more than 50% (bars.max_contradicted_level_share). Deliver the bid and ask volumes of the snapshots in "
        "shares",
        "exchanged": "its book is set aside: bid and ask volumes are exchanged: next after a snapshot the trades took exactly the volume of one "
        "side of 12 best levels, and of 12 of them that of the wrong side, more than 50% (bars.max_contradicted_level_share). Exchange the "
        "columns in the snapshot files, or in the layout that reads them (docs/layouts.md)",
    }
    assert row["reason"] == causes.get(name, row["reason"])
    assert name != "as delivered" or row["reason"] is None


def test_few_levels_prove_nothing_and_settings_move_the_bounds():
    lots = ALTERED["in lots"]
    few = day_of(swept("600519.SH", 9, 100), altered=lots)
    assert few.verdicts["600519.SH"]["verdict"] == "ok"
    assert CHECK not in refused(few)
    for changes, aside in (
        ({"least_swept_levels": 9}, True),
        ({"least_swept_levels": 9, "swept_volume_factor": 100.0}, True),
        ({"least_swept_levels": 9, "swept_volume_factor": 101.0}, False),
        ({"least_swept_levels": 9, "max_contradicted_level_share": 1.0}, False),
    ):
        of = day_of(swept("600519.SH", 9, 100), altered=lots, **changes)
        assert (of.verdicts["600519.SH"]["quotes_verdict"] == "set aside") == aside, changes


def test_names_with_few_levels_are_judged_together_by_exchange():
    thin = [swept(f"60000{n}.SH", 4) for n in range(3)]
    of = day_of(*thin, altered=ALTERED["in lots"])
    assert CHECK in refused(of)
    assert {row["verdict"] for row in of.verdicts.values()} == {"ok"}
    detail = of.profile.filter(levels_contradicted=1)["detail"].item()
    assert detail.startswith(
        "in 1 of 1 names of SH with enough swept levels, more than 5% (bars.max_contradicted_share)"
    )
    assert "of 12 of the 12 best levels" in detail
    assert CHECK not in refused(day_of(*thin))
    assert CHECK not in refused(day_of(*thin[:2], altered=ALTERED["in lots"]))
    honest = [swept(f"00000{n + 1}.SZ", 4) for n in range(3)]
    of = day_of(*honest, *thin, altered=[pl.when(pl.col("symbol").str.ends_with(".SH")).then(pl.col(VOLUMES) // 100).otherwise(pl.col(VOLUMES)).name.keep()])  # fmt: skip
    assert of.health.profile["levels_contradicted"].sum() == 1


@pytest.mark.parametrize(("wrong", "refuses"), [(1, False), (2, True)])
def test_a_single_book_is_set_aside_and_more_of_them_refuse_the_day(wrong, refuses):
    names = [f"{600_000 + n}.SH" for n in range(20)]
    bad = pl.col("symbol").is_in(names[:wrong])
    altered = [pl.when(bad).then(pl.col(name) * 100).otherwise(name).alias(name) for name in VOLUMES]
    of = day_of(*(swept(name, 11, side=-1) for name in names), altered=altered)
    assert {name for name, row in of.verdicts.items() if row["quotes_verdict"] == "set aside"} == set(names[:wrong])
    assert (CHECK in refused(of)) == refuses


def test_levels_that_trades_refill_or_leave_are_not_judged():
    """A level of which the trades take a part, however small, says nothing of its volume."""
    assert BarsSettings().least_swept_levels <= 40
    of = day_of(swept("600519.SH", 0, 40), altered=ALTERED["multiplied by 100"])
    assert of.verdicts["600519.SH"]["verdict"] == "ok"
    assert CHECK not in refused(of)
