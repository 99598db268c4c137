"""Ticks → order_sizes and minute_bars, or one-minute bars as they were delivered (SPEC §1, §2.2, §3).

Here: everything that sums trades and quotes into minutes. Not here: reading vendor files (assets/ticks), whether a tape adds up
(assets/tape_health), and anything that spans minutes of a day (assets/factors).
"""
