"""A stock of the tiny market changes its code halfway: the whole chain, every table, bit for bit.

From the change on, every partition equals that of a market in which the stock had the new code from the beginning; before the
change, that of a market in which nothing changed. The market holds only minute bars, so that the days are cheap.
"""

import datetime as dt
import shutil
from pathlib import Path

import polars as pl
import pytest

from assets import catalogue
from orchestration.prove import build_at_once, differences
from resources.landing import LandingZone
from resources.reference_tables import REFERENCE

pytestmark = pytest.mark.slow

OLD, NEW = "001722.SZ", "001723.SZ"  # a member of CSI 500; the order of the symbols stays, as training depends on it
CHANGE = dt.date(2023, 10, 18)  # a Wednesday
LAST = dt.date(2023, 10, 27)


def without_ticks(source: Path, target: Path, since: dt.date | None) -> Path:
    """Copy the market's bars up to LAST and its reference tables; from `since` on, the stock has its new code."""
    zone = LandingZone(source)
    for folder in ("bars", "reference"):
        (target / folder).mkdir(parents=True)
    shutil.copy(source / "market.json", target)
    for day in (day for day in zone.bar_days() if day <= LAST):
        for path in zone.bar_files(day):
            moved = since is not None and day >= since
            frame = pl.read_parquet(path)
            frame = frame.with_columns(pl.col("symbol").replace({OLD: NEW})) if moved else frame
            frame.write_parquet(target / "bars" / path.name)
    for path in (source / "reference").iterdir():
        frame, name = pl.read_parquet(path), path.stem
        if since is not None and name == "instruments" and since > dt.date.min:
            own = pl.col("symbol") == OLD
            ended = frame.with_columns(delist_date=pl.when(own).then(pl.lit(since)).otherwise("delist_date"))
            frame = pl.concat([ended, frame.filter(own).with_columns(symbol=pl.lit(NEW), list_date=pl.lit(since))])
        elif since is not None and "symbol" in frame.columns:
            moved_rows = pl.col(REFERENCE[name].known) >= since
            frame = frame.with_columns(
                symbol=pl.when(moved_rows).then(pl.col("symbol").replace({OLD: NEW})).otherwise("symbol")
            )
        frame.write_parquet(target / "reference" / path.name)
    return target


def test_the_chain_continues_over_a_changed_code(tiny_market: Path, world, tmp_path: Path) -> None:
    changed = without_ticks(tiny_market, tmp_path / "changed" / "market", CHANGE)
    declared = pl.DataFrame({"old": [OLD], "new": [NEW], "date": [CHANGE]})
    declared.write_csv(changed / "reference" / "code_changes.csv")
    builder = world(changed, tmp_path / "changed_lake")
    found = build_at_once(builder, LAST)
    always = build_at_once(
        world(without_ticks(tiny_market, tmp_path / "always" / "market", dt.date.min), tmp_path / "always_lake"), LAST
    )
    never = build_at_once(
        world(without_ticks(tiny_market, tmp_path / "never" / "market", None), tmp_path / "never_lake"), LAST
    )
    assert "not built" not in found.values()
    day = {key: builder.signal_day(builder.tables[key[0]], key[1]) for key in found}
    assert differences({key: content for key, content in found.items() if day[key] < CHANGE}, never) == []
    later = differences({key: content for key, content in found.items() if day[key] >= CHANGE}, always)
    # The card of a model that was trained before the change names the data by the codes of that time.
    trained_before = {
        (name, week)
        for name, week in later
        if name in catalogue.MODELS
        and dt.date.fromisoformat(builder.lake.manifest(builder.tables[name], week).notes["trained_week"]) < CHANGE
    }
    assert set(later) == trained_before
    held = builder.lake.read(builder.tables["csi500_portfolio"], [dt.date(2023, 10, 16)]).collect()
    assert held.filter(pl.col("symbol") == NEW)["benchmark_weight"].item() > 0
    assert OLD not in held["symbol"]
