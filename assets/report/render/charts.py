"""The report's charts as SVG text: a line of relative strength over time, bars of week, month and year.

This module holds the appearance of charts. It does not select data or titles (sections/). Equal input produces equal bytes, because
ids are not random and numbers are rounded to a hundredth of a pixel. Chinese text is drawn with the viewer's fonts.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from assets import catalogue

if TYPE_CHECKING:
    import altair as alt

FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", sans-serif'
NAVY, RED, GREEN = "#1f3864", "#b3282d", "#2e7d4f"  # red rises, green falls, as Chinese readers expect
PARTS = ("#b3282d", "#4a7fc1", "#2e7d4f", "#c78a1e", "#6b4c9a", "#c45ba0", "#a0522d", "#8a8f98")
INK, GREY, RULE = "#222222", "#5c6370", "#d9dce1"
WIDTH, HEIGHT, SQUARE = 330, 142, 276  # pixels of the plot; two are printed side by side
LONG_SPAN = dt.timedelta(days=550)
MIDDLE_SPAN = dt.timedelta(days=100)


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
    import altair as alt

    names = [curve.name for curve in curves]
    chart = (
        alt.Chart(alt.InlineData(values=_points(curves)))
        .mark_line(strokeWidth=1.5, strokeJoin="round")
        .encode(
            x=_over_time(curves),
            y=alt.Y(
                "value:Q",
                title=None,
                scale=alt.Scale(zero=False, nice=True),
                axis=alt.Axis(format=".1%" if percent else ".2f", tickCount=5),
            ),
            color=alt.Color(
                "name:N",
                sort=names,
                scale=alt.Scale(domain=names, range=[NAVY, RED, GREY][: len(names)]),
                legend=alt.Legend(title=None, orient="top", symbolStrokeWidth=2.5, symbolSize=160)
                if len(names) > 1
                else None,
            ),
        )
    )
    start = alt.Chart(alt.InlineData(values=[{"value": 0 if percent else 1}])).mark_rule(color=GREY, strokeWidth=0.8)
    return _svg(start.encode(y="value:Q") + chart, prefix)


def draw_contributions(curves: Sequence[Curve], *, prefix: str) -> str:
    """Draw curves in % over time, with a thicker first one: a sum and its parts, or a portfolio and its lines."""
    import altair as alt

    names = [curve.name for curve in curves]
    rows = [{**point, "sum": point["name"] == names[0]} for point in _points(curves)]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(strokeJoin="round")
        .encode(
            x=_over_time(curves),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(format=".1%", tickCount=5)),
            color=alt.Color(
                "name:N",
                sort=names,
                scale=alt.Scale(domain=names, range=[INK, *PARTS][: len(names)]),
                legend=alt.Legend(title=None, orient="top", columns=5, labelFontSize=9, symbolSize=60),
            ),
            strokeWidth=alt.StrokeWidth("sum:N", scale=alt.Scale(domain=[True, False], range=[2.2, 1.1]), legend=None),
        )
    )
    zero = alt.Chart(alt.InlineData(values=[{"value": 0}])).mark_rule(color=GREY, strokeWidth=0.8)
    return _svg(zero.encode(y="value:Q") + chart, prefix)


def _points(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    return [
        {"date": date.isoformat(), "value": value, "name": curve.name}
        for curve in curves
        for date, value in zip(curve.dates, curve.values, strict=True)
    ]


def _over_time(curves: Sequence[Curve]) -> "alt.X":
    import altair as alt

    days = [date for curve in curves for date in curve.dates]
    span = max(days) - min(days)
    return alt.X(
        "date:T",
        title=None,
        scale=alt.Scale(type="utc"),  # the viewer's time zone must not move a day
        axis=alt.Axis(
            format="%Y" if span > 3 * LONG_SPAN else "%Y-%m" if span > MIDDLE_SPAN else "%m-%d",
            tickCount=6,
            grid=False,
            labelFlush=True,
        ),
    )


def draw_bars(values: Sequence[tuple[str, float | None]], *, prefix: str, width: int = WIDTH) -> str:
    """Draw bars of returns in % with their values; the place of a value that is None is marked n/a."""
    import altair as alt

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
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "name:N",
            title=None,
            sort=[name for name, _ in values],
            axis=alt.Axis(labelAngle=0, ticks=False, domain=False, labelPadding=8, labelFontSize=12),
            scale=alt.Scale(paddingInner=0.45, paddingOuter=0.3),
        ),
        y=alt.Y(
            "value:Q",
            title=None,
            scale=alt.Scale(domain=[low - (room if low < 0 else 0), high + room], nice=False),
            axis=alt.Axis(format=".1%", tickCount=5),
        ),
    )
    bars = base.mark_bar().encode(
        color=alt.Color("up:N", scale=alt.Scale(domain=[True, False], range=[RED, GREEN]), legend=None)
    )
    above = base.transform_filter("datum.up").mark_text(dy=-7, fontSize=12, color=INK).encode(text="label:N")
    below = base.transform_filter("!datum.up").mark_text(dy=9, fontSize=12, color=INK).encode(text="label:N")
    zero = alt.Chart(alt.InlineData(values=[{"value": 0}])).mark_rule(color=GREY, strokeWidth=0.8).encode(y="value:Q")
    return _svg(bars + above + below + zero, prefix, width)


def plot_factor_week(frame: pl.DataFrame) -> str:
    """Plot the long–short return of each factor in one week's rows of factor_returns, by the factor's number in Table 1."""
    ratio = (1 + pl.col("long")) / (1 + pl.col("short"))
    weeks = dict(frame.drop_nulls(["long", "short"]).group_by("factor").agg(ratio.product() - 1).iter_rows())
    return draw_bars(
        [(str(factor.number), weeks.get(factor.key)) for factor in catalogue.FACTORS], prefix="week", width=800
    )


def plot_evaluation_week(frame: pl.DataFrame) -> str:
    """Plot RankICs by horizon and correlations in one week's rows of `evaluation`, by the factors' numbers in Table 1."""
    import altair as alt

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
        _heat(rows, [*numbers.values()], cells, full=full).properties(title=title, width=640, height=26 * len(rows))
        for title, rows, cells, full in (
            ("RankIC by horizon in weeks", horizons, ics, 0.2),
            ("correlation of the factors", [*numbers.values()], alike, 1.0),
        )
        if cells
    ]
    return _render(alt.vconcat(*charts).resolve_scale(color="independent"), "evaluation")


def draw_heat(names: Sequence[str], values: Mapping[tuple[str, str], float], *, prefix: str) -> str:
    """Draw a square of coloured cells. values: (row, column) → number from −1 to 1; other cells are blank."""
    return _svg(_heat(names, names, values, full=1.0), prefix, height=SQUARE)


def draw_bands(bands: Sequence[Band], *, prefix: str, columns: int = 4) -> str:
    """Draw one small panel per band, all on the same scales; a band without values has an empty panel."""
    import altair as alt

    ticks = sorted({horizon for band in bands for horizon in band.horizons})
    rows: list[dict[str, object]] = [
        {"name": band.name, "horizon": horizon, "mean": mean, "low": low, "high": high}
        for band in bands
        for horizon, mean, low, high in zip(band.horizons, band.means, band.lows, band.highs, strict=True)
    ]
    rows += [{"name": band.name, "horizon": None, "mean": None} for band in bands if not band.horizons]
    base = alt.Chart().encode(
        x=alt.X(
            "horizon:Q",
            title=None,
            scale=alt.Scale(domain=[ticks[0] - 0.5, ticks[-1] + 0.5], nice=False),
            axis=alt.Axis(values=ticks, format="d", grid=False, labelFontSize=9, labelOverlap=False, tickSize=3),
        )
    )
    axis = alt.Axis(format=".2f", tickCount=3, labelFontSize=9, tickSize=3)
    band = base.mark_area(color=NAVY, opacity=0.16).encode(y=alt.Y("low:Q", title=None, axis=axis), y2="high:Q")
    line = base.mark_line(color=NAVY, strokeWidth=1.3, point=alt.OverlayMarkDef(size=12, color=NAVY)).encode(y="mean:Q")
    zero = alt.Chart().mark_rule(color=GREY, strokeWidth=0.8).encode(y=alt.datum(0))
    panels = alt.layer(band, zero, line, data=alt.InlineData(values=rows)).properties(width=62, height=46)
    header = alt.Header(labelFontSize=10, labelColor=INK, labelFontWeight="bold", labelPadding=2)
    facet = alt.Facet("name:N", title=None, sort=[one.name for one in bands], header=header)
    return _render(panels.facet(facet=facet, columns=columns, spacing={"row": 6, "column": 12}), prefix)


def _heat(
    rows: Sequence[str], columns: Sequence[str], values: Mapping[tuple[str, str], float], full: float
) -> "alt.LayerChart":
    """A chart of cells with their numbers, with the deepest colour at ±`full`."""
    import altair as alt

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
    axis = alt.Axis(labelAngle=0, ticks=False, domain=False, labelFontSize=9)
    base = alt.Chart(alt.InlineData(values=cells)).encode(
        x=alt.X("column:N", title=None, sort=list(columns), scale=alt.Scale(domain=list(columns)), axis=axis),
        y=alt.Y("row:N", title=None, sort=list(rows), scale=alt.Scale(domain=list(rows)), axis=axis),
    )
    colour = alt.Color(
        "value:Q",
        scale=alt.Scale(domain=[-full, 0, full], range=[GREEN, "#ffffff", RED], clamp=True, interpolate="rgb"),
        legend=None,
    )
    ink = alt.Color("deep:N", scale=alt.Scale(domain=[True, False], range=["#ffffff", INK]), legend=None)
    layers = alt.layer(
        base.mark_rect().encode(color=colour), base.mark_text(fontSize=7.5).encode(text="label:N", color=ink)
    )
    return layers.resolve_scale(color="independent")


def _svg(chart: object, prefix: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    return _render(chart.properties(width=width, height=height), prefix)  # type: ignore[attr-defined]


def _render(chart: object, prefix: str) -> str:
    import vl_convert

    styled = (
        chart.properties(background="transparent", padding=4)  # type: ignore[attr-defined]
        .configure(font=FONT, aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=GREY, labelFontSize=11, gridColor=RULE, gridWidth=0.6, domainColor=GREY, tickColor=GREY
        )
        .configure_legend(labelFontSize=12, labelColor=INK, padding=0, offset=4)
    )
    return _tidy(vl_convert.vegalite_to_svg(styled.to_dict(validate=False)), prefix)


def _tidy(svg: str, prefix: str) -> str:
    """The SVG with rounded numbers, and with ids that differ between the charts of one document."""
    svg = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), svg)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    return re.sub(r'(xlink:href|href)="#', rf'\1="#{prefix}-', svg)
