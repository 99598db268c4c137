"""Portfolios: from scores to target weights, from target weights to what a desk would have held and earned.

What belongs here: the benchmark vector and exposures, the weekly optimisation, execution and daily accounting (SPEC §6,
§9). What does not: scores and styles (stages above) and statistics over portfolio returns (report).
"""
