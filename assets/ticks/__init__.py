"""Vendor Level-2 files → trades, orders, quotes.

Here: what each vendor's files look like, reading them exactly, setting aside what breaks a rule. Not here: anything that
sums or averages ticks (assets/bars).
"""
