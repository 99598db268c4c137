"""examples/desk.toml names the examples, each of them small, and the digests of their tables cover their code."""

import ast
import datetime as dt
import functools
import re
from pathlib import Path
from typing import Any

import pytest

from assets.catalogue import NETWORKS
from orchestration.platform import PROFILES
from orchestration.tables import load_tables
from resources.builder import Builder
from resources.calendar import Calendar
from resources.lake import Lake
from resources.landing import LandingZone
from resources.named import load_named
from resources.settings import Settings
from resources.settings.load import load_profile

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PAGE = (EXAMPLES.parent / "docs" / "extending.md").read_text("utf-8")
SETTINGS = load_profile(str(EXAMPLES / "desk.toml"), PROFILES, {"ZHOUBAO_CODE_PACKAGES": "examples"}).settings
CALENDAR = Calendar([dt.date(2024, 1, 2)])
OWN = {  # example → the setting and the tables that are made with it
    "layout": ("ticks.extra_layouts", {"trades", "orders", "quotes"}),
    "factor": ("factors.extra_factors", {"day_indicators"}),
    "network": ("models.gru_50_1.network", {"gru_50_1", "scores", "offset_scores"}),
    "constraint": ("portfolios.extra_constraints", {"csi500_portfolio", "csi1000_portfolio", "portfolio_lines"}),
    "cone": ("portfolios.extra_constraints", {"csi500_portfolio", "csi1000_portfolio", "portfolio_lines"}),
}


def test_every_example_is_named_and_under_fifty_lines() -> None:
    files = {path.stem: path.read_text("utf-8") for path in EXAMPLES.glob("*.py") if path.stem != "__init__"}
    assert set(files) == set(OWN)
    assert all(len(text.splitlines()) < 50 for text in files.values())


def definitions(code: str) -> dict[str, str]:
    """The functions and classes of a module by name, each as its syntax tree without docstrings."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return {node.name: ast.dump(node) for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def test_the_code_of_the_page_is_that_of_the_examples_and_its_settings_are_valid(tmp_path: Path) -> None:
    examples = definitions("\n".join(path.read_text("utf-8") for path in EXAMPLES.glob("*.py")))
    shown = definitions("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.S)))
    assert len(shown) == 2
    assert {name: examples[name] for name in shown} == shown
    texts = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    assert len(texts) == 2
    for text in texts:
        (tmp_path / "desk.toml").write_text(text, "utf-8")
        load_profile(str(tmp_path / "desk.toml"), PROFILES, {"ZHOUBAO_CODE_PACKAGES": "examples"})


@pytest.mark.parametrize("example", OWN)
def test_the_code_of_an_example_counts_in_the_digests_of_its_tables(example: str, tmp_path: Path) -> None:
    setting, stale = OWN[example]
    names = setting.split(".")
    value = functools.reduce(getattr, names, SETTINGS)
    own = [path for path in ((value,) if isinstance(value, str) else value) if path.startswith(f"examples.{example}:")]
    assert own
    for path in own:
        load_named(setting, path, path)
    lake = Lake(str(tmp_path))

    def digests(settings: Settings) -> dict[str, str]:
        builder = Builder(
            tables=load_tables(),
            lake=lake,
            zone=LandingZone(tmp_path, lake.store),
            calendar=CALENDAR,
            settings=settings,
        )
        return {name: builder.code_digest(table) for name, table in builder.tables.items()}

    with_one, without = digests(nested(Settings(), names)), digests(Settings())
    assert {name for name in without if with_one[name] != without[name]} == stale


def nested(settings: Settings, names: list[str]) -> Settings:
    """The default settings with one value of desk.toml."""

    def copy(section: Any, own: Any, rest: list[str]) -> Any:
        first, *more = rest
        value = copy(getattr(section, first), getattr(own, first), more) if more else getattr(own, first)
        return section.model_copy(update={first: value})

    return copy(settings, SETTINGS, names)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_digest_of_a_model_covers_the_network_that_its_settings_name(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    covered: list[str] = []
    monkeypatch.setattr("resources.builder.code_digest", lambda one: covered.append(one) or one)
    models = Settings().models
    row = models.gru_50_1.model_copy(update={"network": kind})
    lake, tables = Lake(str(tmp_path)), load_tables()
    builder = Builder(
        tables=tables,
        lake=lake,
        zone=LandingZone(tmp_path, lake.store),
        calendar=CALENDAR,
        settings=Settings().model_copy(update={"models": models.model_copy(update={"gru_50_1": row})}),
    )
    builder.code_digest(tables["gru_50_1"])
    assert set(covered) & set(NETWORKS.values()) == {NETWORKS[kind]}
