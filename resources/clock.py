"""The trading clock of SPEC §1, in minutes and milliseconds since midnight. No data, no arithmetic on tables."""

MINUTE_MS = 60_000
OPENING_AUCTION = 565  # the bar of prints stamped 09:25
MORNING = 570  # 09:30, first minute of the continuous grid
LUNCH = 690  # 11:30; what is stamped from here to before 13:00 belongs to minute 689
AFTERNOON = 780  # 13:00
CLOSING_AUCTION = 897  # 14:57
CLOSING_TIME = 900  # 15:00
CLOSING_END = CLOSING_TIME + 1  # 15:01: everything from here on is after-hours
AFTER_HOURS = 905  # 15:05, the bar of after-hours fixed-price trades
AFTER_HOURS_END = 931  # 15:31, the minute after the last of them
FIRST_STAMP, LAST_STAMP = 540, 960  # 09:00, 16:00: no order and no fill is stamped outside

GRID = (*range(MORNING, LUNCH), *range(AFTERNOON, CLOSING_AUCTION))
"""G: the 237 minutes of continuous trading."""
DAY_BARS = (OPENING_AUCTION, *GRID, CLOSING_AUCTION)
"""The 239 bars every delivered symbol-day has."""
