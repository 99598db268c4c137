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
from assets.performance.evaluation_summary import summarise
from assets.report import make_report as maker
from assets.report.assets import TABLES
from assets.report.numbers import percent
from assets.report.sections import attribution, each_factor, each_portfolio, evidence, lines, shared
from assets.report.sections.restatements import PAGE_OF_LOG
from assets.report.words import attribution as attribution_words
from assets.report.words import each_portfolio as portfolio_words
from assets.report.words import evidence as evidence_words
from assets.report.words import factors as factors_words
from assets.report.words import front as front_words
from assets.report.words import portfolios as portfolios_words
from assets.report.words import settings as settings_words
from assets.report.words.names import STYLES
from assets.report.words.shared import SHARED
from resources.gate import judge
from resources.language import Language
from resources.rulebook import describe_rulebook
from resources.settings.portfolios import PortfoliosSettings
from resources.settings.report import ReportSettings
from resources.settings.rulebook import LOTS, Lot, RulebookSettings
from tests.reasons import to_reasons
from tests.report.random_issue import inputs, make, make_report

WEEK = dt.date(2023, 12, 11)


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


@pytest.fixture
def drawn() -> None:
    """Requested by tests that need the charts of the issues they make."""


@pytest.fixture(autouse=True)
def _without_charts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the charts empty, which take most of an issue's time. Those of the fixtures `made` and `page` are drawn."""
    if "drawn" not in request.fixturenames:
        for section in (attribution, each_factor, each_portfolio, evidence, lines, shared):
            for name in vars(section):
                if name.startswith("draw_"):
                    monkeypatch.setattr(section, name, lambda *_, **__: "<svg></svg>")


@pytest.fixture(scope="module")
def made():
    return make()


@pytest.fixture(scope="module")
def page(made):
    return Page(made.files["report.html"].decode())


def test_the_page_loads_nothing(made, page):
    assert page.loaded == [PAGE_OF_LOG]  # a link that the reader may follow
    assert "@import" not in made.files["report.html"].decode()
    assert made.profile["links_out"].item() == 0
    for address in (b'<img src="https://x.cn/a.png">', b"<a href='//x.cn'>", b"url(http://x.cn/font.woff)"):
        assert maker.LINK_OUT.search(address)
    assert not maker.LINK_OUT.search(b'<svg xmlns="http://www.w3.org/2000/svg">')


def test_every_listed_figure_and_table_exists_once(page):
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link[1:] in page.ids
    every = [*range(1, 37), "A1", "A2", "A3", "A4"]
    assert [f"#figure-{n}" for n in every] == [link for link in page.links if link.startswith("#figure-")]
    assert [f"#table-{n}" for n in (1, 2, "A1", "A2", "A3", *range(3, 8))] == [
        link for link in page.links if link.startswith("#table-")
    ]


def test_charts_do_not_share_ids(made):
    text = made.files["report.html"].decode()
    for use in re.findall(r"url\(#([^)]+)\)", text):
        assert text.count(f'id="{use}"') == 1


def test_the_files_are_all_there_and_listed(made):
    figures = {f"figures/figure_{n:0>2}.svg" for n in (*range(1, 37), "A1", "A2", "A3", "A4")} - {
        f"figures/figure_{n:02d}.svg"
        for factor in catalogue.FACTORS
        if factor.key not in {*catalogue.TEN[:4], *catalogue.TEN[5:], "gru_50_1"}
        for n in (2 * factor.number - 1, 2 * factor.number)
    }
    assert set(made.files) == figures | {"report.html", "report.xlsx", "table1.parquet", "table2.parquet"}
    assert set(made.frame["path"]) == set(made.files)
    assert pl.read_parquet(io.BytesIO(made.files["table1.parquet"])).height == 16
    assert zipfile.ZipFile(io.BytesIO(made.files["report.xlsx"])).testzip() is None


def test_the_same_input_gives_the_same_bytes(drawn):
    first, again = (make(factors=("skewness", "gru_50_1")) for _ in range(2))
    assert {name: again.files[name] == data for name, data in first.files.items()} == dict.fromkeys(first.files, True)


def test_page_one_has_warnings_alpha_and_risks(page):
    printed = page.words
    assert front_words.WORDS["warn_sample"].zh in printed
    assert "两个组合由“GRU(50,1)+NN(10)”（因子 11）的得分驱动" in printed
    for section in ("投资要点", "前期报告", "目录", "图目录", "表目录", "风险提示", "数据健康", "运行设置"):
        assert section in printed
    assert "因子失效风险、流动性风险" in printed


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


