"""The report's charts as SVG text: a line of relative strength over time, bars of week, month and year.

Here: how a chart looks. Not here: what is charted and how it is called (document.py). Equal input gives equal bytes:
no random ids, numbers rounded to a hundredth of a pixel. Chinese text is drawn with the viewer's fonts.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets import catalogue

FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", sans-serif'
NAVY, RED, GREEN = "#1f3864", "#b3282d", "#2e7d4f"  # red rises, green falls, as Chinese readers expect
INK, GREY, RULE = "#222222", "#5c6370", "#d9dce1"
WIDTH, HEIGHT = 330, 142  # pixels of the plot; two stand side by side on a page
LONG_SPAN = dt.timedelta(days=550)
MIDDLE_SPAN = dt.timedelta(days=100)


@dataclass(frozen=True)
class Line:
    """A named series; values start from the day before the first date at `base`."""

    name: str
    dates: Sequence[dt.date]
    values: Sequence[float]


def draw_lines(lines: Sequence[Line], *, prefix: str, percent: bool) -> str:
    """A line chart over time. percent: label the axis in %, else as an index that starts at 1.

    prefix: unique in the document, put before every id inside the SVG.
    """
    import altair as alt

    rows = [
        {"date": date.isoformat(), "value": value, "name": line.name}
        for line in lines
        for date, value in zip(line.dates, line.values, strict=True)
    ]
    days = [date for line in lines for date in line.dates]
    span = max(days) - min(days)
    date_format = "%Y" if span > 3 * LONG_SPAN else "%Y-%m" if span > MIDDLE_SPAN else "%m-%d"
    names = [line.name for line in lines]
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(strokeWidth=1.5, strokeJoin="round")
        .encode(
            x=alt.X(
                "date:T",
                title=None,
                scale=alt.Scale(type="utc"),  # the viewer's time zone must not move a day
                axis=alt.Axis(format=date_format, tickCount=6, grid=False, labelFlush=True),
            ),
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


def draw_bars(values: Sequence[tuple[str, float | None]], *, prefix: str, width: int = WIDTH) -> str:
    """Bars of returns in %, each with its figure; a value that is None keeps its place, marked n/a."""
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
    """Long–short return of each factor over one week's rows of factor_returns, by the factor's number in Table 1."""
    ratio = (1 + pl.col("long")) / (1 + pl.col("short"))
    weeks = dict(frame.drop_nulls(["long", "short"]).group_by("factor").agg(ratio.product() - 1).iter_rows())
    return draw_bars(
        [(str(factor.number), weeks.get(factor.key)) for factor in catalogue.FACTORS], prefix="week", width=800
    )


def _svg(chart: object, prefix: str, width: int = WIDTH) -> str:
    import vl_convert

    styled = (
        chart.properties(width=width, height=HEIGHT, background="transparent", padding=4)  # type: ignore[attr-defined]
        .configure(font=FONT, aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=GREY, labelFontSize=11, gridColor=RULE, gridWidth=0.6, domainColor=GREY, tickColor=GREY
        )
        .configure_legend(labelFontSize=12, labelColor=INK, padding=0, offset=4)
    )
    return _tidy(vl_convert.vegalite_to_svg(styled.to_dict(validate=False)), prefix)


def _tidy(svg: str, prefix: str) -> str:
    """Short numbers, and ids that stay apart when many charts stand in one document."""
    svg = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), svg)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    return re.sub(r'(xlink:href|href)="#', rf'\1="#{prefix}-', svg)
