"""Makes one day of orders from the day's vendor files; the work is done in day_of_files.py."""

from assets.ticks.day_of_files import make_table
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.ticks import TicksSettings


def make_orders(frames: Frames, partition: Partition, settings: TicksSettings) -> Made:
    """Make the day's order stream; SZSE cancels come from the trade files.

    SSE quantities are the remainders after instant fills (SPEC §2.3). Schema `canonical.ORDERS`, sorted by symbol, channel, seq.
    A large day is returned as a file, as in `make_trades`. Raises MachineError where the machine fails to read or write.
    """
    return make_table("orders", partition, settings)