def table_cells(made, number: int | str) -> list[list[str]]:
    """The body rows of a table of the page, cell by cell; none where the table prints its lead alone."""
    text = made.files["report.html"].decode()
    table = re.search(rf'id="table-{number}"(.*?)(?= id="table-|\Z)', text, re.S)[1]
    body = "".join(re.findall(r"<tbody>(.*?)</tbody>", table, re.S))
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)]
    return [[html.unescape(cell) for cell in row] for row in rows]


def test_every_cell_of_both_tables_is_under_its_heading(made):
    table1, table2 = (pl.read_parquet(io.BytesIO(made.files[f"table{n}.parquet"])) for n in (1, 2))
    known = table1.drop_nulls("long_short_week")
    shown = {cells[0]: cells[1:] for cells in table_cells(made, 1)}
    assert len(shown) == 16
    assert known.height == 10
    for row in known.iter_rows(named=True):
        factor = catalogue.BY_KEY[row["factor"]]
        expected = [
            cell
            for name in ("long_short", "long_excess")
            for cell in (
                *(percent(row[f"{name}_{period}"]) for period in ("week", "month", "ytd")),
                f"{row[f'{name}_wins']}/{row[f'{name}_months']}",
            )
        ]
        assert shown[f"{factor.number} {factor.name_zh}"] == expected
    for cells, row in zip(table_cells(made, 2), table2.iter_rows(named=True), strict=True):
        assert cells[1:] == [
            *(percent(row[f"excess_{period}"]) for period in ("week", "month", "ytd")),
            f"{row['wins']}/{row['weeks']}",
        ]


def test_late_starts_and_missing_index_closes_are_noted_under_the_table(page):
    assert "各因子的今年以来收益与胜率自 2023-03-01 起计" in page.words
    assert "中证1000AI增强组合的基准（价格指数，不含分红）缺少部分或全部收盘价" in page.words
    assert "中证500AI增强组合的基准（价格指数，不含分红）缺少" not in page.words
    assert "本周成交单边换手率 30.00%，成本 0.500%" in page.words  # five days of COST


def test_charts_draw_the_series_of_the_tables(monkeypatch):
    """Lines by plain loops, from the close before their first day; bars are the row of the table."""
    lines, bars = {}, {}

    def note(into):
        def draw(what, *, prefix, **options):
            into[prefix] = what
            return "<svg></svg>"

        return draw

    for section in (each_factor, each_portfolio):
        monkeypatch.setattr(section, "draw_lines", note(lines))
    monkeypatch.setattr(shared, "draw_bars", note(bars))
    start, late = dt.date(2023, 6, 1), dt.date(2023, 9, 1)
    keywords = inputs(
        factors=("skewness", "multi_granularity_5d"),
        portfolios=("csi500",),
        settings=ReportSettings(pdf=False, chart_start=start, chart_start_late=late),
    )
    made = make_report(**keywords)
    legs, traded = (keywords[name].collect() for name in ("factor_returns", "portfolio_returns"))

    def strength(frame: pl.DataFrame, own: str, against: str, first: dt.date, base: float) -> list[float]:
        values = [1.0]
        for row in frame.sort("date").filter(pl.col("date") >= first).iter_rows(named=True):
            values.append(values[-1] * (1 + row[own]) / (1 + row[against]))
        return [value - base for value in values]

    for key, first, before in (
        ("skewness", start, dt.date(2023, 5, 31)),
        ("multi_granularity_5d", late, dt.date(2023, 8, 31)),
    ):
        own, number = legs.filter(pl.col("factor") == key), 2 * catalogue.BY_KEY[key].number - 1
        for line, against in zip(lines[f"f{number}"], ("short", "market"), strict=True):
            assert line.dates[0] == before
            assert line.values == pytest.approx(strength(own, "long", against, first, 0.0), abs=1e-12)
        table = pl.read_parquet(io.BytesIO(made.files["table1.parquet"])).filter(pl.col("factor") == key)
        assert [value for _, value in bars[f"f{number + 1}"]] == [
            table[f"long_short_{period}"].item() for period in ("week", "month", "ytd")
        ]
    (line,) = lines["f33"]
    assert line.values == pytest.approx(strength(traded, "net", "benchmark", late, 1.0), abs=1e-12)
    table = pl.read_parquet(io.BytesIO(made.files["table2.parquet"]))
    assert [value for _, value in bars["f34"]] == [table[f"excess_{p}"][0] for p in ("week", "month", "ytd")]


