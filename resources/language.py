"""The two languages of the platform's texts, and the type of a text in both. The texts themselves are in the modules that use them."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Bilingual:
    """One text in Chinese and English; `text["zh"]` and `text["en"]` select one."""

    zh: str
    en: str

    def __getitem__(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en
