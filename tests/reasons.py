"""Reasons for tests that care for the sentence alone."""

from collections.abc import Mapping

from resources.reasons import Reason, Reasons, as_reason


def to_reasons(reasons: Mapping[str, Mapping[str, Reason | str]]) -> Reasons:
    """table → column or item → reason; a sentence becomes a reason of the code text."""
    return {table: {name: as_reason(one) for name, one in own.items()} for table, own in reasons.items()}
