"""Makes one day of trades from the day's vendor files; the work is done in day_of_files.py."""

from assets.ticks.day_of_files import make_table
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.ticks import TicksSettings


def make_trades(frames: Frames, partition: Partition, settings: TicksSettings) -> Made:
    """Make the day's fills of both exchanges; cancels are not trades.

    Schema `canonical.TRADES`, sorted by symbol, channel, seq. A day of more than `settings.batch_rows` rows is returned as a
    Parquet file in the scratch folder. Raises MachineError where the machine fails to read or write.
    """
    return make_table("trades", partition, settings)
