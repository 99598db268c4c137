"""The documents hold together: cited sections exist, links and anchors lead somewhere, paths and tables are those of the code.

Pure: tracked files are read, and nothing is fetched. A citation is "SPEC §6", "SPEC §9.1–2", "SPEC §2.2, §2.3" or "DESIGN §3.5"; the
table of folders in README lists sections of SPEC under that head.
"""

import re
import subprocess
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from orchestration.tables import load_tables
from resources.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"SPEC": ROOT / "docs" / "spec.md", "DESIGN": ROOT / "docs" / "design.md"}
TEXTS = {".py", ".md", ".toml", ".yaml", ".j2", ".json"}
NUMBER = r"\d+(?:\.\d+)?"
MORE = re.compile(rf"(?:,| and|;|–|-)\s*§?\s*({NUMBER})")
CITED = re.compile(rf"(SPEC|DESIGN)\s+§?\s*({NUMBER})(?!\w)")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)


@cache
def tracked() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return tuple(path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file())


def documents() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def citations(text: str) -> Iterator[tuple[str, str]]:
    """(document, number of the section) of each citation; "§9.1–2" cites 9.1 and 9.2, "§3, §4" cites both."""
    for found in CITED.finditer(text):
        document, number = found[1], found[2]
        yield document, number
        at, parent = found.end(), number.rpartition(".")[0]
        while more := MORE.match(text, at):
            marked = "§" in more[0]
            if not marked and not (parent and more[0][0] in "–-"):
                break  # a number of the sentence
            yield document, more[1] if marked or "." in more[1] else f"{parent}.{more[1]}"
            at = more.end()


@cache
def sections(document: str) -> frozenset[str]:
    """Numbers of a document's headings: "## 6. Portfolios", "### 6.5 The rulebook"."""
    return frozenset(re.findall(rf"^##+ ({NUMBER})\.? ", PAGES[document].read_text("utf-8"), re.M))


@cache
def anchors(path: Path) -> frozenset[str]:
    """The anchors that GitHub gives the headings of a page: lower case, blanks to hyphens, marks dropped, repetitions numbered."""
    found: dict[str, int] = {}
    names: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", CODE.sub("", path.read_text("utf-8")), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = "".join(
            "-" if one == " " else one
            for one in plain
            if one in " -_" or unicodedata.category(one)[0] in "LN" or unicodedata.category(one) == "Mn"
        )
        count = found.get(slug, 0)
        found[slug] = count + 1
        names.add(f"{slug}-{count}" if count else slug)
    return frozenset(names)


