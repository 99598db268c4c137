"""One day of quotes, from the day's vendor files. Not here: everything else (day_of_files.py)."""

from assets.ticks.day_of_files import make_table
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.ticks import TicksSettings


def make_quotes(frames: Frames, partition: Partition, settings: TicksSettings) -> Made:
    """The day's snapshots. Schema `canonical.QUOTES`, sorted symbol, time, then as delivered; large days as in
    `make_trades`."""
    return make_table("quotes", partition, settings)
