"""The present time by which deadlines are judged: that of the machine's clock, or that of a simulation.

This is the only module that reads ZHOUBAO_CLOCK. The time since a file was changed or a run has ended is always that of the machine's
clock. The module is not part of resources/clock.py, so that no table's code digest covers it.
"""

import datetime as dt
import json
import os
from pathlib import Path

SIMULATED = "ZHOUBAO_CLOCK"
"""The variable that names a file of simulated time. The soak (studies/soak) sets it; nothing else does."""


def present(timestamp: float) -> dt.datetime:
    """The time of the calendar at a time of the machine's clock, in UTC: the same time, or that of a simulation.

    The file of simulated time is a JSON list of pairs, ascending: a time of the machine's clock in seconds since 1970, and the simulated
    time, with a zone, that begins there. Simulated time passes as fast as that of the machine.

    Args:
        timestamp: seconds since 1970, of now or of a file's last change.

    >>> present(0.0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    name = os.environ.get(SIMULATED)
    steps = json.loads(Path(name).read_text("utf-8")) if name else []
    began, simulated = max((one for one in steps if one[0] <= timestamp), default=(timestamp, ""))
    if not simulated:
        return dt.datetime.fromtimestamp(timestamp, dt.UTC)
    return dt.datetime.fromisoformat(simulated).astimezone(dt.UTC) + dt.timedelta(seconds=timestamp - began)
