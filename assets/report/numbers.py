"""The formats of the report's numbers: percentages, decimals, win rates and values of settings.

This module does not hold the words around them (words/).
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def percent(value: float | None, digits: int = 2) -> str:
    """Format a fraction in percent, without a negative zero; n/a for None.

    >>> percent(0.0123), percent(-0.00001), percent(None)
    ('1.23%', '0.00%', 'n/a')
    """
    return "n/a" if value is None else f"{round(value, digits + 2) + 0.0:.{digits}%}"


def exact_percent(value: float, digits: int = 2) -> str:
    """Format a setting in percent with at least `digits` decimals, and with more where it has more, so that it is not rounded.

    >>> exact_percent(0.125, 0), exact_percent(0.3, 0), exact_percent(0.00001), exact_percent(0.0015)
    ('12.5%', '30%', '0.001%', '0.15%')
    """
    exact = Decimal(str(value)) * 100
    own = -int(exact.normalize().as_tuple().exponent)
    return f"{exact:.{max(digits, own)}f}%"


def decimal(value: float | None, digits: int) -> str:
    """Format a number with `digits` decimals, without a negative zero; n/a for None.

    >>> decimal(0.12345, 3), decimal(-0.0001, 2), decimal(None, 2)
    ('0.123', '0.00', 'n/a')
    """
    return "n/a" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def share(wins: int | None, periods: int | None) -> str:
    """Format the number of periods won and of all periods; n/a without a period.

    >>> share(3, 4), share(None, None)
    ('3/4', 'n/a')
    """
    return "n/a" if periods is None else f"{wins}/{periods}"


def plain(value: object) -> str:
    """Format a setting's value: a text is unchanged, any other value is JSON.

    >>> plain("lots"), plain([1, True, None])
    ('lots', '[1, true, null]')
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def leaves(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """List (dotted path, value) of every leaf of nested settings, in their order.

    >>> leaves({"a": {"b": 1, "c": {}}, "d": 2})
    [('a.b', 1), ('a.c', {}), ('d', 2)]
    """
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found += leaves(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found
