"""Texts of one language: patterns filled, lists joined, and things called by the report's names for them.

Here: how words become text. Not here: the words themselves, which are beside this module.
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

BOUND = {**STYLES, **CONSTRAINTS}  # whatever a portfolio's weights are bound by
# parameter of a reason → what the report calls the keys that it holds
CALLED: Mapping[str, Mapping[str, Bilingual]] = {
    **dict.fromkeys(("style", "constraint", "constraints", "groups", "state"), BOUND),
    **dict.fromkeys(("granularity", "granularities"), GRANULARITIES),
    "stage": {**BOUND, **STAGES},
}


@dataclass(frozen=True)
class Speaker:
    """The texts of one section in one language. words: the section's own, by key."""

    language: Language
    words: Mapping[str, Bilingual]

    @classmethod
    def of(cls, language: Language, *words: Mapping[str, Bilingual]) -> "Speaker":
        """A speaker with these words and those that all sections share (`SHARED`). A key of a later mapping replaces an
        earlier one."""
        return cls(language, {key: text for one in (SHARED, *words) for key, text in one.items()})

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key`, with its places filled by `values`. Raises KeyError for an unknown key or an unfilled place."""
        return self.words[key][self.language].format(**values)

    def join(self, parts: Sequence[str], by: str = "list_comma") -> str:
        """Parts of a list as one text, with the separator `by`: list_comma, comma or semicolon."""
        return self(by).join(parts)

    def flow(self, sentences: Sequence[str]) -> str:
        """Whole sentences as one paragraph, separated by a blank where the language has one; empty ones are left out."""
        return self("blank").join(part.strip() for part in sentences if part)

    def name(self, thing: Factor | Portfolio) -> str:
        """A factor or portfolio as the report calls it."""
        return thing.name_zh if self.language == "zh" else thing.name_en

    def numbered(self, factor: Factor) -> str:
        """A factor's number in Table 1 and its name: the first cell of its row in every table."""
        return f"{factor.number} {self.name(factor)}"

    def called(self, key: str, names: Mapping[str, Bilingual] = BOUND) -> str:
        """What `names` calls a key, which are styles, constraints and states of a name unless others are passed; the key
        itself where it is not among them, such as an industry or a symbol."""
        return names[key][self.language] if key in names else key

    def reason(self, reason: Reason | str) -> str:
        """A reason in words; from a column of a table as it is stored there (`Reason.dumps`)."""
        found = Reason.loads(reason) if isinstance(reason, str) else reason
        return describe(found, self.language, self._called_in_reason)

    def not_available(self, reason: Reason | str) -> str:
        """ "n/a" with its reason in brackets, as tables print it."""
        return self("not_available_reason", reason=self.reason(reason))

    def _called_in_reason(self, parameter: str, text: str) -> str:
        if parameter in ("model", "factor", "factors"):
            return self.name(catalogue.BY_KEY[text]) if text in catalogue.BY_KEY else text
        return self.called(text, CALLED.get(parameter, {}))
