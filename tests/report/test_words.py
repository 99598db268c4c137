"""The report's words: complete in both languages, used with values for all their fields, and none of them unused."""

import ast
import importlib
import pkgutil
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from assets.models.networks import NETWORKS as BUILT_NETWORKS
from assets.portfolios.schemas import COMPONENTS
from assets.report import words
from assets.report.words.each_factor import NETWORKS
from assets.report.words.health import LEFT_OUT
from assets.report.words.layout import LAYOUT
from assets.report.words.names import BOARDS, chinese_number
from assets.report.words.names import COMPONENTS as COMPONENT_NAMES
from assets.report.words.shared import SHARED
from assets.report.words.speaker import Speaker
from resources.language import Bilingual, Language
from resources.settings.rulebook import RulebookSettings

REPORT = Path(words.__file__).parent.parent
MODULES = {
    name: importlib.import_module(f"{words.__name__}.{name}")
    for _, name, _ in pkgutil.iter_modules(words.__path__)
    if name != "speaker"
}
# (module, mapping, key) → text
TEXTS: dict[tuple[str, str, str], Bilingual] = {
    (module, title, key): text
    for module, holder in MODULES.items()
    for title, mapping in vars(holder).items()
    if title.isupper() and isinstance(mapping, Mapping)
    for key, text in mapping.items()
}
SECTIONS = {path.stem: path for path in sorted((REPORT / "sections").glob("[!_]*.py"))}
# modules of sections that are handed another one's words → that one
LENT = {"shared": (), "methods": ("each_factor",), "left_out": ("health",)}
SERIES = "选股因子系列研究"  # a title, which English keeps
SIGNS = {"–", "n/a：{reason}", "n/a（{reason}）"}  # Chinese texts without a word


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


def words_of(section: str) -> dict[str, Bilingual]:
    """The words that a module of sections may use."""
    found = {}
    for module in LENT.get(section, (section,)):
        found.update(MODULES[module].WORDS)
    return {**found, **(LEFT_OUT if section in ("health", "left_out") else {}), **SHARED}


def calls(section: str) -> Iterator[ast.Call]:
    """The calls of a speaker in a module of sections."""
    for node in ast.walk(ast.parse(SECTIONS[section].read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
            yield node


def keys(node: ast.expr) -> Iterator[re.Pattern[str]]:
    """What the first argument of a speaker's call can be; a part that is computed can be anything."""
    if isinstance(node, ast.Constant):
        yield re.compile(re.escape(str(node.value)))
    elif isinstance(node, ast.IfExp):
        yield from keys(node.body)
        yield from keys(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        parts = [re.escape(str(one.value)) if isinstance(one, ast.Constant) else ".*" for one in node.values]
        yield re.compile("".join(parts))


@pytest.mark.parametrize(("module", "title", "key"), TEXTS, ids="-".join)
def test_a_text_is_whole_in_both_languages(module: str, title: str, key: str) -> None:
    text = TEXTS[module, title, key]
    assert isinstance(text, Bilingual)
    assert places(text.zh) == places(text.en)
    assert not re.search(r"[一-鿿、。，；：（）]", text.en.replace(SERIES, ""))
    name = title not in ("WORDS", "SHARED", "LAYOUT", "LEFT_OUT")
    assert name or text.zh in SIGNS or "{" in text.zh or re.search(r"[一-鿿、。，；]|^$|RankIC", text.zh), text.zh
    assert text.en or key == "blank"


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_uses_existing_words_with_all_their_values(section: str) -> None:
    known = words_of(section)
    for call in calls(section):
        named = {keyword.arg for keyword in call.keywords}
        for pattern in keys(call.args[0]):
            found = [key for key in known if pattern.fullmatch(key)]
            assert found, f"{section}.py:{call.lineno} says {pattern.pattern}, which has no words"
            if None not in named:
                for key in found:
                    assert set(places(known[key].en)) <= named, f"{section}.py:{call.lineno}: {key}"


def test_every_word_is_used() -> None:
    literals = {
        node.value
        for path in SECTIONS.values()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    computed = [
        pattern
        for section in SECTIONS
        for call in calls(section)
        if isinstance(call.args[0], ast.JoinedStr)
        for pattern in keys(call.args[0])
    ]
    used_keys = {"not_available_reason", *literals}  # by Speaker.not_available
    of_a_speaker = [key for _, title, key in TEXTS if title in ("WORDS", "SHARED", "LEFT_OUT")]
    idle = [key for key in of_a_speaker if key not in used_keys and not any(one.fullmatch(key) for one in computed)]
    assert set(idle) == {
        "list_comma",  # by Speaker.join
        "month",  # one of PERIODS
        "lower",  # a side of binding_names in solve.parquet
    }
    templates = "".join(path.read_text("utf-8") for path in (REPORT / "render" / "templates").glob("*.j2"))
    assert {key for key in LAYOUT if f"t.{key}" not in templates} == set()
    assert set(re.findall(r"\bt\.(\w+)", templates)) <= {*LAYOUT, "risks"}


@pytest.mark.parametrize("module", MODULES)
def test_no_section_replaces_a_shared_word(module: str) -> None:
    own = getattr(MODULES[module], "WORDS", {})
    assert not set(own) & set(SHARED)
    assert module != "health" or not set(own) & set(LEFT_OUT)


def test_every_key_of_the_platform_has_a_name() -> None:
    assert set(NETWORKS) == set(BUILT_NETWORKS)
    assert set(COMPONENT_NAMES) == set(COMPONENTS)
    assert {board for lot in RulebookSettings().lots for board in lot.boards} <= set(BOARDS)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_speaker_fills_joins_and_names(language: Language) -> None:
    say = Speaker.of(language, {"one": Bilingual("甲{x}", "A {x}")})
    assert say("one", x=3) == {"zh": "甲3", "en": "A 3"}[language]
    with pytest.raises(KeyError):
        say("one")
    with pytest.raises(KeyError):
        say("two")
    assert say.join(["a", "b"]) == {"zh": "a、b", "en": "a, b"}[language]
    assert say.flow(["a. ", "", "b."]) == {"zh": "a.b.", "en": "a. b."}[language]
    assert say.called("size") == {"zh": "市值", "en": "size"}[language]
    assert say.called("801080") == "801080"


def test_chinese_numbers_are_those_of_the_series() -> None:
    assert [chinese_number(number) for number in (1, 10, 11, 25, 30, 99)] == [
        "一", "十", "十一", "二十五", "三十", "九十九",
    ]  # fmt: skip
