"""One day of trades, from the day's vendor files. Not here: everything else (day_of_files.py)."""

from assets.ticks.day_of_files import make_table
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.ticks import TicksSettings


def make_trades(frames: Frames, partition: Partition, settings: TicksSettings) -> Made:
    """The day's fills of both exchanges; cancels are not trades. Schema `canonical.TRADES`, sorted symbol, channel, seq.

    A day of more than `settings.batch_rows` rows is handed back as a Parquet file in the scratch folder."""
    return make_table("trades", partition, settings)
