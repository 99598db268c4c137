"""The words of the reasons of rows of tick files that are set aside."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {}
