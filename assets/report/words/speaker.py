"""The texts of one language: filled patterns, joined lists, and the report's names of factors, portfolios and constraints.

This module turns words into text. It does not hold the words, which are in the other modules of this package.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assets import catalogue
from assets.catalogue import Factor, Portfolio
from assets.report.words.names import CONSTRAINTS, GRANULARITIES, STAGES, STYLES
from assets.report.words.shared import SHARED
from resources.language import Bilingual, Language
from resources.reason_words import describe
from resources.reasons import Reason

BOUND = {**STYLES, **CONSTRAINTS}  # the constraints on a portfolio's weights
# parameter of a reason → the report's names of its keys
CALLED: Mapping[str, Mapping[str, Bilingual]] = {
    **dict.fromkeys(("style", "constraint", "constraints", "groups", "state"), BOUND),
    **dict.fromkeys(("granularity", "granularities"), GRANULARITIES),
    "stage": {**BOUND, **STAGES},
}


@dataclass(frozen=True)
class Speaker:
    """The texts of one section in one language. words: key → text."""

    language: Language
    words: Mapping[str, Bilingual]

    @classmethod
    def of(cls, language: Language, *words: Mapping[str, Bilingual]) -> "Speaker":
        """Create a speaker with `words` and those that all sections share (`SHARED`).

        A key of a later mapping replaces an earlier one.
        """
        return cls(language, {key: text for one in (SHARED, *words) for key, text in one.items()})

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of `key` with its fields filled by `values`.

        Raises KeyError for an unknown key or a field without a value.
        """
        return self.words[key][self.language].format(**values)

    def join(self, parts: Sequence[str], by: str = "list_comma") -> str:
        """Join the parts of a list with the separator `by`: list_comma, comma or semicolon."""
        return self(by).join(parts)

    def flow(self, sentences: Sequence[str]) -> str:
        """Join sentences to a paragraph, separated by a blank in languages with blanks; empty ones are left out."""
        return self("blank").join(part.strip() for part in sentences if part)

    def name(self, thing: Factor | Portfolio) -> str:
        """Return the report's name of a factor or portfolio."""
        return thing.name_zh if self.language == "zh" else thing.name_en

    def numbered(self, factor: Factor) -> str:
        """Return a factor's number in Table 1 and its name, the first cell of its row in every table."""
        return f"{factor.number} {self.name(factor)}"

    def called(self, key: str, names: Mapping[str, Bilingual] = BOUND) -> str:
        """Return the name of a key in `names`, by default those of styles, constraints and states.

        A key without a name, such as an industry or a symbol, is returned unchanged.
        """
        return names[key][self.language] if key in names else key

    def reason(self, reason: Reason | str) -> str:
        """Put a reason into words. A text is a reason as stored in a column of a table (`Reason.dumps`)."""
        found = Reason.loads(reason) if isinstance(reason, str) else reason
        return describe(found, self.language, self._called_in_reason)

    def not_available(self, reason: Reason | str) -> str:
        """Return "n/a" with the reason in brackets, as printed in tables."""
        return self("not_available_reason", reason=self.reason(reason))

    def _called_in_reason(self, parameter: str, text: str) -> str:
        if parameter in ("model", "factor", "factors"):
            return self.name(catalogue.BY_KEY[text]) if text in catalogue.BY_KEY else text
        return self.called(text, CALLED.get(parameter, {}))
