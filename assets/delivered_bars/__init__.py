"""One-minute bars that were delivered instead of ticks (SPEC §2.1): which rows can be right, and what a file betrays of its making.

Here: rules of a row, of a name's day and of a file as a whole. Not here: how a cell is read (resources/bar_forms.py), verdicts
(assets/tape_health). This room declares no table: tape_health and minute_bars call it.
"""
