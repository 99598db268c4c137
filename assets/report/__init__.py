"""The weekly report: tables, charts and sentences made of what the stages above measured. Nothing here feeds back into a portfolio."""
