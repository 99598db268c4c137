"""The optimisation problem of one rebalance, and its solution: which weights, proved how, and what bound them (SPEC §6, §9).

What belongs here: constraints and terms, the programmes that solvers are handed, the certificate of an answer, conflicts and the
explanation of a solution; arrays and small dataclasses. What does not: where the numbers come from and what is traded
(assets/portfolios/week). Nothing here imports that room.
"""