def test_previous_issues_are_the_three_before_with_their_own_headlines():
    keywords = inputs(factors=("skewness", "gru_50_1"))
    text = make_report(**keywords).files["report.html"].decode()
    before = make_report(**{**keywords, "week": dt.date(2023, 12, 4), "date": dt.date(2023, 12, 8)})
    titles = re.findall(r"<li>(高频选股因子周报（.*?）)<span>(.*?)</span>", text)
    assert [title[9:30] for title, _ in titles] == [
        "2023.12.04-2023.12.08",
        "2023.11.27-2023.12.01",
        "2023.11.20-2023.11.24",
    ]
    assert (before.notes["title"], before.notes["headline"]) == titles[0]


def test_a_portfolio_chapter_names_relaxed_and_unapplied_constraints(page):
    assert "48.12%" in page.words  # weight of members without a score
    assert "801080" in page.words
    assert "以下约束因数据缺失未施加" in page.words
    assert "市值暴露在 [−0.2, 0.2] 以内" in page.words
    assert "1.230%，被本项内的股票推高：000001.SZ（停牌 3.00%）" in page.words
    assert "0.400%，停牌" in page.words


def test_an_issue_without_data_has_every_row_and_reason():
    made = make(factors=(), portfolios=())
    page = Page(made.files["report.html"].decode())
    table1 = pl.read_parquet(io.BytesIO(made.files["table1.parquet"]))
    assert table1["reason"].null_count() == 0
    assert made.notes["headline"] == front_words.WORDS["headline_nothing"].zh
    assert len([i for i in page.ids if i.startswith("figure-")]) == 36 + 4
    assert made.profile["figures"].item() == 36
    assert evidence_words.WORDS["evaluation_nothing"].zh in page.words
    assert "数据起点之前无往期报告" in page.words


def test_a_real_market_under_production_settings_has_no_warning():
    def warnings(**changes):
        page = make(factors=("skewness",), portfolios=(), **changes).files["report.html"].decode()
        return re.findall(r'<div class="warnings">(.*?)</div>', page, re.S)

    (shown,) = warnings()  # the sample market, on the score of another network
    assert shown.count("<p>") == 3
    assert warnings(sample=False, alpha="multi_granularity_10d") == []


def test_derived_index_weights_are_announced():
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
    made = make_report(**keywords)
    table = pl.read_parquet(io.BytesIO(made.files["table1.parquet"])).row(0, named=True)
    text = made.files["report.html"].decode()
    assert percent(table["long_short_ytd_difference"]) in text
    assert percent(table["long_short_ytd"]) != percent(table["long_short_ytd_difference"])


def test_input_text_cannot_break_the_page():
    keywords = inputs(factors=(), portfolios=())
    keywords["unavailable"] = to_reasons({"factor_returns": {"skewness": '<script>alert("x")</script> #link[*] \\ $'}})
    text = make_report(**keywords).files["report.html"].decode()
    assert "<script>" not in text


def test_the_pdf_is_written_with_the_font_of_the_report(drawn):
    keywords = inputs(factors=("skewness",), settings=ReportSettings(pdf=True))
    keywords["unavailable"] = to_reasons({"factor_returns": {"gru_50_1": '#panic("x") <b> \\ $ * _ @ [ ] "quoted"'}})
    pdf = make_report(**keywords).files["report.pdf"]
    assert pdf.startswith(b"%PDF")
    assert set(re.findall(rb"/FontName */[A-Z]{6}\+([A-Za-z-]+)", pdf)) == {b"NotoSansSC-Regular"}
    assert make_report(**keywords).files["report.pdf"] == pdf


def test_tables_declare_what_their_functions_return(made):
    report = next(table for table in TABLES if table.name == "report")
    assert dict(made.frame.schema) == dict(report.schema)
    assert made.profile.select("table1_rows", "table2_rows", "figures").row(0) == (16, 2, 36)


def test_failed_checks_are_listed_once_with_count_and_last_detail():
    keywords = inputs(factors=(), portfolios=())
    days = keywords["manifests"]["partition"].unique().sort()
    failing = (pl.col("table") == "minute_bars") & (pl.col("check") == "adds_up") & (pl.col("partition") >= days[-3])
    keywords["manifests"] = keywords["manifests"].with_columns(
        (pl.col("passed") & ~failing).alias("passed"),
        pl.when(failing).then(pl.col("partition").dt.to_string() + " lost volume").otherwise("detail").alias("detail"),
    )
    text = Page(make_report(**keywords).files["report.html"].decode()).words
    assert f"minute_bars · adds_up：3 个分区（{days[-3]} 至 {days[-1]}），最近一次：{days[-1]} lost volume" in text
    assert text.index("minute_bars · adds_up") < text.index("trades · adds_up：1 个分区")


