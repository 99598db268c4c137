"""Ticks and delivered bars → tape_health: is a symbol's tape of a day all there and right (SPEC §2.3)?

Here: snapshots held against trades, orders against trades, books replayed, channels, totals, and the verdict of each symbol. Not here:
reading vendor files (assets/ticks), bars (assets/bars).
"""
