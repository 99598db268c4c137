"""One week of a portfolio: benchmark, rebalance, execution, daily returns and attribution (SPEC §6, §9).

This package holds the restrictions of the market, the development of holdings, the inputs of the week's optimisation problem, and
the make functions of the portfolios' tables. It does not hold the solution of the problem (assets/portfolios/problem).
"""