def test_a_week_without_a_gain_has_no_leading_factor():
    keywords = inputs(factors=("skewness",), portfolios=())
    keywords["factor_returns"] = keywords["factor_returns"].with_columns((pl.col("short") - 0.05).alias("long"))
    assert "因子领先" not in make_report(**keywords).notes["headline"]
    keywords["factor_returns"] = keywords["factor_returns"].with_columns((pl.col("short") + 0.05).alias("long"))
    assert "因子领先" in make_report(**keywords).notes["headline"]


def test_tapes_are_counted_by_day_and_listed_by_severity(page):
    printed = page.words
    for line in (
        "本周合计：正常 1、已修复 1、剔除 1、缺失 1、仅盘口剔除 1。",
        "2023-12-11：正常 1、已修复 1、剔除 0、缺失 1、仅盘口剔除 1。",
        "2023-12-12：正常 0、已修复 0、剔除 1、缺失 0。",
    ):
        assert line in printed
    aside = "2023-12-12 · 600519.SH · 剔除：逐笔成交合计 100 股、1000 元，而 daily_prices 为 300 股、3000 元"
    missing = "2023-12-11 · 000002.SZ · 缺失：daily_prices 的成交量为 100 股，而没有交付其可用的成交"
    repaired = "2023-12-11 · 000001.SZ · 已修复：盘口剔除：40 笔行情快照中有 30 笔不可用，超过 5%（bars.max_unusable_quote_share）：30 笔买卖价交叉"
    assert printed.index(aside) < printed.index(missing) < printed.index(repaired)
    assert "600519.SH · 正常" not in printed


def test_tapes_of_a_week_without_minute_data_and_of_many_faults():
    keywords = inputs(factors=(), portfolios=())
    tapes = keywords["tape_health"].collect()
    keywords["tape_health"] = tapes.clear().lazy()
    assert "本周没有分钟数据" in Page(make_report(**keywords).files["report.html"].decode()).words
    many = pl.concat([tapes.head(1)] * 15).with_columns(symbol=pl.format("{}.SH", pl.int_range(600_000, 600_015)))
    keywords["tape_health"] = many.lazy()
    keywords["settings"] = ReportSettings(pdf=False, language="en")
    text = Page(make_report(**keywords).files["report.html"].decode()).words
    assert "The week: 0 ok, 0 repaired, 15 set aside, 0 missing." in text
    assert "3 more: see the table tape_health." in text


def test_the_evaluation_is_printed_in_addition_to_the_thirty_six_figures(made, page):
    summary = summarise(inputs()["evaluation"].collect())
    shown = {cells[0]: cells[1:] for cells in table_cells(made, 4)}
    assert len(shown) == 16
    decay = {(row["factor"], row["horizon"]): row["mean"] for row in summary.decay.iter_rows(named=True)}
    styles = STYLES
    for row in summary.factors.drop_nulls("mean").iter_rows(named=True):
        factor = catalogue.BY_KEY[row["factor"]]
        cells = shown[f"{factor.number} {factor.name_zh}"]
        assert cells[:5] == [f"{decay[factor.key, horizon]:.3f}" for horizon in (1, 2, 3, 4, 8)]
        assert cells[5:12] == [
            f"{row['icir']:.2f}",
            f"{row['t_statistic']:.2f}",
            percent(row["spread"]),
            f"{row['monotonicity']:.2f}",
            f"{row['autocorrelation']:.2f}",
            percent(row["turnover"], 0),
            f"{styles[row['style']].zh} {row['exposure']:.2f}",
        ]
        assert cells[12] == (f"{row['seed_mean']:.3f}±{row['seed_std']:.3f}" if factor.kind == "model" else "–")
    assert shown["12 GRU(50,2)+NN(10)"] == ["n/a（模型尚未构建）"]
    assert "order_sizes of fewer than 5 days" in shown["5 开盘后大单净买入占比"][0]
    above = summary.factors.filter(pl.col("low") > 0).height
    assert f"10 个因子中 {above} 个的一周 RankIC 均值的 95% 区间在零以上" in page.words
    assert "一律按周评价；因子 1–10 在表1、表3 中按月调仓" in page.words
    assert {"figures/figure_A1.svg", "figures/figure_A2.svg"} <= set(made.files)
    assert set(made.frame.filter(pl.col("path").str.contains("_A"))["item"]) == {f"figure A{n}" for n in (1, 2, 3, 4)}


