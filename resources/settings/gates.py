"""Settings that change declared checks: thresholds, severity and shares.

The checks themselves are declared with the tables. resources/gate_changes.py compares these settings with them and applies them.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from resources.settings.base import Section


class GateSettings(Section):
    """Changes of one declared check, `[gates.<table>.<check>]`.

    Only what is named is changed. A check has the threshold `min` or `max` only where its declared rule has that bound; the other
    keys apply to every check. `python -m orchestration.gates --write FOLDER` writes all checks with their present values. A changed
    check makes the partitions of its table stale, a model's included, and the reports, which print the change. Values that are looser
    than the declared ones are marked there.
    """

    min: float | None = Field(
        None, ge=-1e18, le=1e18, description="The smallest value that passes, in the unit of the checked column."
    )
    max: float | None = Field(
        None, ge=-1e18, le=1e18, description="The largest value that passes, in the unit of the checked column."
    )
    critical: bool | None = Field(
        None,
        description="Whether a failure refuses the partition. A failed warning refuses it too where more than critical_share of the "
        "rows fail.",
    )
    mostly: float | None = Field(
        None, gt=0, le=1, description="Share of a partition's rows that must satisfy the rule; 1: every row."
    )
    critical_share: float | None = Field(
        None, ge=0, le=1, description="Share of the judged rows above which a failed warning refuses the partition."
    )

    @model_serializer(mode="wrap")
    def _changed_alone(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


Gates = Mapping[str, Mapping[str, GateSettings]]
"""Table → check → its changes."""
