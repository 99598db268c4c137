"""Sentences follow from the settings of the run, and left-out inputs are listed."""

import copy
import dataclasses
import datetime as dt
import functools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pytest

from assets import catalogue
from assets.report.document import write_issue
from assets.report.findings import Findings
from assets.report.issue import Grid
from assets.report.words.each_factor import LABELS_OF_RETURNS
from resources.language import Language
from resources.settings import Settings
from tests.report.findings import gather, without_charts
from tests.report.random_issue import LEFT_OUT

DAY, WEEK = dt.date(2023, 12, 15), dt.date(2023, 12, 11)


@pytest.fixture(scope="module", autouse=True)
def _no_charts() -> Iterator[None]:
    with without_charts():
        yield


@functools.cache
def findings() -> Findings:
    return gather()


def strings(thing: Any) -> Iterator[str]:
    """Every string of an issue but the tables of settings, which name each value anyway."""
    if isinstance(thing, str):
        yield thing
    elif dataclasses.is_dataclass(thing):
        if isinstance(thing, Grid) and thing.number in (6, 7):
            return
        for field in dataclasses.fields(thing):
            yield from strings(getattr(thing, field.name))
    elif isinstance(thing, Sequence):
        for one in thing:
            yield from strings(one)


def page(
    changes: dict[str, Any] | None = None, left_out: list[tuple[Any, ...]] | None = None, language: Language = "en"
) -> str:
    """The words of an issue under production settings with changes (dotted path → value)."""
    tree = Settings().model_dump(mode="json")
    tree["portfolios"]["alpha"] = "gru_50_1"
    for path, value in (changes or {}).items():
        *sections, leaf = path.split(".")
        node = tree
        for section in sections:
            node = node[section]
        assert leaf in node
        node[leaf] = copy.deepcopy(value)
    found = dataclasses.replace(
        findings(),
        run={**findings().run, "settings": tree},
        left_out=pl.DataFrame(left_out or [], schema=LEFT_OUT, orient="row"),
    )
    issue = write_issue(found, language)
    return " ".join(" ".join(strings(issue)).split())


@pytest.fixture(scope="module")
def plain() -> str:
    return page()


CHANGES: list[tuple[str, Any, str, str]] = [
    ("factors.window", 13, "averaged over 13 trading days", "averaged over 20 trading days"),
    ("factors.large_trade_share", 0.25, "Returns of the 25% of minutes", "Returns of the 30% of minutes"),
    ("factors.drop_flat_days", True, "more than 25% of unchanged minutes", ""),
    ("returns.group_share", 0.2, "top and bottom 20%", "top and bottom 10%"),
    ("models.gru_50_1.seeds", [0, 1], "mean of 2 network(s), from 2 seed(s)", ""),
    ("models.gru_50_1.sequence_days", 7, "on 7 days of 30-minute features", ""),
    ("models.gru_50_1.horizon", 4, "label: 4-day excess return", ""),
    ("models.multi_granularity_10d.label", "excess", "label: 10-day excess return", "Gaussian rank of the 10-day return"),
    ("models.gru_50_1.train_days", 77, "Trained on 77 trading days and validated on 20", ""),
    ("models.gru_50_1.hidden", 31, "GRU of 1 layer(s) and 31 units", "GRU of 1 layer(s) and 50 units"),
    ("models.gru_50_1.orthogonalise_on", ["size"], "then orthogonalised to size.", ""),
    ("models.improved_gru.orthogonal_layer", ["value"], "inside the network removes value in", ""),
    ("models.multi_granularity_5d.granularities", ["daily", "30min"], "daily, 30-minute features", ""),
    ("portfolios.cost", 0.002, "0.20% per side (0.40% per round trip)", "0.15% per side"),
    ("portfolios.min_listed_days", 60, "fewer than 60 trading days", "fewer than 120 trading days"),
    ("portfolios.benchmark", "total_return", "the total-return index", "price index"),
    ("portfolios.execution.dated_fees", True, "the stamp duty and commission of the date", "0.15% per side"),
    ("portfolios.execution.lots", True, "Only whole lots", ""),
    ("portfolios.cost", 0.00125, "0.125% per side (0.25% per round trip)", "0.15% per side"),
    ("portfolios.execution.participation", 0.00001, "more than 0.001% of the day's tradable volume", ""),
    ("portfolios.csi500.stock_deviation", 0.00125, "within 0.125% of its benchmark weight", ""),
    ("portfolios.csi500.industry_deviation", 0.00004, "each industry within 0.004%", ""),
    ("portfolios.csi500.turnover", 0.125, "turnover of at most 12.5%", ""),
    ("portfolios.csi500.member_share", 0.8125, "at least 81.25% in index members", ""),
    ("portfolios.execution.fills", {"rule": "minutes", "min_inside_share": 0.005}, "less than 0.5% of the day's volume below", ""),
    ("portfolios.execution.fills", {"rule": "minutes", "min_inside_share": 0.0}, "a name that did not trade below limit-up all day can't be bought", "whose low is the limit-up price can't be bought that day"),
    ("returns.group_share", 0.125, "top and bottom 12.5%", "top and bottom 10%"),
    ("factors.large_trade_share", 0.255, "Returns of the 25.5% of minutes", "Returns of the 30% of minutes"),
    ("portfolios.execution.participation", 0.05, "more than 5.00% of the day's tradable volume", ""),
    ("portfolios.execution.fills.rule", "minutes", "less than 10% of the day's volume below", "whose low is the limit-up price can't be bought that day"),
    ("portfolios.csi500.stock_deviation", 0.02, "within 2.00% of its benchmark weight", ""),
    ("portfolios.csi500.style_exposure", 0.5, "within [−0.5, 0.5]", ""),
    ("portfolios.csi500.industry_deviation", 0.01, "each industry within 1.00%", ""),
    ("portfolios.csi500.turnover", 0.25, "turnover of at most 25%", ""),
    ("portfolios.csi500.members_only", True, "index members only", ""),
    ("portfolios.relaxation_order", ["styles", "turnover", "value_size", "industry"], "in the order industry, value and size, turnover, other styles", "in the order other styles"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "expected", "gone"), CHANGES, ids=[change[0] for change in CHANGES])
