"""Every check has a remedy in Chinese and English, and both name the same settings, tables, columns and files."""

import re
from collections.abc import Iterator

import pytest

from orchestration.tables import load_tables
from resources.gate import Check
from studies import demonstration

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAME = re.compile(r"[A-Za-z0-9]+(?:[_./][A-Za-z0-9_]+)+")  # a setting, table, column or file
WORDS_IN_A_ROW = re.compile(r"[A-Za-z]+(?: [A-Za-z]+){2}")


def checks() -> Iterator[tuple[str, Check]]:
    for table in (*load_tables().values(), demonstration.scores):
        yield from ((f"{table.name}.{check.name}", check) for check in table.checks)


@pytest.mark.parametrize(("name", "check"), [pytest.param(*one, id=one[0]) for one in checks()])
def test_a_remedy_has_words_in_both_languages(name: str, check: Check) -> None:
    zh, en = check.remedy.zh, check.remedy.en
    assert CHINESE.search(zh), name
    assert not CHINESE.search(en), name
    assert set(NAME.findall(zh)) == set(NAME.findall(en)), name
    assert not WORDS_IN_A_ROW.search(zh), name
    for text in (zh, en):
        assert text == text.strip(), name
        assert not text.endswith((".", "。")), name  # the sentence goes on with other text