def test_a_statistic_without_any_value_is_noted_under_the_evaluation():
    keywords = inputs(factors=("skewness", "gru_50_1"))
    lost = (pl.col("statistic") == "seed_rank_ic") | ((pl.col("statistic") == "rank_ic") & (pl.col("horizon") > 2))
    rows = keywords["evaluation"].collect()
    keywords["evaluation"] = rows.with_columns(
        pl.when(lost).then(None).otherwise("value").alias("value"),
        pl.when(lost).then(pl.lit("no file seeds.parquet")).otherwise("reason").alias("reason"),
    ).lazy()
    made = make_report(**keywords)
    printed = html.unescape(made.files["report.html"].decode())
    assert "因子 11 的 各种子 RankIC：n/a（no file seeds.parquet）" in printed
    assert "因子 1、11 的 RankIC（8 周）：n/a（no file seeds.parquet）" in printed
    assert "RankIC（2 周）：n/a" not in printed
    shown = {cells[0]: cells[1:] for cells in table_cells(made, 4)}
    assert shown["11 GRU(50,1)+NN(10)"][-1] == "n/a"


def test_a_horizon_longer_than_the_history_is_noted_under_the_evaluation():
    keywords = inputs(factors=("skewness", "gru_50_1"))
    keywords["evaluation"] = keywords["evaluation"].filter((pl.col("statistic") != "rank_ic") | (pl.col("horizon") < 8))
    made = make_report(**keywords)
    assert "因子 1、11 的 RankIC（8 周）：n/a（尚无完整持有期）" in made.files["report.html"].decode()
    assert table_cells(made, 4)[0][5] == "n/a"


def test_weeks_after_the_issue_do_not_enter_its_evaluation():
    keywords = inputs(factors=("skewness",), week=dt.date(2023, 12, 4))
    later = inputs(factors=("skewness",))["evaluation"].collect().filter(week=dt.date(2023, 12, 11))
    more = {**keywords, "evaluation": pl.concat([keywords["evaluation"].collect(), later]).lazy()}
    assert make_report(**more).files == make_report(**keywords).files


def test_charts_of_the_evaluation_draw_its_summary(monkeypatch):
    drawn = {}
    monkeypatch.setattr(evidence, "draw_bands", lambda bands, prefix: drawn.update(bands=bands) or "<svg></svg>")
    monkeypatch.setattr(evidence, "draw_heat", lambda names, cells, prefix: drawn.update(cells=cells) or "<svg></svg>")
    keywords = inputs(factors=("skewness", "large_trade_gain", "gru_50_1"))
    make_report(**keywords)
    summary = summarise(keywords["evaluation"].collect())
    assert [band.name for band in drawn["bands"]] == [str(n) for n in range(1, 17)]
    band, own = drawn["bands"][10], summary.decay.filter(factor="gru_50_1")
    assert (band.horizons, band.means, band.lows) == tuple(own[c].to_list() for c in ("horizon", "mean", "low"))
    pair = summary.correlations.filter(factor="skewness", other="gru_50_1")["value"].item()
    assert drawn["cells"]["11", "1"] == pair
    assert set(drawn["cells"]) == {("10", "1"), ("11", "1"), ("11", "10")}


def test_the_workbook_holds_the_evaluation_as_numbers(made):
    book = zipfile.ZipFile(io.BytesIO(made.files["report.xlsx"]))
    names = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
    summary = summarise(inputs()["evaluation"].collect())
    assert names[3] == "表4"
    for name, frame in (
        ("evaluation", summary.factors),
        ("ic_decay", summary.decay),
        ("decile_returns", summary.deciles),
        ("factor_correlations", summary.correlations),
        ("style_exposures", summary.exposures),
        ("seeds", summary.seeds),
    ):
        sheet = book.read(f"xl/worksheets/sheet{names.index(name) + 1}.xml").decode()
        assert len(re.findall("<row ", sheet)) == frame.height + 1
        number = frame.columns.index(next(c for c, dtype in frame.schema.items() if dtype == pl.Float64))
        cell = re.search(rf'<c r="{"ABCDEFGH"[number]}2"[^>]*><v>([^<]+)</v>', sheet)
        assert float(cell[1]) == pytest.approx(frame.to_series(number)[0])


def test_the_mean_of_several_scores_is_described():
    keys = ("multi_granularity_5d", "multi_granularity_10d")
    made = make(factors=("skewness",), portfolios=(), sample=False, alpha=keys)
    page = Page(made.files["report.html"].decode())
    assert "多颗粒度模型(5日标签)、多颗粒度模型(10日标签)的均值”（因子 15、16）" in page.words


