"""The suites of all tables: Great Expectations reads them, edits return as settings, and nothing else can be edited."""

import dataclasses
import json
import posixpath
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.report.make_report import LINK_OUT
from assets.report.sections.settings import write_settings
from orchestration.gates import main, read_suites, to_settings, write_suites
from orchestration.platform import PROFILES, Names, open_builder
from orchestration.tables import load_tables
from resources.data_docs import INDEX, data_docs
from resources.errors import SettingsError
from resources.gate import NotNull
from resources.gate_changes import describe_gates, values_of, with_gates
from resources.language import Bilingual
from resources.settings.gates import GateSettings
from resources.settings.load import load_profile
from resources.suites import changes_in, to_json
from tests.resources import fake_tables
from tests.resources.small_market import DAYS, build_all, deliver, open_world

TABLES = load_tables()
CHECKS = [(table.name, check) for table in TABLES.values() for check in table.checks]


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    write_suites({name: TABLES[name] for name in ("factors", "order_sizes")}, tmp_path / "suites")
    return tmp_path / "suites"


def edit(path: Path, check: str, *place: str, value: Any) -> None:
    """Set a field of an expectation, given by the keys that lead to it."""
    suite = json.loads(path.read_text("utf-8"))
    here = next(one for one in suite["expectations"] if one["meta"]["check"] == check)
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value
    path.write_text(json.dumps(suite), "utf-8")


def test_great_expectations_reads_every_suite() -> None:
    from great_expectations.core import ExpectationSuite

    for table in TABLES.values():
        written = json.loads(json.dumps(to_json(table)))
        suite = ExpectationSuite(**written)
        assert [one.meta["check"] for one in suite.expectations] == [check.name for check in table.checks]
        assert [one.severity == "critical" for one in suite.expectations] == [check.critical for check in table.checks]
        assert suite.to_json_dict() == written
        assert changes_in(table, suite.to_json_dict(), "x") == {}
        assert all(one["meta"]["remedy"]["zh"] and one["meta"]["remedy"]["en"] for one in written["expectations"])