def broken_links(path: Path) -> list[str]:
    """Relative links of a page whose file or anchor does not exist."""
    found = []
    for link in LINK.findall(CODE.sub("", path.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = path if not file else (path.parent / file).resolve()
        if not target.exists() or not target.is_relative_to(ROOT):
            found.append(f"{link}: there is no such file")
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            found.append(f"{link}: {target.name} has no such heading")
    return found


@pytest.mark.parametrize("document", PAGES)
def test_sections_are_numbered_in_order(document: str) -> None:
    numbers = [tuple(map(int, one.split("."))) for one in re.findall(
        rf"^##+ ({NUMBER})\.? ", PAGES[document].read_text("utf-8"), re.M
    )]  # fmt: skip
    assert len(numbers) > 5
    assert numbers == sorted(set(numbers))


def test_every_cited_section_exists() -> None:
    cited: dict[tuple[str, str], str] = {}
    count = 0
    for path in tracked():
        if path.suffix not in TEXTS or path == Path(__file__).resolve():
            continue
        for document, number in citations(path.read_text("utf-8", errors="ignore")):
            cited.setdefault((document, number), str(path.relative_to(ROOT)))
            count += 1
    assert count > 300
    missing = {key: place for key, place in cited.items() if key[1] not in sections(key[0])}
    assert missing == {}


def test_sections_in_the_table_of_folders_exist() -> None:
    """README's table of folders has a column SPEC with bare sections."""
    rows = re.findall(r"^\| `[a-z_/]+` \|.*\| (§[^|]*) \|$", (ROOT / "README.md").read_text("utf-8"), re.M)
    for row in rows:
        for number in re.findall(rf"§({NUMBER})", row):
            assert number in sections("SPEC"), row


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_every_page_of_the_documents_is_linked() -> None:
    """A page that nothing links is not found."""
    linked = {
        (path.parent / link.partition("#")[0]).resolve()
        for path in documents()
        for link in LINK.findall(CODE.sub("", path.read_text("utf-8")))
        if link.partition("#")[0]
    }
    assert {path for path in documents() if path.parent == ROOT / "docs"} <= linked


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_named_paths_exist(path: Path) -> None:
    """Paths of the repository in backquotes, such as `resources/lake.py` or `assets/ticks/`."""
    named = re.findall(
        r"`((?:sample_market|assets|resources|orchestration|tests|benchmarks|studies|examples|docs)/[\w./-]*)(?::\w+)?`",
        CODE.sub("", path.read_text("utf-8")),
    )
    if path.name != "CHANGELOG.md":
        assert [name for name in named if not (ROOT / name).exists()] == []


def unknown_settings(text: str) -> list[str]:
    """Settings in backquotes, such as `factors.window` or `models.<name>.clip`, that the tree does not have."""
    found = []
    for name in re.findall(r"`([a-z]\w*(?:\.(?:[a-z]\w*|<\w+>))+)(?: = [^`]*)?`", CODE.sub("", text)):
        first, second = name.split(".")[:2]
        if first not in Settings.model_fields or second in FILES or second in TABLES.get(first, ()):
            continue
        here: Any = Settings()
        for part in name.split("."):
            part = {"<name>": "gru_50_1", "<index>": "csi500"}.get(part, part)
            here = here.get(part) if isinstance(here, Mapping) else getattr(here, part, None)
            if here is None:
                break
        optional = name.rpartition(".")[2] in OPTIONAL
        if here is None and not optional:
            found.append(name)
    return found


TABLES = {table.name: set(table.schema) for table in load_tables().values()}
FILES = ("html", "pdf", "xlsx", "md", "py", "parquet", "csv", "toml", "assets")
OPTIONAL = (
    "announced_until",
    "start",
    "covariance",
    "tracking_error",
    "participation",
    "first_training",
    "expected_until",
)
"""Settings that are none by default."""


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_named_settings_exist(path: Path) -> None:
    if path.name != "CHANGELOG.md":  # it names what is gone
        assert unknown_settings(path.read_text("utf-8")) == []


def test_an_unknown_setting_would_be_found() -> None:
    text = "`factors.window` `factors.windw` `models.<name>.clip` `models.<name>.clop` `factors.raw` `report.html` `bars.x = 1`"
    assert unknown_settings(text) == ["factors.windw", "models.<name>.clop", "bars.x"]


def test_the_graph_of_the_design_is_the_declared_one() -> None:
    """Each table's row in section 2 has its partition and names what it reads."""
    text = PAGES["DESIGN"].read_text("utf-8")
    graph = text[text.index("\n## 2. ") : text.index("\n## 3. ")]
    rows: dict[str, tuple[str, str]] = {}
    for names, partition, reads in re.findall(r"^\| (`.+?) \| (day|week) \| (.+) \|$", graph, re.M):
        rows |= dict.fromkeys(re.findall(r"`(\w+)`", names), (partition, reads))
    tables = load_tables()
    assert set(rows) == set(tables)
    for name, table in tables.items():
        partition, reads = rows[name]
        assert partition == table.partition, name
        wanted = {read.table for read in table.reads if read.table != name}
        assert set(re.findall(r"`(\w+)`", re.sub(r"landing [^.;:]*", "", reads))) & set(tables) == wanted, name
        assert ("**itself**" in reads) == table.reads_itself, name


def test_chinese_terms_of_the_glossary_are_those_of_the_report() -> None:
    words = "".join(path.read_text("utf-8") for path in tracked() if path.parts[len(ROOT.parts)] == "assets")
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]+ \| ([^|]*) \| [^|]+ \|$", (ROOT / "docs" / "glossary.md").read_text("utf-8"), re.M
    )
    terms = [one for term, chinese in rows if term not in ("term", "---") for one in chinese.strip().split(", ") if one]
    assert len(terms) > 20
    assert [one for one in terms if one not in words] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SPEC §6.", [("SPEC", "6")]),
        ("SPEC §9.1–2, over", [("SPEC", "9.1"), ("SPEC", "9.2")]),
        ("SPEC §3, §4 and §5", [("SPEC", "3"), ("SPEC", "4"), ("SPEC", "5")]),
        ("SPEC §2.2–2.3.", [("SPEC", "2.2"), ("SPEC", "2.3")]),
        ("SPEC §1, 237 bars", [("SPEC", "1")]),
        ("DESIGN §3.5", [("DESIGN", "3.5")]),
        ("DESIGN 3.5 says", [("DESIGN", "3.5")]),
        ("SPEC's 26, SPEC: 30", []),
    ],
)
def test_citations_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(citations(text)) == expected


def test_a_broken_link_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# One & two: §3\n\n## Same\n\n## Same\n\n```\n# no heading\n```\n"
                    "[a](#one--two-3) [b](#same-1) [c](https://example.org/x) [d](page.md#same)\n", "utf-8")  # fmt: skip
    assert broken_links(page) == []
    page.write_text("# One\n\n[a](#two) [b](other.md) [c](page.md#no-heading) [d](../out.md)\n", "utf-8")
    anchors.cache_clear()
    assert len(broken_links(page)) == 4
