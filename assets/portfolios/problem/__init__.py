"""The optimisation problem of one rebalance, its solution, the proof of it, and which bounds are binding (SPEC §6, §9).

This package holds constraints and terms, the programmes that are passed to solvers, the certificate of an answer, conflicts and
the explanation of a solution, all on arrays and small dataclasses. It does not hold the origin of the numbers or the trading
(assets/portfolios/week), and it does not import that package.
"""