def test_a_sentence_follows_its_setting(plain: str, path: str, value: Any, expected: str, gone: str) -> None:
    assert expected not in plain
    assert gone in plain
    changed = page({path: value})
    assert expected in changed
    assert not gone or gone not in changed


def test_no_network_is_described_by_numbers_of_its_own() -> None:
    """Every number of a description is altered at once: none of production's is left."""
    changes: dict[str, Any] = {}
    for key in catalogue.MODELS:
        changes |= {
            f"models.{key}.{name}": value
            for name, value in {
                "sequence_days": 91, "layers": 92, "hidden": 93, "head": [94], "horizon": 95, "train_days": 96,
                "valid_days": 97, "seeds": [0], "granularities": ["daily"], "label": "excess", "network": "gru",
            }.items()
        }  # fmt: skip
    languages: tuple[Language, ...] = ("zh", "en")
    for language in languages:
        text = page(changes, language=language)
        label = LABELS_OF_RETURNS["excess"][language].format(horizon=95)
        assert text.count(label) == len(catalogue.MODELS)
        for number in (91, 92, 93, 94, 96, 97):
            assert len(re.findall(rf"(?<!\d){number}(?!\d)", text)) >= len(catalogue.MODELS), number
        for other in ("60-minute", "60 分钟", "Gaussian rank", "高斯化", "LSTM with", "5 seed(s)"):
            assert other not in text


def rows(*notes: tuple[str, dt.date, dict[str, dict[str, Any]]]) -> list[tuple[Any, ...]]:
    return [
        (table, partition, code, item, json.dumps(value))
        for table, partition, left_out in notes
        for code, items in left_out.items()
        for item, value in items.items()
    ]


def test_left_out_inputs_are_listed_with_their_partitions(plain: str) -> None:
    earlier = DAY - dt.timedelta(days=1)
    columns = [f"column_{n}" for n in range(9)]
    changed_page = page(
        {"factors.drop_flat_days": True},
        rows(
            ("factors", earlier, {"styles": {"value": None}, "flat_days": {"outflow_per_trade": 0.1}}),
            ("factors", DAY, {"styles": {"value": None}, "flat_days": {"outflow_per_trade": 0.25}}),
            ("styles", earlier, {"volatility_factors": {"volatility": "no book values"}}),
            ("gru_50_1", WEEK, {"features": {"30min": columns}, "style_days": {"growth": 4}}),
            ("scores", WEEK, {"styles": {"improved_gru": ["value"]}}),
            ("portfolio_returns", WEEK, {"index_closes": {"csi500": None}}),
            ("something_new", WEEK, {"a_code": {"an item": 3}}),
        ),
    )
    for line in (
        "factors: value is left out of the orthogonalisation: null for the whole market (2 partitions, 2023-12-14 to 2023-12-15)",
        f"factors: {catalogue.BY_KEY['outflow_per_trade'].name_en} lost 10.0%–25.0% of its valid stock-days",
        "styles: volatility is the standard deviation of 20 daily returns in place of the R² on three factors: no book values "
        "(1 partitions, 2023-12-14 to 2023-12-14)",
        "gru_50_1: the 30-minute network does not use 9 feature(s) that have no data: column_0, column_1, column_2, column_3, "
        "column_4, column_5 …",
        "gru_50_1: the orthogonal layer did not include growth on 4 training or validation days",
        f"scores: the score of {catalogue.BY_KEY['improved_gru'].name_en} is not orthogonal to value",
        f"portfolio_returns: {catalogue.PORTFOLIOS[0].name_en}: index closes are missing, so that drifted member weights",
        "something_new: a_code · an item: 3",  # a code without words of its own is still printed
    ):
        assert line in changed_page, line


def test_a_factor_is_not_called_orthogonal_to_a_style_that_had_no_data(plain: str) -> None:
    whole = "orthogonalised, date by date, to industry, size, mid-cap, turnover, reversal, volatility, value, profitability, growth."
    assert plain.count(whole) == 10
    changed_page = page(left_out=rows(("factors", DAY, {"styles": {"value": None, "growth": None}})))
    assert whole not in changed_page
    assert changed_page.count("to industry, size, mid-cap, turnover, reversal, volatility, profitability.") == 10
    assert changed_page.count("value, growth had no data on this week's signal day") == 10
    old = page(left_out=rows(("factors", DAY - dt.timedelta(days=7), {"styles": {"value": None}})))
    assert old.count(whole) == 10
    scores = page(left_out=rows(("scores", WEEK, {"styles": {"improved_gru": ["size"], "gru_50_1": ["reversal"]}})))
    assert "removes industry, mid-cap, value, turnover, reversal, volatility in" in scores
    assert "then orthogonalised to industry, size, turnover. reversal had no data" in scores