def test_constraints_and_costs_follow_the_settings() -> None:
    run = inputs()["run_settings"]
    plain = Page(make(settings=ReportSettings(language="en", pdf=False)).files["report.html"].decode()).words
    assert "at a cost of 0.15% per side (0.30% per round trip)" in plain
    for absent_text in (
        "index members.",
        "at least 80.00%",
        "tracking error of at most",
        "whole lots",
        "tradable volume",
    ):
        assert absent_text not in plain
    settings = PortfoliosSettings.model_validate(
        {
            "alpha": "gru_50_1",
            "covariance": "desk.risk:own",
            "csi500": {"member_share": 0.8, "exposure_bands": {"volatility": (-0.3, 0.1), "size": (0, 0.2)}},
            "csi1000": {"members_only": True, "tracking_error": 0.02, "risk_aversion": 5, "size_exposure": 0.2},
            "execution": {"dated_fees": True, "lots": True, "participation": 0.1, "capital": 2e8},
        }
    )
    run["settings"]["portfolios"] = settings.model_dump(mode="json")
    given = inputs(settings=ReportSettings(language="en", pdf=False)) | {"run_settings": run}
    worded = Page(make_report(**given).files["report.html"].decode()).words
    for words_ in (
        "size exposure within [0, 0.2]",
        "volatility exposure within [−0.3, 0.1]",
        "mid-cap, turnover, reversal, profitability, growth exposure within [−0.8, 0.8]",
        "at least 80.00% in index members",
        "index members only",
        "tracking error of at most 0.02, in the unit of the covariance desk.risk:own",
        "5 × squared tracking error subtracted from the score (covariance desk.risk:own)",
        "at the stamp duty and commission of the date and side",
        "Only whole lots are traded",
        "more than 10.00% of the day's tradable volume",
        "built with 200,000,000 yuan",
    ):
        assert words_ in worded
    assert "per round trip" not in worded


def with_implausible(keywords, days: int = 3):
    """The keywords, with a plausibility check that failed on the first days of factor_returns and one that passed."""
    failed = keywords["manifests"].head(days).with_columns(
        table=pl.lit("factor_returns"), check=pl.lit("long_return_plausible"), critical=pl.lit(False),
        plausibility=pl.lit(True), passed=pl.lit(False),
        detail=pl.lit("long must be between -0.21 and 0.21; not so in 1 of 80 rows: factor=skewness."),
        remedy_en=pl.lit("mend it"), remedy_zh=pl.lit("改正"),
        partition=pl.Series([dt.date(2023, 11, 6 + 7 * n) for n in range(days)]),
    )  # fmt: skip
    passed = failed.with_columns(table=pl.lit("portfolio_returns"), passed=pl.lit(True))
    keywords["manifests"] = pl.concat([keywords["manifests"], failed, passed])
    return keywords


