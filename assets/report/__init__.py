"""Returns of the factor groups, their statistics, and the weekly report. Nothing here feeds back into a portfolio."""
