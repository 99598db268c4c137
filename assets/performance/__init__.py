"""The stage that measures factors and scores: returns of factor groups, RankICs, the weekly evaluation and statistics (SPEC §7).

This package does not hold the report's words, tables and charts (assets/report). No portfolio reads its results.
"""