def test_a_failed_plausibility_check_refuses_the_report_with_the_list():
    made = make_report(**with_implausible(inputs()))
    assert not made.files
    assert made.frame.is_empty()
    table = next(table for table in TABLES if table.name == "report")
    verdicts = judge(table.checks, {WEEK: made.profile}, {WEEK: {}})[WEEK]
    refused = {name: verdict for name, verdict in verdicts.items() if verdict.refuses}
    assert list(refused) == ["no_failed_plausibility_check"]
    detail = refused["no_failed_plausibility_check"].text()
    assert "factor_returns · long_return_plausible, 3 partitions (2023-11-06 to 2023-11-20)" in detail
    assert detail.count("Remedy: ") == 1
    assert "factor=skewness (mend it)" in detail
    assert "not so in 1 of 1 rows" in detail  # one row per table and check, however many partitions
    assert "report.allow_failed_plausibility" in detail
    assert "portfolio_returns" not in detail


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_allowed_failure_is_listed_on_page_one(language):
    allowed = ReportSettings(language=language, pdf=False, allow_failed_plausibility=True)
    made = make_report(**with_implausible(inputs(settings=allowed)))
    text = made.files["report.html"].decode()
    printed = Page(text).words
    sentence = front_words.WORDS["warn_implausible"][language].split("{failures}")[0].format(count=1)
    assert sentence in printed
    assert printed.index(sentence) < printed.index(factors_words.WORDS["table1_title"][language])
    assert "factor_returns · long_return_plausible" in printed
    table = next(table for table in TABLES if table.name == "report")
    verdicts = judge(table.checks, {WEEK: made.profile}, {WEEK: {}})[WEEK]
    assert not any(verdict.refuses for verdict in verdicts.values())
    plain = make_report(**inputs(settings=allowed))
    assert front_words.WORDS["warn_implausible"][language].split("{count}")[1].split("{")[0] not in (
        Page(plain.files["report.html"].decode()).words
    )


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("rule", ["daily", "minutes"])
def test_the_fill_rule_in_force_is_printed_for_portfolios_and_legs(language, rule):
    keywords = inputs(settings=ReportSettings(language=language, pdf=False))
    fills = keywords["run_settings"]["settings"]["portfolios"]["execution"]["fills"]
    fills |= {"rule": rule, "min_inside_share": 0.07}
    printed = Page(make_report(**keywords).files["report.html"].decode()).words
    worded = {one: SHARED[f"fills_{one}"][language].format(share="7%").strip() for one in ("daily", "minutes")}
    assert printed.count(worded[rule]) == 2  # under table 1, and in the costs of the portfolios
    assert worded["daily" if rule == "minutes" else "minutes"] not in printed


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("benchmark", ["price", "total_return"])
def test_the_benchmark_is_printed_with_every_excess(language, benchmark):
    keywords = inputs(settings=ReportSettings(language=language, pdf=False))
    keywords["run_settings"]["settings"]["portfolios"]["benchmark"] = benchmark
    made = make_report(**keywords)
    printed = Page(made.files["report.html"].decode()).words
    kinds = {kind: SHARED[f"benchmark_{kind}"][language] for kind in ("price", "total_return")}
    assert printed.count(kinds[benchmark]) >= 3  # the note of table 2 and both portfolios' chapters
    assert kinds["price" if benchmark == "total_return" else "total_return"] not in printed
    basis = attribution_words.WORDS[f"basis_{benchmark}"][language]
    assert f"{basis}）" in printed if language == "zh" else f"({basis})" in printed
    # the signal day has closes of the price index alone
    drifted = portfolios_words.WORDS["benchmark_drifted"][language].format(
        name=catalogue.PORTFOLIOS[0].name_zh if language == "zh" else catalogue.PORTFOLIOS[0].name_en,
        kind=kinds[benchmark],
    )
    assert (drifted in printed) == (benchmark == "total_return")


@pytest.mark.parametrize(("language", "years_back", "noted"), [("zh", 0, True), ("en", 2, False)])
def test_a_week_of_the_year_with_a_missing_close_is_noted_under_table_2(language, years_back, noted):
    keywords = inputs(settings=ReportSettings(language=language, pdf=False))
    one = catalogue.PORTFOLIOS[0]  # its benchmark has a close on the signal day
    partition = keywords["week"] - dt.timedelta(days=364 * years_back)
    row = ("portfolio_returns", partition, "index_closes", one.key, "null")
    keywords["left_out"] = pl.DataFrame([row], schema=keywords["left_out"].schema, orient="row")
    printed = Page(make_report(**keywords).files["report.html"].decode()).words
    sentence = portfolios_words.WORDS["benchmark_drifted"][language].format(
        name=one.name_zh if language == "zh" else one.name_en,
        kind=SHARED["benchmark_price"][language],
    )
    assert (sentence in printed) == noted


@pytest.mark.parametrize("language", ["zh", "en"])
def test_beijing_members_are_listed_in_the_portfolios_chapter(language):
    printed = Page(make(settings=ReportSettings(language=language, pdf=False)).files["report.html"].decode()).words
    assert portfolio_words.WORDS["portfolio_beijing"][language].format(names="920002.BJ", weight="0.41%") in printed


def test_the_newest_rule_is_printed_and_an_old_rulebook_is_a_warning() -> None:
    def words_of(**changes: object) -> str:
        given = inputs(settings=ReportSettings(language="en", pdf=False))
        given["run_settings"]["rulebook"] |= changes
        return Page(make_report(**given).files["report.html"].decode()).words

    plain = words_of()
    assert "Newest rule of the exchanges in force: rulebook.fees, since 2023-08-28" in plain
    assert "rules may have changed since" not in plain
    worded = words_of(too_old_days=401, added=[{"kind": "price_limits", "since": "2023-11-01", "percent": 30}])
    assert "was last reviewed or extended 401 days before this issue's data, more than 400" in worded
    assert "rulebook.price_limits" in worded


