"""Charts: each specification is valid Vega-Lite, and its values are drawn."""

import datetime as dt
import importlib.util
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
import vl_convert

from assets import catalogue
from assets.models.plots import plot_learning_curves
from assets.report.render.charts import (
    GREEN,
    RED,
    Band,
    Curve,
    draw_bands,
    draw_bars,
    draw_contributions,
    draw_heat,
    draw_lines,
    plot_evaluation_week,
    plot_factor_week,
)
from tests.performance.random_evaluation import random_rows

WEEK = dt.date(2023, 12, 11)
DAYS = [WEEK + dt.timedelta(days=n) for n in range(4)]
CURVES = [Curve("total", DAYS, [0.0, 0.01, -0.02, 0.03]), Curve("part", DAYS[:2], [0.0, 0.02])]
BANDS = [Band("1", [1, 2], [0.05, None], [0.01, None], [0.09, None]), Band("2", [], [], [], [])]
RETURNS = pl.DataFrame({"factor": [catalogue.TEN[0]] * 2, "long": [0.01, 0.02], "short": [0.0, -0.01]})
EPOCHS = pl.DataFrame(
    {"granularity": ["15m", "60m"], "seed": [0, 1], "epoch": [1, 1], "valid_ic": [0.05, None], "kept": [True, False]}
)
EVALUATION = random_rows(weeks=20, factors=catalogue.TEN[:3], last=WEEK, seed=0).filter(pl.col("week") == WEEK)

CHARTS: dict[str, Callable[[], str]] = {
    "lines": lambda: draw_lines(CURVES, prefix="f1", percent=True),
    "one line": lambda: draw_lines(CURVES[:1], prefix="f1", percent=False),
    "contributions": lambda: draw_contributions(CURVES, prefix="a3"),
    "bars": lambda: draw_bars([("week", 0.01), ("month", -0.02), ("year", None)], prefix="f2"),
    "heat": lambda: draw_heat(["1", "2"], {("2", "1"): 0.7}, prefix="a2"),
    "bands": lambda: draw_bands(BANDS, prefix="a1"),
    "factor_returns": lambda: plot_factor_week(RETURNS),
    "evaluation": lambda: plot_evaluation_week(EVALUATION),
    "learning curves": lambda: plot_learning_curves(EPOCHS),
}


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft7Validator:
    """The schema of Vega-Lite. great-expectations requires altair, which contains it."""
    altair = importlib.util.find_spec("altair")
    assert altair is not None
    assert altair.origin is not None
    (path,) = Path(altair.origin).parent.glob("vegalite/*/schema/vega-lite-schema.json")
    return jsonschema.Draft7Validator(json.loads(path.read_text("utf-8")))


def specify(chart: str) -> Any:
    """The specification of a chart as JSON."""
    specifications: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "vegalite_to_svg", lambda spec: specifications.append(spec) or "<svg/>")
        CHARTS[chart]()
    (specification,) = specifications
    return json.loads(specification if isinstance(specification, str) else json.dumps(specification, allow_nan=False))


@pytest.mark.parametrize("chart", CHARTS)
def test_the_specification_is_valid(chart: str, schema: jsonschema.Draft7Validator) -> None:
    schema.validate(specify(chart))


def test_a_misspelled_property_is_not_valid(schema: jsonschema.Draft7Validator) -> None:
    """Vega-Lite itself ignores properties that it does not know."""
    specification = specify("lines")
    specification["layer"][1]["mark"]["strokewidth"] = 1
    assert not schema.is_valid(specification)


def test_bars_have_the_height_and_the_colour_of_their_returns() -> None:
    svg = draw_bars([("week", 0.01), ("month", -0.02), ("year", None)], prefix="f2")
    drawn = re.findall(r'd="M[-\d.]+,[-\d.]+h[-\d.]+v([-\d.]+)h[-\d.]+Z" fill="(#\w+)"', svg)
    (up, red), (down, green), (none, _) = ((abs(float(height)), colour) for height, colour in drawn)
    assert (red, green) == (RED, GREEN)
    assert math.isclose(down, 2 * up, abs_tol=0.02)
    assert none == 0
    assert all(label in svg for label in (">1.00%<", ">-2.00%<", ">n/a<"))


def test_a_line_has_a_point_for_each_date_and_a_gap_where_its_value_is_unknown() -> None:
    (whole,) = _lines(draw_lines([Curve("a", DAYS, [1.0, 1.1, 1.2, 1.3])], prefix="f1", percent=False))
    assert (whole.count("M"), whole.count("L")) == (1, 3)
    (gap,) = _lines(draw_lines([Curve("a", DAYS, [1.0, 1.1, math.nan, 1.3])], prefix="f1", percent=False))
    assert gap.count("M") == 2


def _lines(svg: str) -> list[str]:
    return re.findall(r'<path [^>]*d="([^"]+)" stroke="#1f3864"', svg)
