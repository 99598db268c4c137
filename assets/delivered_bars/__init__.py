"""The rules of one-minute bars that were delivered instead of ticks (SPEC §2.1).

This package holds the rules of a row, of a symbol-day and of a file as a whole. It does not read cells (resources/bar_forms.py) or
make verdicts (assets/tape_health). It declares no table: tape_health and minute_bars call it.
"""
