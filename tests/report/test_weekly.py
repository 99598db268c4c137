"""The issue as rendered: complete, self-contained, the same bytes for the same input, in both languages."""

import datetime as dt
import html
import io
import re
import zipfile
from html.parser import HTMLParser

import polars as pl
import pytest

from assets import catalogue
from assets.report import weekly, words
from assets.report.assets import TABLES
from assets.report.issue import percent
from resources.settings.report import ReportSettings
from tests.report.random_issue import inputs, make


class Page(HTMLParser):
    """Ids, internal links and loaded addresses of a page, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "srcset", "action", "xlink:href", "data"):
                (self.links if value.startswith("#") else self.loaded).append(value)

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def made():
    return make()


@pytest.fixture(scope="module")
def page(made):
    return Page(made.files["report.html"].decode())


def test_the_page_loads_nothing(made, page):
    assert page.loaded == []
    assert "@import" not in made.files["report.html"].decode()
    assert made.profile["links_out"].item() == 0
    for address in (b'<img src="https://x.cn/a.png">', b"<a href='//x.cn'>", b"url(http://x.cn/font.woff)"):
        assert weekly.LINK_OUT.search(address)
    assert not weekly.LINK_OUT.search(b'<svg xmlns="http://www.w3.org/2000/svg">')


def test_every_listed_figure_and_table_exists_once(page):
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link[1:] in page.ids
    assert [f"#figure-{n}" for n in range(1, 37)] == [link for link in page.links if link.startswith("#figure-")]
    assert [f"#table-{n}" for n in range(1, 7)] == [link for link in page.links if link.startswith("#table-")]


def test_charts_do_not_share_ids(made):
    text = made.files["report.html"].decode()
    for use in re.findall(r"url\(#([^)]+)\)", text):
        assert text.count(f'id="{use}"') == 1


def test_the_files_are_all_there_and_listed(made):
    figures = {f"figures/figure_{n:02d}.svg" for n in range(1, 37)} - {
        f"figures/figure_{n:02d}.svg"
        for factor in catalogue.FACTORS
        if factor.key not in {*catalogue.TEN[:4], *catalogue.TEN[5:], "gru_50_1"}
        for n in (2 * factor.number - 1, 2 * factor.number)
    }
    assert set(made.files) == figures | {"report.html", "report.xlsx", "table1.parquet", "table2.parquet"}
    assert set(made.frame["path"]) == set(made.files)
    assert pl.read_parquet(io.BytesIO(made.files["table1.parquet"])).height == 16
    assert zipfile.ZipFile(io.BytesIO(made.files["report.xlsx"])).testzip() is None


def test_the_same_input_gives_the_same_bytes():
    first, again = (make(factors=("skewness", "gru_50_1")) for _ in range(2))
    assert {name: again.files[name] == data for name, data in first.files.items()} == dict.fromkeys(first.files, True)


def test_page_one_says_what_must_be_said(page):
    said = page.words
    assert words.SENTENCES["warn_sample"].zh in said
    assert "两个组合由“GRU(50,1)+NN(10)”（因子 11）的得分驱动" in said
    for section in ("投资要点", "前期报告", "目录", "图目录", "表目录", "风险提示", "数据健康", "运行设置"):
        assert section in said
    assert "因子失效风险、流动性风险" in said


def test_highlights_name_factors_1_to_6_and_11_to_16_and_both_portfolios(made):
    text = made.files["report.html"].decode()
    points = re.search(r'<ul class="points">(.*?)</ul>', text, re.S)[1]
    names = [html.unescape(name) for name in re.findall(r"<b>(.*?)</b>", points)]
    expected = [f.name_zh for f in catalogue.FACTORS if f.number not in (7, 8, 9, 10)]
    assert names == expected + [p.name_zh for p in catalogue.PORTFOLIOS]


def test_the_headline_states_the_best_factor_of_the_week(made):
    table = pl.read_parquet(io.BytesIO(made.files["table1.parquet"])).drop_nulls("long_short_week")
    best = table.sort("long_short_week").row(-1, named=True)
    assert made.notes["headline"].startswith(catalogue.BY_KEY[best["factor"]].name_zh)
    assert percent(best["long_short_week"]) in made.notes["headline"]


def test_numbers_on_the_page_are_those_of_the_table(made, page):
    table = pl.read_parquet(io.BytesIO(made.files["table1.parquet"]))
    for row in table.drop_nulls("long_short_week").iter_rows(named=True):
        assert percent(row["long_excess_ytd"]) in page.words
    assert "order_sizes of fewer than 5 days" in page.words
    assert page.words.count("模型尚未构建") >= 15  # five models: highlights, table, paragraph, figures


def test_previous_issues_are_the_three_before_with_their_own_headlines():
    keywords = inputs(factors=("skewness", "gru_50_1"))
    text = weekly.make_report(**keywords).files["report.html"].decode()
    before = weekly.make_report(**{**keywords, "week": dt.date(2023, 12, 4), "date": dt.date(2023, 12, 8)})
    titles = re.findall(r"<li>(高频选股因子周报（.*?）)<span>(.*?)</span>", text)
    assert [title[9:30] for title, _ in titles] == [
        "2023.12.04-2023.12.08",
        "2023.11.27-2023.12.01",
        "2023.11.20-2023.11.24",
    ]
    assert (before.notes["title"], before.notes["headline"]) == titles[0]


def test_the_portfolio_part_tells_what_gave_and_what_was_not_applied(page):
    assert "48.12%" in page.words  # weight of members without a score
    assert "801080" in page.words
    assert "以下约束因数据缺失未施加" in page.words
    assert "市值暴露在 [−0.2, 0.2] 以内" in page.words


def test_an_issue_of_nothing_still_has_every_row_and_reason():
    made = make(factors=(), portfolios=())
    page = Page(made.files["report.html"].decode())
    table1 = pl.read_parquet(io.BytesIO(made.files["table1.parquet"]))
    assert table1["reason"].null_count() == 0
    assert made.notes["headline"] == words.SENTENCES["headline_nothing"].zh
    assert len([i for i in page.ids if i.startswith("figure-")]) == 36
    assert "数据起点之前无往期报告" in page.words


def test_a_real_market_under_production_settings_has_no_warning():
    made = make(factors=("skewness",), portfolios=(), sample=False, alpha="multi_granularity_10d")
    assert 'class="warnings"' not in made.files["report.html"].decode()


def test_a_stand_in_for_official_weights_is_announced():
    settings = ReportSettings(pdf=False, unofficial_weights=("000852.SH",))
    made = make(factors=(), portfolios=(), settings=settings)
    assert "中证1000 的成份股权重为非官方替代数据" in made.files["report.html"].decode()


def test_english_by_setting():
    made = make(factors=("skewness",), settings=ReportSettings(pdf=False, language="en"))
    page = Page(made.files["report.html"].decode())
    for text in ("Highlights", "no figure in it is evidence about real markets", "months won", "Settings used"):
        assert text in page.words
    assert not re.findall(r"[一-鿿]+", page.words.replace("选股因子系列研究", ""))


def test_the_difference_of_legs_by_setting():
    keywords = inputs(factors=("skewness",), portfolios=(), settings=ReportSettings(pdf=False, relative="difference"))
    made = weekly.make_report(**keywords)
    table = pl.read_parquet(io.BytesIO(made.files["table1.parquet"])).row(0, named=True)
    text = made.files["report.html"].decode()
    assert percent(table["long_short_ytd_difference"]) in text
    assert percent(table["long_short_ytd"]) != percent(table["long_short_ytd_difference"])


def test_input_text_cannot_break_the_page():
    keywords = inputs(factors=(), portfolios=())
    keywords["unavailable"] = {"factor_returns": {"skewness": '<script>alert("x")</script> #link[*] \\ $'}}
    text = weekly.make_report(**keywords).files["report.html"].decode()
    assert "<script>" not in text


def test_paper_or_the_reason_for_none():
    typst = pytest.importorskip("typst")
    from assets.report.paper import CHINESE_FONTS

    keywords = inputs(factors=("skewness",), settings=ReportSettings(pdf=True))
    keywords["unavailable"] = {"factor_returns": {"gru_50_1": '#panic("x") <b> \\ $ * _ @ [ ] "quoted"'}}
    made = weekly.make_report(**keywords)
    if set(CHINESE_FONTS) & set(typst.Fonts().families()):
        assert made.files["report.pdf"].startswith(b"%PDF")
        assert weekly.make_report(**keywords).files["report.pdf"] == made.files["report.pdf"]
    else:
        assert "report.pdf" not in made.files
        assert "fonts-noto-cjk" in made.notes["pdf"]


def test_tables_declare_what_their_functions_return(made):
    report = next(table for table in TABLES if table.name == "report")
    assert dict(made.frame.schema) == dict(report.schema)
    assert made.profile.select("table1_rows", "table2_rows", "figures").row(0) == (16, 2, 36)


def test_failed_checks_are_told_once_with_their_count_and_last_detail():
    keywords = inputs(factors=(), portfolios=())
    days = keywords["manifests"]["partition"].unique().sort()
    failing = (pl.col("table") == "minute_bars") & (pl.col("check") == "adds_up") & (pl.col("partition") >= days[-3])
    keywords["manifests"] = keywords["manifests"].with_columns(
        (pl.col("passed") & ~failing).alias("passed"),
        pl.when(failing).then(pl.col("partition").dt.to_string() + " lost volume").otherwise("detail").alias("detail"),
    )
    text = Page(weekly.make_report(**keywords).files["report.html"].decode()).words
    assert f"minute_bars · adds_up：3 个分区（{days[-3]} 至 {days[-1]}），最近一次：{days[-1]} lost volume" in text
    assert text.index("minute_bars · adds_up") < text.index("trades · adds_up：1 个分区")


def test_a_week_in_which_nothing_rose_does_not_speak_of_a_leader():
    keywords = inputs(factors=("skewness",), portfolios=())
    keywords["factor_returns"] = keywords["factor_returns"].with_columns((pl.col("short") - 0.05).alias("long"))
    assert "因子领先" not in weekly.make_report(**keywords).notes["headline"]
