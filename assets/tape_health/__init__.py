"""The stage that makes tape_health from ticks or delivered bars: whether each symbol-day is complete and consistent (SPEC §2.3).

This package compares snapshots and orders with trades, replays books, counts channel numbers, compares totals and makes the verdict
of each symbol. It does not read vendor files (assets/ticks) or make bars (assets/bars).
"""