@st.composite
def changes(draw: st.DrawFn) -> dict[str, dict[str, dict[str, Any]]]:
    """Changed values of a few checks, by table and check; they may equal the declared ones."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for table, check in draw(
        st.lists(st.sampled_from(CHECKS), max_size=4, unique_by=lambda one: (one[0], one[1].name))
    ):
        declared = values_of(check)
        numbers = st.floats(0, 1e12, allow_nan=False)
        possible: dict[str, st.SearchStrategy[Any]] = {
            "critical": st.booleans(),
            "mostly": st.floats(0, 1, exclude_min=True),
            "critical_share": st.floats(0, 1),
        }
        if "min" in declared:
            possible["min"] = numbers.map(lambda width, low=declared["min"]: low - width)
        if "max" in declared:
            possible["max"] = numbers.map(lambda width, high=declared["max"]: high + width)
        keys = draw(st.lists(st.sampled_from(sorted(possible)), unique=True, min_size=1))
        found.setdefault(table, {})[check.name] = {key: draw(possible[key]) for key in keys}
    return found


@settings(max_examples=60)
@given(changes())
def test_settings_survive_the_round_trip(tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, Any]) -> None:
    """Settings → changed checks → suites → settings. The second settings have the same checks, and only real changes."""
    folder = tmp_path_factory.mktemp("gates")
    (folder / "a.toml").write_text(to_settings(wanted), "utf-8")
    changed = with_gates(TABLES, load_profile(str(folder / "a.toml"), PROFILES, {}).settings.gates)
    write_suites({name: changed[name] for name in wanted} or {"factors": changed["factors"]}, folder)
    text = read_suites(TABLES, folder)
    (folder / "b.toml").write_text(text, "utf-8")
    again = with_gates(TABLES, load_profile(str(folder / "b.toml"), PROFILES, {}).settings.gates)
    assert again == changed
    named = {
        f"gates.{table}.{check}.{key}"
        for table, checks in tomllib.loads(text).get("gates", {}).items()
        for check, values in checks.items()
        for key in values
    }
    assert named == set(describe_gates(changed))


def test_edits_return_as_settings(suites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(suites / "factors.json", "most_of_universe_covered", "kwargs", "min_value", value=0.9)
    edit(suites / "factors.json", "most_of_universe_covered", "severity", value="critical")
    edit(suites / "order_sizes.json", "no_symbol_set_aside", "meta", "mostly", value=0.99)
    edit(suites / "order_sizes.json", "no_symbol_set_aside", "id", value="8e0f")  # as Great Expectations stores it
    assert main(["--read", str(suites)]) == 0
    assert tomllib.loads(capsys.readouterr().out) == {
        "gates": {
            "factors": {"most_of_universe_covered": {"min": 0.9, "critical": True}},
            "order_sizes": {"no_symbol_set_aside": {"mostly": 0.99}},
        }
    }


@pytest.mark.parametrize(
    ("check", "place", "value", "message"),
    [
        ("symbol_unique", ("kwargs", "column_list"), ["date"], "kwargs.column_list of symbol_unique is no threshold"),
        ("symbol_unique", ("kwargs", "mostly"), 0.9, "kwargs.mostly of symbol_unique is no threshold"),
        ("orders_counted", ("kwargs", "max_value"), 5, "kwargs.max_value of orders_counted is no threshold"),
        ("orders_counted", ("kwargs", "min_value"), "5", "kwargs.min_value of orders_counted is '5', and must be a number"),
        ("orders_counted", ("kwargs", "min_value"), True, "must be a number"),
        ("orders_counted", ("kwargs", "min_value"), float("nan"), "must be a number"),
        ("orders_counted", ("kwargs", "strict_min"), True, "kwargs.strict_min of orders_counted is no threshold"),
        ("orders_counted", ("kwargs", "column"), "sum_ln", "kwargs.column of orders_counted is no threshold"),
        ("orders_counted", ("type",), "expect_column_to_exist", "type of orders_counted is no threshold"),
        ("orders_counted", ("meta", "remedy", "en"), "ignore it", "meta.remedy.en of orders_counted is no threshold"),
        ("orders_counted", ("meta", "plausibility"), True, "meta.plausibility of orders_counted is no threshold"),
        ("orders_counted", ("meta", "mostly"), 1.5, "meta.mostly of orders_counted is 1.5, and must be a share"),
        ("orders_counted", ("meta", "mostly"), 0, "meta.mostly of orders_counted is 0, and must be a share"),
        ("orders_counted", ("meta", "critical_share"), -1, "must be a share"),
        ("orders_counted", ("severity",), "warn", r"severity of orders_counted is 'warn', .*\(did you mean warning\?\)"),
        ("orders_counted", ("severity",), "info", "must be critical or warning"),
        ("orders_counted", ("meta", "check"), "other", r"expectation 2 \(other\) is not declared"),
        ("orders_counted", ("meta", "check"), "symbol_unique", r"expectation 2 \(symbol_unique\) is repeated"),
        ("orders_counted", ("meta", "check"), None, r"expectation 2 \(without meta.check\) is not declared"),
    ],
)  # fmt: skip
def test_an_edit_of_anything_else_is_refused(
    suites: Path, check: str, place: tuple[str, ...], value: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(suites / "order_sizes.json", check, *place, value=value)
    with pytest.raises(SettingsError, match=message) as error:
        read_suites(TABLES, suites)
    assert "order_sizes.json" in str(error.value)
    assert main(["--read", str(suites)]) == 1
    assert "Restore these fields." in capsys.readouterr().err


def test_a_missing_expectation_and_strange_files_are_refused(suites: Path, tmp_path: Path) -> None:
    path = suites / "factors.json"
    suite = json.loads(path.read_text("utf-8"))
    removed = suite["expectations"].pop()["meta"]["check"]
    path.write_text(json.dumps(suite), "utf-8")
    with pytest.raises(SettingsError, match=f"the expectation {removed} is missing"):
        read_suites(TABLES, suites)
    path.write_text(json.dumps(to_json(TABLES["factors"]) | {"name": "other"}), "utf-8")
    with pytest.raises(SettingsError, match="the suite's name"):
        read_suites(TABLES, suites)
    for text in ("", "[]", "3", '{"expectations": 3}', "{", '{"expectations": [3]}'):
        path.write_text(text, "utf-8")
        with pytest.raises(SettingsError, match=r"factors.json"):
            read_suites(TABLES, suites)
    path.rename(suites / "factor.json")
    with pytest.raises(SettingsError, match="named after no table"):
        read_suites(TABLES, suites)
    with pytest.raises(SettingsError, match="holds no suite"):
        read_suites(TABLES, tmp_path / "nowhere")


def test_a_range_without_values_is_refused(suites: Path) -> None:
    edit(suites / "factors.json", "most_of_universe_covered", "kwargs", "min_value", value=1.5)
    with pytest.raises(SettingsError, match=r"gates.factors.most_of_universe_covered would require"):
        read_suites(TABLES, suites)


def test_the_command_writes_the_present_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("[gates.factors.most_of_universe_covered]\nmin = 0.95\n", "utf-8")
    assert main(["--write", str(tmp_path / "suites"), "--profile", str(mine)]) == 0
    assert {path.stem for path in (tmp_path / "suites").iterdir()} == set(TABLES)
    capsys.readouterr()
    assert main(["--read", str(tmp_path / "suites")]) == 0
    assert tomllib.loads(capsys.readouterr().out) == {"gates": {"factors": {"most_of_universe_covered": {"min": 0.95}}}}
    assert main(["--write", str(mine / "folder"), "--profile", str(mine)]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert main(["--read", str(tmp_path), "--profile", "sample"]) == 1


# --- Data Docs ----------------------------------------------------------------------------------------------------------------


def test_data_docs_show_the_verdicts_and_load_nothing(market: Path, tmp_path: Path) -> None:
    """A day with an unusual symbol is refused, one without a close warns, and one cannot be read."""
    deliver(market, DAYS[3], {"<script>alert('$1')</script>": 2000.0, "600000.SH": 10.0})
    deliver(market, DAYS[5], {"600000.SH": -1.0})
    prices = fake_tables.PRICES
    remedy = Bilingual("<b>$1 $x ${y}", "<b>$1 $x ${y}")
    known = dataclasses.replace(prices.checks[0], name="known", rule=NotNull("close"), critical=False, remedy=remedy)
    tables = fake_tables.TABLES | {"prices": dataclasses.replace(prices, checks=(*prices.checks, known))}
    tables = with_gates(tables, {"prices": {"prices_are_sane": GateSettings(mostly=0.9)}})
    builder = open_world(market, tmp_path / "lake")
    builder.tables = tables
    build_all(builder)
    pages = dict(data_docs(tables, builder.lake))
    assert set(pages) >= {INDEX, "expectations/prices.html", "expectations/totals.html"}
    newest = f"validations/prices/{DAYS[-1]}/{DAYS[-1]}/prices.html"
    assert newest in pages
    assert not any(str(DAYS[5]) in path for path in pages)  # no declared check was judged
    assert "a negative close" in pages[INDEX]
    for path, page in pages.items():
        assert not LINK_OUT.findall(page.encode()), path
        assert "<script" not in page, path
        for link in re.findall(r'href="([^"#]+)"', page):
            assert posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) in pages, (path, link)
    suite = pages["expectations/prices.html"]
    assert "prices_are_sane (critical): close must be between 0 and 1000 in 90.0000% of the rows." in suite
    assert "Remedy: deliver the bars again" in suite
    assert "known (warning): close must be known. Remedy: &lt;b&gt;$1 $x ${y}" in suite
    assert "prices_are_sane (critical): close must be between 0 and 1000" in pages[newest]
    assert "Passed" in pages[newest] or "Succeeded" in pages[newest]


def test_data_docs_show_the_newest_failure(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[3], {"<script>alert('$1')</script>": 2000.0, "600000.SH": 10.0})
    builder = open_world(market, tmp_path / "lake")
    build_all(builder)
    pages = dict(data_docs(builder.tables, builder.lake))
    page = pages[f"validations/prices/{DAYS[3]}/{DAYS[3]}/prices.html"]
    assert "not so in 1 of 2 rows: " in page
    assert "&lt;SCRIPT&gt;ALERT(&#x27;$1&#x27;)&lt;/SCRIPT&gt;" in page
    assert "<script" not in page
    assert "Failed" in page
    row = next(line for line in pages[INDEX].split("\n") if "expectations/prices.html" in line)
    assert f"<td>{len(DAYS)}</td><td>1</td><td>1</td>" in row


def test_the_command_writes_data_docs(market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake, site = tmp_path / "lake", tmp_path / "site"
    arguments = ["--docs", str(site), "--lake", str(lake), "--profile", "sample"]
    assert main(arguments) == 1
    assert "There is no lake" in capsys.readouterr().err
    (lake / "prices").mkdir(parents=True)
    assert main(arguments) == 0
    assert capsys.readouterr().out.strip() == str(site / INDEX)
    assert {path.stem for path in (site / "expectations").iterdir()} == set(TABLES)
    assert main(arguments) == 0  # an earlier site is replaced
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    assert main(["--docs", str(tmp_path / "other"), "--lake", str(lake), "--profile", "sample"]) == 1
    assert main(["--write", str(site), "--lake", str(lake)]) == 1
    assert "needs --docs" in capsys.readouterr().err


def test_the_platform_judges_by_the_settings_and_the_report_prints_them(tmp_path: Path) -> None:
    (tmp_path / "market" / "bars").mkdir(parents=True)
    mine = tmp_path / "mine.toml"
    text = "[gates.factors.most_of_universe_covered]\nmin = 0.5\ncritical_share = 0.9\n[gates.order_sizes.orders_counted]\nmin = 0\n"
    mine.write_text(text, "utf-8")
    builder = open_builder(Names(str(tmp_path / "market"), str(tmp_path / "lake"), str(mine)), say=lambda line: None)
    check = next(one for one in builder.tables["factors"].checks if one.name == "most_of_universe_covered")
    assert (check.rule.min, check.rule.max, check.critical_share) == (0.5, 1, 0.9)
    assert builder.tables["order_sizes"] == TABLES["order_sizes"]
    assert {
        name for name in TABLES if builder.code_digest(builder.tables[name]) != builder.code_digest(TABLES[name])
    } == set()
    rows = [one for one in builder.run_settings["differences"] if one["setting"].startswith("gates.")]
    path = "gates.factors.most_of_universe_covered"
    assert rows == [
        {"setting": f"{path}.min", "value": 0.5, "production": 0.8, "reason": "", "looser": True},
        {"setting": f"{path}.critical_share", "value": 0.9, "production": 1, "reason": "", "looser": False},
    ]
    found = SimpleNamespace(run=builder.run_settings, rulebook={"added": [], "newest": None}, tree={})
    table = write_settings(found, "en")
    printed = [row.cells for row in table.blocks[1].rows]
    assert [f"{path}.min", "0.5", "0.8", "Looser than the declared check."] in printed
    assert [f"{path}.critical_share", "0.9", "1", ""] in printed
