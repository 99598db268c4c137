"""The slots of a day: its dense bars and after-hours trading, and the slot of a stamp (SPEC §1). Compiled by numba."""

import numpy as np
from numba import njit

from resources import clock

SLOTS = len(clock.DAY_BARS) + 1  # the dense bars and after-hours
MINUTES = np.array([*clock.DAY_BARS, clock.AFTER_HOURS], np.int32)
"""The minute (since midnight) of each slot."""
AFTER_HOURS_SLOT = SLOTS - 1
_CLOSING_SLOT = SLOTS - 2
_MORNING_BARS = clock.LUNCH - clock.MORNING
BEGINS = np.array(
    [
        np.iinfo(np.int32).min,
        *(minute * clock.MINUTE_MS for minute in (*clock.DAY_BARS[1:], clock.CLOSING_END)),
        np.iinfo(np.int32).max,
    ],
    np.int32,
)  # slot k contains the stamps t with BEGINS[k] <= t < BEGINS[k + 1]
_MORNING, _LUNCH, _AFTERNOON = clock.MORNING, clock.LUNCH, clock.AFTERNOON
_CLOSING, _CLOSE = clock.CLOSING_AUCTION, clock.CLOSING_END


@njit(cache=True, nogil=True, inline="always")
def slot_of(time):
    """Return the slot of a stamp in ms since midnight (SPEC §1: a stamp during lunch belongs to 11:29)."""
    minute = time // 60_000
    if minute < _MORNING:
        return 0
    if minute < _LUNCH:
        return minute - _MORNING + 1
    if minute < _AFTERNOON:
        return _MORNING_BARS
    if minute < _CLOSING:
        return minute - _AFTERNOON + _MORNING_BARS + 1
    return _CLOSING_SLOT if minute < _CLOSE else AFTER_HOURS_SLOT
