"""The orchestration: Dagster definitions, the plan and the driver. It decides when tables are built and in which ranges.

Only this package depends on Dagster. It imports assets/ and resources/.
"""
