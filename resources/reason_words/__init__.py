"""The words of all reasons in Chinese and English, one module per stage, and `describe`, which words a reason.

The words of a code are a pattern for str.format, which is filled with the reason's parameters. The codes are declared where the
reasons arise (resources/reasons.py, resources/gate.py, resources/stale.py, assets/*/reasons.py). A test checks that every code has
words with its own parameters, and that there are no words without a code.
"""

import string
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from resources.language import Bilingual, Language
from resources.reason_words import (
    bars,
    cells,
    checks,
    delivered_bars,
    distributions,
    factors,
    general,
    models,
    plans,
    portfolios,
    reference,
    report,
    tape_health,
    ticks,
    units,
)

STAGES = (
    general,
    checks,
    cells,
    units,
    ticks,
    bars,
    tape_health,
    delivered_bars,
    reference,
    factors,
    models,
    distributions,
    portfolios,
    report,
    plans,
)
WORDS: Mapping[str, Bilingual] = {code: words for stage in STAGES for code, words in stage.WORDS.items()}

COMMA, SEMICOLON = Bilingual("、", ", "), Bilingual("；", "; ")
NOTHING = "–"  # a parameter that is None


@runtime_checkable
class Coded(Protocol):
    """Anything with words, that is `resources.reasons.Reason`, which imports this module."""

    @property
    def code(self) -> str:
        """The name of the reason's code."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The facts of the case by name."""


class _Formatter(string.Formatter):
    """Formats numbers as the pattern says. A text in the place of a number, such as the sign for None, is shown unchanged."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return value if isinstance(value, str) else format(value, format_spec)


_FORMATTER = _Formatter()


def describe(
    reason: Coded, language: Language = "en", called: Callable[[str, str], str] = lambda parameter, text: text
) -> str:
    """Word a reason as a phrase that can follow a colon.

    A code without words, or one whose words have other parameters (of another version), is shown as it is stored.

    Args:
        reason: the reason.
        language: "en" or "zh".
        called: replaces a text parameter, given its name and text, such as a factor's key by its name.
    """

    def shown(name: str, value: Any) -> Any:
        if isinstance(value, Coded):
            return describe(value, language, called)
        if isinstance(value, tuple):
            mark = SEMICOLON if name == "reasons" else COMMA
            return mark[language].join(str(shown(name, one)) for one in value)
        if value is None:
            return NOTHING
        if isinstance(value, Bilingual):
            return value[language]
        return called(name, value) if isinstance(value, str) else value

    values = {name: shown(name, value) for name, value in reason.parameters.items()}
    try:
        return _FORMATTER.format(WORDS[reason.code][language], **values)
    except (KeyError, ValueError, TypeError):
        return f"{reason.code} ({', '.join(f'{name} = {value}' for name, value in values.items())})"