@pytest.mark.parametrize("language", ["zh", "en"])
def test_sizes_of_orders_are_those_of_the_rulebook_in_force(language: Language) -> None:
    def printed(day: dt.date, *own: Lot) -> str:
        given = inputs(settings=ReportSettings(language=language, pdf=False))
        run = given["run_settings"]
        run["settings"]["portfolios"]["execution"]["lots"] = True
        run["rulebook"] = describe_rulebook(RulebookSettings(lots=(*LOTS, *own)), day)
        return Page(make_report(**given).files["report.html"].decode()).words

    star = {"zh": "科创板 200 股起，以 1 股递增", "en": "on STAR 200 shares or more, in steps of 1"}[language]
    main = {
        "zh": "沪市主板、深市主板、创业板 100 股起，以 100 股递增",
        "en": "ChiNext 100 shares or more, in steps of 100",
    }
    plain = printed(dt.date(2023, 12, 15))
    assert star in plain
    assert main[language] in plain
    assert star not in printed(dt.date(2019, 7, 19))
    changed = printed(
        dt.date(2023, 12, 15), Lot(since=dt.date(2023, 1, 1), source="a test", boards=("star",), least=300, step=7)
    )
    assert star not in changed
    assert {"zh": "科创板 300 股起，以 7 股递增", "en": "on STAR 300 shares or more, in steps of 7"}[
        language
    ] in changed


DECLARED = [
    {"setting": "landing.daily_prices.volume_unit", "value": "lots", "production": "shares", "reason": ""},
    {"setting": "calendar.announced_until", "value": "2028-12-31", "production": None, "reason": ""},
]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("alpha", "differences"), [("multi_granularity_10d", 0), ("gru_50_1", 1)])
def test_declarations_are_listed_and_are_no_differences(language: Language, alpha: str, differences: int) -> None:
    given = inputs(alpha=alpha, sample=False, settings=ReportSettings(language=language, pdf=False))
    run = given["run_settings"]
    own = Lot(since=dt.date(2023, 1, 1), source="a test", boards=("star",), least=300, step=7)
    run["rulebook"] = describe_rulebook(RulebookSettings(lots=(*LOTS, own)), dt.date(2023, 12, 15))
    run["differences"] = [*DECLARED[:1], *run["differences"], *DECLARED[1:]]
    made = make_report(**given)
    printed = Page(made.files["report.html"].decode())
    warned = front_words.WORDS["warn_profile"][language]
    marker = warned.split("{name}")[0].strip("“'")
    assert (marker in printed.words) == bool(differences)
    if differences:
        assert warned.format(name="sample", count=differences) in printed.words
        assert settings_words.WORDS["table6_lead"][language].format(count=differences) in printed.words
    else:
        assert settings_words.WORDS["no_difference"][language] in printed.words
    assert settings_words.WORDS["declared_lead"][language].format(count=3) in printed.words
    assert settings_words.WORDS["declared_title"][language] in printed.words
    declared = table_cells(made, "A5")
    assert [row[0] for row in declared] == [*(one["setting"] for one in DECLARED), "rulebook.lots"]
    assert declared[0][1:3] == ["lots", "shares"]
    assert [row[0] for row in table_cells(made, 6)] == ["portfolios.alpha"] * differences
    assert "#table-A5" in printed.links
    book = zipfile.ZipFile(io.BytesIO(made.files["report.xlsx"]))
    assert "A5" in book.read("xl/workbook.xml").decode()


def test_without_declarations_there_is_no_table_of_them(page) -> None:
    assert "#table-A5" not in page.links


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_note_of_table_2_follows_what_the_table_prints(language: Language) -> None:
    kind = SHARED["benchmark_price"][language]
    notes = {
        one: portfolios_words.WORDS[key][language].format(kind=kind)
        for one, key in (("ratio", "table2_note"), ("difference", "table2_note_difference"))
    }
    for one, other in (("ratio", "difference"), ("difference", "ratio")):
        settings = ReportSettings(language=language, pdf=False, relative=one)
        printed = Page(make(settings=settings).files["report.html"].decode()).words
        assert notes[one] in printed
        assert notes[other] not in printed


def test_the_chinese_notice_of_failed_checks_is_chinese() -> None:
    settings = ReportSettings(language="zh", pdf=False, allow_failed_plausibility=True)
    printed = Page(make_report(**with_implausible(inputs(settings=settings))).files["report.html"].decode()).words
    assert "factor_returns · long_return_plausible，3 个分区（2023-11-06 至 2023-11-20）" in printed
    assert "partition" not in printed[: printed.index(factors_words.WORDS["table1_title"]["zh"])]
