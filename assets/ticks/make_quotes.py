"""Makes one day of quotes from the day's vendor files; the work is done in day_of_files.py."""

from assets.ticks.day_of_files import make_table
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.ticks import TicksSettings


def make_quotes(frames: Frames, partition: Partition, settings: TicksSettings) -> Made:
    """Make the day's snapshots.

    Schema `canonical.QUOTES`, sorted by symbol, time, then as delivered. A large day is returned as a file, as in `make_trades`.
    Raises MachineError where the machine fails to read or write.
    """
    return make_table("quotes", partition, settings)
