"""The inputs that the method requires and without which partitions were made, from the notes LEFT_OUT of their manifests."""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from assets import catalogue
from assets.report.findings import Findings
from assets.report.numbers import percent
from assets.report.sections.methods import name_styles
from assets.report.words.names import GRANULARITIES, STYLES
from assets.report.words.speaker import Speaker
from resources.reason_words import describe
from resources.reasons import Reason

SHOWN_LEFT_OUT = 30  # one line per table, code, item and value
SHOWN_FEATURES = 6  # names of columns spelled out in a line
PORTFOLIOS = {portfolio.key: portfolio for portfolio in catalogue.PORTFOLIOS}


def list_left_out(found: Findings, say: Speaker) -> list[str]:
    """Write one line per table, code, item and value, the latest partitions first, and the number of further ones."""
    groups = (
        found.left_out.filter(pl.col("code") != "flat_days")
        .group_by("table", "code", "item", "value")
        .agg(
            pl.len().alias("count"),
            pl.col("partition").min().alias("first"),
            pl.col("partition").max().alias("last"),
        )
        .sort("last", "table", "code", "item", "value", descending=[True, False, False, False, False])
    )
    window = found.tree["styles"]["window"]
    lines = [
        _line(row, _describe(say, row["code"], row["item"], json.loads(row["value"]), window), say)
        for row in groups.iter_rows(named=True)
    ]
    lines += _flat_days(found.left_out.filter(pl.col("code") == "flat_days"), say)
    more = [say("more", count=len(lines) - SHOWN_LEFT_OUT)] if len(lines) > SHOWN_LEFT_OUT else []
    return lines[:SHOWN_LEFT_OUT] + more


def _flat_days(flat: pl.DataFrame, say: Speaker) -> list[str]:
    """One line per table and factor: the range of the shares of stock-days removed by the rule on unchanged minutes."""
    lines = []
    for (table, item), own in flat.group_by("table", "item", maintain_order=True):
        shares = [json.loads(value) for value in own["value"]]
        numbers = {"low": percent(min(shares), 1), "high": percent(max(shares), 1)}
        row = {"table": table, "count": own.height, "first": own["partition"].min(), "last": own["partition"].max()}
        lines.append(_line(row, say("flat_days_lost", item=_name(say, str(item)), **numbers), say))
    return lines


def _line(row: Mapping[str, Any], text: str, say: Speaker) -> str:
    return say("line", text=text, **{key: row[key] for key in ("table", "count", "first", "last")})


def _describe(say: Speaker, code: str, item: str, value: Any, window: int) -> str:
    """The description of a left-out input. window: number of days of the styles' windows."""
    if code == "styles" and value is not None:
        return say("model_styles", item=_name(say, item), value=name_styles(say, value))
    if code == "features":
        names = ", ".join(value[:SHOWN_FEATURES]) + (say("more_features") if len(value) > SHOWN_FEATURES else "")
        return say("features", item=_name(say, item), count=len(value), value=names)
    if code == "volatility_factors":
        value = describe(Reason.from_json(value), say.language)
    if code in ("styles", "industries", "volatility_factors", "style_days", "index_closes"):
        return say(code, item=_name(say, item), value=value, window=window)
    return say("other", code=code, item=item, value=json.dumps(value, ensure_ascii=False))


def _name(say: Speaker, item: str) -> str:
    """The report's name of a factor, portfolio, granularity or style."""
    if item in catalogue.BY_KEY:
        return say.name(catalogue.BY_KEY[item])
    if item in PORTFOLIOS:
        return say.name(PORTFOLIOS[item])
    return say.called(item, {**STYLES, **GRANULARITIES})
