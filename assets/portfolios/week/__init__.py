"""A portfolio's week, from stored rows to stored rows: benchmark, rebalance, execution, daily returns, attribution (SPEC §6, §9).

What belongs here: what the market allows, what becomes of holdings, what the week's problem is made of, and the make functions of
the portfolios' tables. What does not: the problem's solution (assets/portfolios/problem).
"""
