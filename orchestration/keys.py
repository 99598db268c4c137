"""The names of assets, jobs and sensors in Dagster, with the prefix of the code location.

Two markets can be two code locations of one Dagster deployment. Their assets have the same tables, so that one of them, or both, need a
prefix (ZHOUBAO_KEY_PREFIX).
"""

import dagster as dg

from orchestration.platform import key_prefix


def asset_key(table: str) -> dg.AssetKey:
    """The key of a table's asset: prefix / table, or the table's name alone without a prefix."""
    prefix = key_prefix()
    return dg.AssetKey([prefix, table] if prefix else [table])


def prefixed(name: str) -> str:
    """The name of a job, sensor or schedule: prefix_name, or the name alone without a prefix."""
    prefix = key_prefix()
    return f"{prefix}_{name}" if prefix else name
