"""How the report prints numbers and settings: percentages, decimals, win rates, values of settings.

Here: formats. Not here: words around them (words/).
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction in percent, never −0.00%; n/a for None.

    >>> percent(0.0123), percent(-0.00001), percent(None)
    ('1.23%', '0.00%', 'n/a')
    """
    return "n/a" if value is None else f"{round(value, digits + 2) + 0.0:.{digits}%}"


def exact_percent(value: float, digits: int = 2) -> str:
    """A setting in percent, with `digits` decimals and as many more as it has: no bound becomes another one by rounding.

    >>> exact_percent(0.125, 0), exact_percent(0.3, 0), exact_percent(0.00001), exact_percent(0.0015)
    ('12.5%', '30%', '0.001%', '0.15%')
    """
    exact = Decimal(str(value)) * 100
    own = -int(exact.normalize().as_tuple().exponent)
    return f"{exact:.{max(digits, own)}f}%"


def decimal(value: float | None, digits: int) -> str:
    """A number with `digits` decimals, never −0.00; n/a for None.

    >>> decimal(0.12345, 3), decimal(-0.0001, 2), decimal(None, 2)
    ('0.123', '0.00', 'n/a')
    """
    return "n/a" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def share(wins: int | None, periods: int | None) -> str:
    """Periods won of all periods; n/a where there is no period.

    >>> share(3, 4), share(None, None)
    ('3/4', 'n/a')
    """
    return "n/a" if periods is None else f"{wins}/{periods}"


def plain(value: object) -> str:
    """A setting's value as a reader would type it: a text as it is, anything else as JSON.

    >>> plain("lots"), plain([1, True, None])
    ('lots', '[1, true, null]')
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def leaves(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted path, value) of every leaf of nested settings, in their order.

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
