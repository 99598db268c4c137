"""One day of orders, from the day's vendor files. Not here: everything else (day_of_files.py)."""

from assets.ticks.day_of_files import make_table
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.ticks import TicksSettings


def make_orders(frames: Frames, partition: Partition, settings: TicksSettings) -> Made:
    """The day's order stream; SZSE cancels come from the trade files. SSE quantities are what remained after instant
    fills (SPEC §2.3). Schema `canonical.ORDERS`, sorted symbol, channel, seq; large days as in `make_trades`."""
    return make_table("orders", partition, settings)
