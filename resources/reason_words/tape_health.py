"""The words of the reasons of tape health: why a tape is repaired, set aside or missing."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {}
