"""The report's charts as SVG text: a line of relative strength over time, bars of week, month and year.

This module holds the appearance of charts, as Vega-Lite specifications that vl_convert renders. It does not select data or titles
(sections/). Equal input produces equal bytes, because ids are not random, numbers are rounded to a hundredth of a pixel, and text is measured
with the report's own font (fonts.py). A viewer of a single figure that lacks this font draws it with another one.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets import catalogue
from assets.report.render.fonts import FAMILY, MEASURED, register_font

Spec = dict[str, Any]
"""A Vega-Lite specification or a part of one."""

FONT = f"'{FAMILY}', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
NAVY, RED, GREEN = "#1f3864", "#b3282d", "#2e7d4f"  # red rises, green falls, as Chinese readers expect
PARTS = ("#b3282d", "#4a7fc1", "#2e7d4f", "#c78a1e", "#6b4c9a", "#c45ba0", "#a0522d", "#8a8f98")
INK, GREY, RULE = "#222222", "#5c6370", "#d9dce1"
WIDTH, HEIGHT, SQUARE = 330, 142, 276  # pixels of the plot; two are printed side by side
LONG_SPAN = dt.timedelta(days=550)
MIDDLE_SPAN = dt.timedelta(days=100)
RULE_MARK: Spec = {"type": "rule", "color": GREY, "strokeWidth": 0.8}
STYLE: Spec = {
    "font": MEASURED,
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": GREY,
        "labelFontSize": 11,
        "gridColor": RULE,
        "gridWidth": 0.6,
        "domainColor": GREY,
        "tickColor": GREY,
    },
    "legend": {"labelFontSize": 12, "labelColor": INK, "padding": 0, "offset": 4},
}
"""The appearance that all charts share: `config` of Vega-Lite."""


@dataclass(frozen=True)
class Curve:
    """A named series over time: values [dates]."""

    name: str
    dates: Sequence[dt.date]
    values: Sequence[float]


@dataclass(frozen=True)
class Band:
    """Means over horizons with their confidence intervals; None where unknown."""

    name: str
    horizons: Sequence[int]
    means: Sequence[float | None]
    lows: Sequence[float | None]
    highs: Sequence[float | None]


def draw_lines(curves: Sequence[Curve], *, prefix: str, percent: bool) -> str:
    """Draw a line chart over time as SVG.

    percent: whether the axis is labelled in %, otherwise as an index that starts at 1. prefix: put before every id inside the SVG;
    it must be unique in the document.
    """
    names = [curve.name for curve in curves]
    legend = {"title": None, "orient": "top", "symbolStrokeWidth": 2.5, "symbolSize": 160} if len(names) > 1 else None
    lines = {
        "data": {"values": _points(curves)},
        "mark": {"type": "line", "strokeWidth": 1.5, "strokeJoin": "round"},
        "encoding": {
            "x": _time_channel(curves),
            "y": _number_channel(
                "value",
                axis={"format": ".1%" if percent else ".2f", "tickCount": 5},
                scale={"zero": False, "nice": True},
            ),
            "color": _colour_channel(names, (NAVY, RED, GREY), legend),
        },
    }
    return _svg({"layer": [_horizontal_rule(0 if percent else 1), lines]}, prefix)


def draw_contributions(curves: Sequence[Curve], *, prefix: str) -> str:
    """Draw curves in % over time, with a thicker first one: a sum and its parts, or a portfolio and its lines."""
    names = [curve.name for curve in curves]
    lines = {
        "data": {"values": [{**point, "sum": point["name"] == names[0]} for point in _points(curves)]},
        "mark": {"type": "line", "strokeJoin": "round"},
        "encoding": {
            "x": _time_channel(curves),
            "y": _number_channel("value", axis={"format": ".1%", "tickCount": 5}),
            "color": _colour_channel(
                names,
                (INK, *PARTS),
                {"title": None, "orient": "top", "columns": 5, "labelFontSize": 9, "symbolSize": 60},
            ),
            "strokeWidth": _flag_channel("sum", 2.2, 1.1),
        },
    }
    return _svg({"layer": [_horizontal_rule(0), lines]}, prefix)


def draw_bars(values: Sequence[tuple[str, float | None]], *, prefix: str, width: int = WIDTH) -> str:
    """Draw bars of returns in % with their values; the place of a value that is None is marked n/a."""
    rows = [
        {
            "name": name,
            "value": value or 0.0,
            "label": "n/a" if value is None else f"{value:.2%}",
            "up": value is None or value >= 0,
        }
        for name, value in values
    ]
    numbers = [0.0, *(value for _, value in values if value is not None)]
    low, high = min(numbers), max(numbers)
    room = max(high - low, 1e-4) * 0.18  # for the figures above and below the bars
    place: Spec = {
        "x": _name_channel(
            "name",
            [name for name, _ in values],
            scale={"paddingInner": 0.45, "paddingOuter": 0.3},
            labelPadding=8,
            labelFontSize=12,
        ),
        "y": _number_channel(
            "value",
            axis={"format": ".1%", "tickCount": 5},
            scale={"domain": [low - (room if low < 0 else 0), high + room], "nice": False},
        ),
    }
    bars = {"mark": {"type": "bar"}, "encoding": {**place, "color": _flag_channel("up", RED, GREEN)}}
    above, below = _labels(place, "datum.up", dy=-7), _labels(place, "!datum.up", dy=9)
    return _svg({"data": {"values": rows}, "layer": [bars, above, below, _horizontal_rule(0)]}, prefix, width)


def plot_factor_week(frame: pl.DataFrame) -> str:
    """Plot the long–short return of each factor in one week's rows of factor_returns, by the factor's number in Table 1."""
    ratio = (1 + pl.col("long")) / (1 + pl.col("short"))
    weeks = dict(frame.drop_nulls(["long", "short"]).group_by("factor").agg(ratio.product() - 1).iter_rows())
    return draw_bars(
        [(str(factor.number), weeks.get(factor.key)) for factor in catalogue.FACTORS], prefix="week", width=800
    )


def plot_evaluation_week(frame: pl.DataFrame) -> str:
    """Plot RankICs by horizon and correlations in one week's rows of `evaluation`, by the factors' numbers in Table 1."""
    numbers = {factor.key: str(factor.number) for factor in catalogue.FACTORS}
    known = frame.drop_nulls("value")
    decay = known.filter(pl.col("statistic") == "rank_ic")
    pairs = known.filter(pl.col("statistic") == "correlation")
    ics = {
        (f"{horizon}w", numbers[f]): value
        for f, horizon, value in decay.select("factor", "horizon", "value").iter_rows()
    }
    alike = {(numbers[b], numbers[a]): value for a, b, value in pairs.select("factor", "item", "value").iter_rows()}
    horizons = [f"{horizon}w" for horizon in decay["horizon"].unique().sort()]
    charts = [
        {
            "title": title,
            "width": 640,
            "height": 26 * len(rows),
            **_heat(rows, [*numbers.values()], cells, full=full),
        }
        for title, rows, cells, full in (
            ("RankIC by horizon in weeks", horizons, ics, 0.2),
            ("correlation of the factors", [*numbers.values()], alike, 1.0),
        )
        if cells
    ]
    return _render({"vconcat": charts, "resolve": {"scale": {"color": "independent"}}}, "evaluation")


def draw_heat(names: Sequence[str], values: Mapping[tuple[str, str], float], *, prefix: str) -> str:
    """Draw a square of coloured cells. values: (row, column) → number from −1 to 1; other cells are blank."""
    return _svg(_heat(names, names, values, full=1.0), prefix, height=SQUARE)


def draw_bands(bands: Sequence[Band], *, prefix: str, columns: int = 4) -> str:
    """Draw one small panel per band, all on the same scales; a band without values has an empty panel."""
    ticks = sorted({horizon for band in bands for horizon in band.horizons})
    rows: list[dict[str, object]] = [
        {"name": band.name, "horizon": horizon, "mean": mean, "low": low, "high": high}
        for band in bands
        for horizon, mean, low, high in zip(band.horizons, band.means, band.lows, band.highs, strict=True)
    ]
    rows += [{"name": band.name, "horizon": None, "mean": None} for band in bands if not band.horizons]
    small = {"labelFontSize": 9, "tickSize": 3}
    across = _number_channel(
        "horizon",
        axis={"values": ticks, "format": "d", "grid": False, "labelOverlap": False, **small},
        scale={"domain": [ticks[0] - 0.5, ticks[-1] + 0.5], "nice": False},
    )
    upwards = _number_channel("low", axis={"format": ".2f", "tickCount": 3, **small})
    band = {
        "mark": {"type": "area", "color": NAVY, "opacity": 0.16},
        "encoding": {"x": across, "y": upwards, "y2": {"field": "high"}},
    }
    zero = {"mark": RULE_MARK, "encoding": {"y": {"datum": 0}}}
    line = {
        "mark": {"type": "line", "color": NAVY, "strokeWidth": 1.3, "point": {"size": 12, "color": NAVY}},
        "encoding": {"x": across, "y": {"field": "mean", "type": "quantitative"}},
    }
    facet = {
        "field": "name",
        "type": "nominal",
        "title": None,
        "sort": [one.name for one in bands],
        "header": {"labelFontSize": 10, "labelColor": INK, "labelFontWeight": "bold", "labelPadding": 2},
    }
    panels = {
        "data": {"values": rows},
        "facet": facet,
        "columns": columns,
        "spacing": {"row": 6, "column": 12},
        "spec": {"width": 62, "height": 46, "layer": [band, zero, line]},
    }
    return _render(panels, prefix)


def _heat(rows: Sequence[str], columns: Sequence[str], values: Mapping[tuple[str, str], float], full: float) -> Spec:
    """A chart of cells with their numbers, with the deepest colour at ±`full`."""
    cells = [
        {
            "row": row,
            "column": column,
            "value": value,
            "label": f"{round(value, 2) + 0.0:.2f}".replace("0.", "."),
            "deep": abs(value) > full / 2,
        }
        for (row, column), value in values.items()
    ]
    place: Spec = {
        channel: _name_channel(field, names, scale={"domain": names}, labelFontSize=9)
        for channel, field, names in (("x", "column", columns), ("y", "row", rows))
    }
    colour = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [-full, 0, full], "range": [GREEN, "#ffffff", RED], "clamp": True, "interpolate": "rgb"},
        "legend": None,
    }
    text = {"text": _label_channel(), "color": _flag_channel("deep", "#ffffff", INK)}
    return {
        "data": {"values": cells},
        "layer": [
            {"mark": {"type": "rect"}, "encoding": {**place, "color": colour}},
            {"mark": {"type": "text", "fontSize": 7.5}, "encoding": {**place, **text}},
        ],
        "resolve": {"scale": {"color": "independent"}},
    }


def _points(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    return [
        {"date": date.isoformat(), "value": value, "name": curve.name}
        for curve in curves
        for date, value in zip(curve.dates, curve.values, strict=True)
    ]


def _time_channel(curves: Sequence[Curve]) -> Spec:
    """The horizontal positions of dates, labelled by day, month or year, as the span of the curves requires."""
    days = [date for curve in curves for date in curve.dates]
    span = max(days) - min(days)
    form = "%Y" if span > 3 * LONG_SPAN else "%Y-%m" if span > MIDDLE_SPAN else "%m-%d"
    return {
        "field": "date",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc"},  # the viewer's time zone must not move a day
        "axis": {"format": form, "tickCount": 6, "grid": False, "labelFlush": True},
    }


def _number_channel(field: str, axis: Spec, **more: object) -> Spec:
    """The positions of numbers along an axis without a title."""
    return {"field": field, "type": "quantitative", "title": None, "axis": axis, **more}


def _name_channel(field: str, names: Sequence[str], scale: Spec, **axis: object) -> Spec:
    """The positions of names in their order, along an axis without a line."""
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "sort": names,
        "scale": scale,
        "axis": {"labelAngle": 0, "ticks": False, "domain": False, **axis},
    }


def _colour_channel(names: Sequence[str], colours: Sequence[str], legend: Spec | None) -> Spec:
    """A colour for each name, in their order."""
    scale = {"domain": names, "range": [*colours[: len(names)]]}
    return {"field": "name", "type": "nominal", "sort": names, "scale": scale, "legend": legend}


def _flag_channel(field: str, yes: object, no: object) -> Spec:
    """The value `yes` where the field is true, and `no` elsewhere."""
    return {"field": field, "type": "nominal", "scale": {"domain": [True, False], "range": [yes, no]}, "legend": None}


def _label_channel() -> Spec:
    return {"field": "label", "type": "nominal"}


def _labels(place: Spec, condition: str, dy: int) -> Spec:
    """A layer with the labels of the rows that satisfy the condition, moved down by `dy` pixels."""
    return {
        "transform": [{"filter": condition}],
        "mark": {"type": "text", "dy": dy, "fontSize": 12, "color": INK},
        "encoding": {**place, "text": _label_channel()},
    }


def _horizontal_rule(value: float) -> Spec:
    """A layer with a line across the plot at `value`."""
    return {
        "data": {"values": [{"value": value}]},
        "mark": RULE_MARK,
        "encoding": {"y": {"field": "value", "type": "quantitative"}},
    }


def _svg(chart: Spec, prefix: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    return _render({"width": width, "height": height, **chart}, prefix)


def _render(chart: Spec, prefix: str) -> str:
    import vl_convert

    register_font()
    specification = {"background": "transparent", "padding": 4, "config": STYLE, **chart}
    return _tidy(vl_convert.vegalite_to_svg(specification), prefix)


def _tidy(svg: str, prefix: str) -> str:
    """The SVG with its font's own name and rounded numbers, and with ids that differ between the charts of one document."""
    svg = svg.replace(MEASURED, FONT)
    svg = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), svg)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    return re.sub(r'(xlink:href|href)="#', rf'\1="#{prefix}-', svg)
