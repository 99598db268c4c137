"""The description of each score from the settings of the run, and of the parts that had no data."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from assets.catalogue import Factor
from assets.factors.styles import STYLES as STYLE_KEYS
from assets.factors.ten import FLAT_SENSITIVE
from assets.report.findings import Findings
from assets.report.numbers import exact_percent
from assets.report.words.each_factor import DESCRIPTIONS, LABELS_OF_RETURNS, NETWORKS
from assets.report.words.names import GRANULARITIES
from assets.report.words.speaker import Speaker


def describe_factor(found: Findings, say: Speaker, factor: Factor) -> list[str]:
    """Describe the factor's definition, or its network, in sentences."""
    if factor.kind == "model":
        return [_describe_network(say, found.tree["models"][factor.key])]
    section = found.tree["factors"]
    text = DESCRIPTIONS[factor.key][say.language].format(
        window=section["window"], share=exact_percent(section["large_trade_share"], 0)
    )
    flat = section["drop_flat_days"] and factor.key in FLAT_SENSITIVE
    return [text, *([say("flat_days", limit=exact_percent(section["flat_share_limit"], 0))] if flat else [])]


def describe_orthogonalisation(found: Findings, say: Speaker, factor: Factor) -> list[str]:
    """Describe the variables to which the score is orthogonalised, and those without data on the signal day."""
    if factor.kind == "model":
        row = found.tree["models"][factor.key]
        gone = _absent_today(found, "scores", weekly=True).get("styles", {}).get(factor.key, [])
        parts = [
            say(key, styles=name_styles(say, kept))
            for key, styles in (("inside", row["orthogonal_layer"]), ("after", row["orthogonalise_on"]))
            if (kept := [style for style in styles if style not in gone])
        ]
        method = say.flow(parts) or say("neither")
    else:
        absent = _absent_today(found, "factors")
        styles = [key for key in STYLE_KEYS if key not in absent.get("styles", {})]
        removed = [*(["industry"] if "industries" not in absent else []), *styles]
        gone = [key for key in STYLE_KEYS if key not in styles] + ([] if "industry" in removed else ["industry"])
        method = say("ten", styles=name_styles(say, removed)) if removed else say("neither")
    return [method, *([say("ten_without", styles=name_styles(say, gone))] if gone else [])]


def name_styles(say: Speaker, keys: Sequence[str]) -> str:
    """Join the report's names of styles to a list."""
    return say.join([say.called(key) for key in keys])


def _describe_network(say: Speaker, row: Mapping[str, Any]) -> str:
    """The description of a network. row: the settings of the model."""
    return say(
        "network",
        days=row["sequence_days"],
        granularities=say.join([GRANULARITIES[one][say.language] for one in row["granularities"]]),
        layers=row["layers"],
        network=say.called(row["network"], NETWORKS),
        hidden=row["hidden"],
        head="–".join(map(str, row["head"])) or say("linear"),
        label=LABELS_OF_RETURNS[row["label"]][say.language].format(horizon=row["horizon"]),
        train=row["train_days"],
        valid=row["valid_days"],
        networks=len(row["seeds"]) * len(row["granularities"]),
        seeds=len(row["seeds"]),
    )


def _absent_today(found: Findings, table: str, *, weekly: bool = False) -> dict[str, dict[str, Any]]:
    """Code → item → value of the inputs without which the table's partition of the signal day, or of its week, was made."""
    key = found.day - dt.timedelta(days=found.day.weekday()) if weekly else found.day
    own = found.left_out.filter((pl.col("table") == table) & (pl.col("partition") == key))
    absent: dict[str, dict[str, Any]] = {}
    for code, item, value in own.select("code", "item", "value").iter_rows():
        absent.setdefault(code, {})[item] = json.loads(value)
    return absent
