"""What the triggers read from the lake: which tables of a day are built, and which are current."""

from pathlib import Path

from orchestration.triggers import is_built, is_current
from tests.resources.fake_tables import AVERAGES, PRICES
from tests.resources.small_market import DAYS, deliver, open_world


def test_a_day_is_current_when_its_inputs_are_the_present_ones(market: Path, tmp_path: Path) -> None:
    """A week waits for days that are built; a day is done when it is current."""
    day, before = DAYS[4], DAYS[3]
    builder = open_world(market, tmp_path / "lake")
    assert not is_current(builder, day)
    for table in (PRICES, AVERAGES):
        builder.build(table, DAYS[:5])
    assert is_built(builder, day)
    assert is_current(builder, day)
    deliver(market, before, {"600000.SH": 99.0})
    again = open_world(market, tmp_path / "lake")
    assert is_current(again, day)  # the other day's change has not reached the lake
    again.build(PRICES, [before])
    assert not is_current(again, before)  # its averages are those of the earlier delivery
    assert not is_current(again, day)
    assert is_built(again, day)
    again.build(AVERAGES, [before, day])
    assert is_current(again, day)
