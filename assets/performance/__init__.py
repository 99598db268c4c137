"""What factors and scores earned: factor groups' returns, RankICs, the weekly evaluation, and statistics over weeks (SPEC §7).

Here: measuring. Not here: the report's words, tables and charts (assets/report). Nothing here feeds back into a portfolio.
"""
