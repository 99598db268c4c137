"""The words of the reasons of delivered one-minute bars."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {}
