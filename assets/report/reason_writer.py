"""A reason in the report's language, with factors, styles, constraints and states by the names that the report gives them.

Here: which parameter of a reason is called what. Not here: the words of the reasons (resources/reason_words.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

from assets import catalogue
from assets.catalogue import Factor
from assets.report.explanation_words import NAMES, STAGES
from assets.report.methods_words import GRANULARITIES
from assets.report.words import STYLES, Language
from resources.reason_words import describe
from resources.reasons import Reason

# parameter of a reason → what the report calls the keys that it holds
CALLED = {
    **{key: {**STYLES, **NAMES} for key in ("style", "constraint", "constraints", "groups", "state")},
    **dict.fromkeys(("granularity", "granularities"), GRANULARITIES),
    "stage": {**STYLES, **NAMES, **STAGES},
}


@dataclass(frozen=True)
class Writer:
    """name: the report's own word for a factor."""

    language: Language
    name: Callable[[Factor], str]

    def say(self, reason: Reason | str) -> str:
        """A reason in words; from a column of a table as it is stored there (`Reason.dumps`)."""
        found = Reason.loads(reason) if isinstance(reason, str) else reason
        return describe(found, self.language, self._called)

    def _called(self, parameter: str, text: str) -> str:
        if parameter in ("model", "factor", "factors"):
            return self.name(catalogue.BY_KEY[text]) if text in catalogue.BY_KEY else text
        known = CALLED.get(parameter, {}).get(text)
        return known[self.language] if known else text
