"""The tables of the platform, one folder per stage in the order in which data flows.

No module here imports Dagster, and no stage imports a stage that comes after it.
"""
