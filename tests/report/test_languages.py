"""An issue is in one language: what is not is a name, or a text of its inputs, such as the description of a profile."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from assets.factors.reasons import FEW_BOOK_VALUES
from assets.report.document import write_issue
from tests.report.findings import gather, without_charts
from tests.report.random_issue import LEFT_OUT, MISSING, NO_VALUE, TAPES

CHINESE = re.compile(r"[\u4e00-\u9fff、。，；：（）]")
SENTENCE = re.compile(r"[A-Za-z]+[,;:]?(?: [A-Za-z]+[,;:]?){2}")  # three words in a row
SERIES = "选股因子系列研究"  # a title, which English keeps
SOLVER = "HiGHS dual simplex"
LEFT = {
    ("factors", "styles", "value"): None,
    ("scores", "styles", "gru_50_1"): ["value", "growth"],
    ("factors", "industries", "industry"): None,
    ("factors", "flat_days", "skewness"): 0.25,
    ("styles", "volatility_factors", "volatility"): FEW_BOOK_VALUES(known=3, names=40, date="2023-12-15").to_json(),
    ("gru_50_1", "features", "30min"): ["ln_volume", "ln_trades"],
    ("gru_50_1", "style_days", "growth"): 12,
    ("portfolio_returns", "index_closes", "csi500"): None,
}


def texts(value: Any) -> Iterator[str]:
    """Every text of an issue, without charts."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            if field.name != "svg":
                yield from texts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from texts(list(value.values()))
    elif isinstance(value, Sequence):
        for one in value:
            yield from texts(one)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_issue_is_in_one_language(language: str) -> None:
    with without_charts():
        found = gather(lines=("gru_50_1", "monday"))
        rows = [
            (table, found.week, code, item, json.dumps(value, ensure_ascii=False))
            for (table, code, item), value in LEFT.items()
        ]
        found = dataclasses.replace(found, left_out=pl.DataFrame(rows, schema=LEFT_OUT, orient="row"))
        issue = write_issue(found, language)
    failed = found.manifests.filter(~pl.col("passed"))
    foreign = {
        *(text for text in found.manifests["detail"] if text),
        *failed["remedy_zh" if language == "en" else "remedy_en"],
        *(row[-1] for row in TAPES if row[-1]),
        *MISSING.values(),
        NO_VALUE,
        found.run["profile"]["description"],
        *(one["reason"] for one in found.run["differences"]),
        found.rulebook["newest"]["source"],
        SOLVER,
        SERIES,
    }
    pattern = SENTENCE if language == "zh" else CHINESE
    for text in texts(issue):
        own = text
        for one in sorted(foreign, key=len, reverse=True):
            own = own.replace(one, "…")
        assert not pattern.search(own), text
