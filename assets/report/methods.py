"""How each score is made, in words that follow from the settings of the run, and what the run left out of it.

Here: which sentence is said of a factor or network, and one line per thing that partitions were made without (the note
LEFT_OUT of their manifests). Not here: the wording (methods_words.py) and where it stands in the issue (document.py).
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets import catalogue
from assets.catalogue import Factor, Portfolio
from assets.factors.styles import STYLES as STYLE_KEYS
from assets.factors.ten import FLAT_SENSITIVE
from assets.report.issue import exact_percent, percent
from assets.report.methods_words import GRANULARITIES, LABELS_OF_RETURNS, NETWORKS, WORDS
from assets.report.words import DESCRIPTIONS, STYLES, Language
from resources.reason_words import describe
from resources.reasons import Reason

SHOWN_FEATURES = 6  # names of columns spelled out in a line
PORTFOLIOS = {portfolio.key: portfolio for portfolio in catalogue.PORTFOLIOS}


@dataclass(frozen=True)
class Writer:
    """Sentences of one language.

    settings: the run's tree. missing: table, partition, code, item, value as JSON of what partitions were made without.
    day: the signal day.
    """

    language: Language
    name: Callable[[Factor | Portfolio], str]
    settings: Mapping[str, Any]
    missing: pl.DataFrame
    day: dt.date

    def say(self, key: str, **values: object) -> str:
        return WORDS[key][self.language].format(**values)

    def join(self, parts: Sequence[str]) -> str:
        return self.say("join").join(parts)

    def styles(self, keys: Sequence[str]) -> str:
        return self.join([self._style(key) for key in keys])

    def describe(self, factor: Factor) -> list[str]:
        """What the factor measures, or what its network is."""
        if factor.kind == "model":
            return [self._network(self.settings["models"][factor.key])]
        section = self.settings["factors"]
        text = DESCRIPTIONS[factor.key][self.language].format(
            window=section["window"], share=exact_percent(section["large_trade_share"], 0)
        )
        flat = section["drop_flat_days"] and factor.key in FLAT_SENSITIVE
        return [text, *([self.say("flat_days", limit=exact_percent(section["flat_share_limit"], 0))] if flat else [])]

    def orthogonal(self, factor: Factor) -> list[str]:
        """What the score is made orthogonal to, and what of it had no data on the signal day."""
        if factor.kind != "model":
            absent = self._absent_today("factors")
            styles = [key for key in STYLE_KEYS if key not in absent.get("styles", {})]
            asked = [*(["industry"] if "industries" not in absent else []), *styles]
            gone = [key for key in STYLE_KEYS if key not in styles] + ([] if "industry" in asked else ["industry"])
            told = self.say("ten", styles=self.styles(asked)) if asked else self.say("neither")
        else:
            row = self.settings["models"][factor.key]
            gone = self._absent_today("scores", weekly=True).get("styles", {}).get(factor.key, [])
            parts = [
                self.say(key, styles=self.styles(kept))
                for key, asked in (("inside", row["orthogonal_layer"]), ("after", row["orthogonalise_on"]))
                if (kept := [style for style in asked if style not in gone])
            ]
            told = ("" if self.language == "zh" else " ").join(parts) or self.say("neither")
        return [told, *([self.say("ten_without", styles=self.styles(gone))] if gone else [])]

    def left_out(self) -> list[str]:
        """One line per table, code, item and value, those of the latest partitions first."""
        flat = self.missing.filter(pl.col("code") == "flat_days")
        groups = (
            self.missing.filter(pl.col("code") != "flat_days")
            .group_by("table", "code", "item", "value")
            .agg(
                pl.len().alias("count"),
                pl.col("partition").min().alias("first"),
                pl.col("partition").max().alias("last"),
            )
            .sort("last", "table", "code", "item", "value", descending=[True, False, False, False, False])
        )
        lines = [
            self._line(row, self._text(row["code"], row["item"], json.loads(row["value"])))
            for row in groups.iter_rows(named=True)
        ]
        for (table, item), own in flat.group_by("table", "item", maintain_order=True):
            shares = [json.loads(value) for value in own["value"]]
            said = {"low": percent(min(shares), 1), "high": percent(max(shares), 1)}
            row = {"table": table, "count": own.height, "first": own["partition"].min(), "last": own["partition"].max()}
            lines.append(self._line(row, self.say("flat_days_lost", item=self._item(str(item)), **said)))
        return lines

    def _line(self, row: Mapping[str, Any], text: str) -> str:
        return self.say("line", text=text, **{key: row[key] for key in ("table", "count", "first", "last")})

    def _text(self, code: str, item: str, value: Any) -> str:
        if code == "styles" and value is not None:
            return self.say("model_styles", item=self._item(item), value=self.styles(value))
        if code == "features":
            names = ", ".join(value[:SHOWN_FEATURES]) + (
                self.say("more_features") if len(value) > SHOWN_FEATURES else ""
            )
            return self.say("features", item=self._item(item), count=len(value), value=names)
        if code == "volatility_factors":
            value = describe(Reason.from_json(value), self.language)
        if code in ("styles", "industries", "volatility_factors", "style_days", "index_closes"):
            window = self.settings["styles"]["window"]
            return self.say(code, item=self._item(item), value=value, window=window)
        return self.say("other", code=code, item=item, value=json.dumps(value, ensure_ascii=False))

    def _absent_today(self, table: str, *, weekly: bool = False) -> dict[str, dict[str, Any]]:
        """code → item → value of the table's partition of the signal day or of its week."""
        key = self.day - dt.timedelta(days=self.day.weekday()) if weekly else self.day
        own = self.missing.filter((pl.col("table") == table) & (pl.col("partition") == key))
        found: dict[str, dict[str, Any]] = {}
        for code, item, value in own.select("code", "item", "value").iter_rows():
            found.setdefault(code, {})[item] = json.loads(value)
        return found

    def _network(self, row: Mapping[str, Any]) -> str:
        return self.say(
            "network",
            days=row["sequence_days"],
            granularities=self.join([GRANULARITIES[one][self.language] for one in row["granularities"]]),
            layers=row["layers"],
            network=NETWORKS[row["network"]][self.language] if row["network"] in NETWORKS else row["network"],
            hidden=row["hidden"],
            head="–".join(map(str, row["head"])) or self.say("linear"),
            label=LABELS_OF_RETURNS[row["label"]][self.language].format(horizon=row["horizon"]),
            train=row["train_days"],
            valid=row["valid_days"],
            networks=len(row["seeds"]) * len(row["granularities"]),
            seeds=len(row["seeds"]),
        )

    def _style(self, key: str) -> str:
        return STYLES[key][self.language] if key in STYLES else key

    def _item(self, item: str) -> str:
        """A factor, portfolio, style or granularity by its name in the report."""
        if item in catalogue.BY_KEY:
            return self.name(catalogue.BY_KEY[item])
        if item in PORTFOLIOS:
            return self.name(PORTFOLIOS[item])
        return GRANULARITIES[item][self.language] if item in GRANULARITIES else self._style(item)
