"""Vendor Level-2 files → trades, orders, quotes.

This stage declares the vendors' layouts, reads their files exactly and sets aside the rows that break a rule. It does not
sum or average ticks; assets/bars does.
"""
