"""The stage that turns scores into target weights, and target weights into executed holdings and daily returns.

This package holds the benchmark vector and exposures, the weekly optimisation, execution and daily accounting (SPEC §6,
§9). It does not hold scores and styles (earlier stages) or statistics of portfolio returns (assets/performance).
"""
