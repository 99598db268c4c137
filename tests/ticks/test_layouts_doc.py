"""Tests docs/layouts.md by running its examples as published."""

import datetime as dt
import re
import sys
import types
from pathlib import Path

import polars as pl
import pytest

from assets.ticks import layouts
from assets.ticks.make_orders import make_orders
from assets.ticks.make_trades import make_trades
from orchestration.platform import PROFILES
from resources.settings.load import load_profile
from resources.settings.ticks import TicksSettings
from tests.making import run_make

PAGE = (Path(__file__).parents[2] / "docs" / "layouts.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


@pytest.fixture
def desk(monkeypatch):
    """Install the page's layouts as the module desk_of_the_page, which settings name."""
    module = types.ModuleType("desk_of_the_page")
    for block in (blocks("python")[0], blocks("python")[2]):
        exec(block, vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.__name__


@pytest.mark.parametrize("joint", [True, False])
def test_the_worked_example_has_the_published_result(tmp_path, desk, joint):
    text = blocks("csv")[0]
    if not joint:  # before 2022
        text = "".join(line.rpartition(",")[0] + "\n" for line in text.splitlines())
    (tmp_path / "acme.csv").write_text(text)

    class Landing:
        def tick_files(self):
            return [tmp_path / "acme.csv"]

    published: dict[str, list[tuple]] = {}
    exec(blocks("python")[1].replace(" == [", " = ["), published)
    hide = {"date", "symbol", "channel", "seq"}
    for make, name in ((make_trades, "trades"), (make_orders, "orders")):
        made = run_make(
            make, date=dt.date(2024, 1, 10), landing=Landing(), settings=TicksSettings(extra_layouts=(f"{desk}:acme",))
        )
        assert made.profile["rows_set_aside"].sum() == 0
        frame = made.frame.with_columns(pl.col(column).cast(pl.String) for column in {"kind"} & set(made.frame.columns))
        expected = published[name] if joint else [(*row[:-1], None) for row in published[name]]
        assert frame.drop(hide).rows() == expected
        assert made.notes["status_rows"] == 1


def test_the_example_without_numbers_has_the_published_result(tmp_path, desk):
    (tmp_path / "SH_trade.csv").write_text(blocks("csv")[1])

    class Landing:
        def tick_files(self):
            return [tmp_path / "SH_trade.csv"]

    made = run_make(
        make_trades,
        date=dt.date(2024, 1, 10),
        landing=Landing(),
        settings=TicksSettings(extra_layouts=(f"{desk}:plain",)),
    )
    assert made.frame.select("time", "price", "volume", "bid_order", "ask_order", "side").rows() == [
        (33_900_940, 18_549_800, 100, 5, 4, 0),
        (34_200_010, 18_010_100, 200, 9, 4, 1),
    ]


def test_the_settings_of_the_page_name_its_layouts(tmp_path):
    (tmp_path / "desk.toml").write_text(f'[profile]\nextends = "production"\n{blocks("toml")[0]}')
    profile = load_profile(str(tmp_path / "desk.toml"), PROFILES, {"ZHOUBAO_CODE_PACKAGES": "desk"})
    assert profile.settings.ticks.extra_layouts == ("desk.layouts:acme",)


def test_every_layout_is_listed_on_the_page():
    for layout in layouts.LAYOUTS:
        file = re.search(r"\((.*)\)", layout.name).group(1)
        assert file in PAGE, f"docs/layouts.md does not tell of {layout.name}"
