"""The failed checks of a built table are printed in the language of the report."""

import dataclasses
import itertools
import re
from pathlib import Path

import pytest

from assets.report.issue import Heading, Log
from assets.report.sections.health import write_health
from resources.gate import Between, Check
from resources.language import Bilingual, Language
from tests.report.findings import gather, without_charts
from tests.resources.fake_tables import PRICES, TABLES
from tests.resources.small_market import DAYS, WEEKS, deliver, open_world

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SENTENCE = re.compile(r"[A-Za-z]+(?: [A-Za-z]+){2}")  # three words in a row
WARNED = dataclasses.replace(
    PRICES,
    checks=(
        *PRICES.checks,
        Check(
            "prices_are_low",
            Between("close", 0, 100),
            critical=False,
            critical_share=1,
            remedy=Bilingual("核对价格", "compare the prices"),
        ),
    ),
)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_refused_and_a_warned_check_are_printed_in_the_language(
    market: Path, tmp_path: Path, language: Language
) -> None:
    deliver(market, DAYS[1], {"600000.SH": 150.0, "000001.SZ": 20.0})
    deliver(market, DAYS[2], {"600000.SH": 2000.0, "000001.SZ": 20.0})
    builder = open_world(market, tmp_path / "lake")
    builder.tables = {**TABLES, "prices": WARNED}
    builder.build(WARNED, DAYS[:3])
    verdicts = builder._verdicts(WEEKS[0])
    with without_charts():
        found = dataclasses.replace(gather(), manifests=verdicts)
    blocks = write_health(found, language).blocks
    title = {"zh": "异常明细", "en": "Failed checks"}[language]
    lines = next(after for block, after in itertools.pairwise(blocks) if block == Heading(title))
    assert isinstance(lines, Log)
    refused, warned = lines.lines
    first, day = DAYS[1], DAYS[2]
    expected = {
        "zh": (
            f"严重 · prices · prices_are_sane：1 个分区（{day} 至 {day}），最近一次：close 必须在 0 与 1000 之间；"
            f"2 行中有 1 行不符：date={day}、symbol=600000.SH、close=2000.0。处理办法：重新提供分钟线",
            f"警告 · prices · prices_are_low：2 个分区（{first} 至 {day}），最近一次：close 必须在 0 与 100 之间；"
            f"2 行中有 1 行不符：date={day}、symbol=600000.SH、close=2000.0。处理办法：核对价格",
        ),
        "en": (
            f"critical · prices · prices_are_sane: 1 partitions ({day} to {day}), last: close must be between 0 and 1000; "
            f"not so in 1 of 2 rows: date={day}, symbol=600000.SH, close=2000.0. Remedy: deliver the bars again",
            f"warning · prices · prices_are_low: 2 partitions ({first} to {day}), last: close must be between 0 and 100; "
            f"not so in 1 of 2 rows: date={day}, symbol=600000.SH, close=2000.0. Remedy: compare the prices",
        ),
    }
    assert (refused, warned) == expected[language]
    for line in lines.lines:
        assert bool(SENTENCE.search(line)) == (language == "en")
        assert bool(CHINESE.search(line)) == (language == "zh")
