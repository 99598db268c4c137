"""The words of the reasons of the evaluation and the report."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "model_not_built": T("模型尚未构建", "not built yet"),
    "no_returns": T("尚无已执行的调仓信号", "no signal has been traded yet"),
    "no_holding_period": T("尚无完整持有期", "no holding period has ended yet"),
    "no_value": T("所评价各周的信号日均无取值", "no value on any signal day of the evaluated weeks"),
    "no_value_on": T("{date} 无取值", "no value on {date}"),
    "too_few_names": T("只有 {names} 只股票，少于 {fewest} 只", "{names} stocks, fewer than {fewest}"),
    "constant_column": T("取值全部相同，没有相关系数", "a constant column has no correlation"),
    "no_chinese_font": T(
        "没有生成 report.pdf：未安装下列任何字体：{fonts}；请安装其中之一（Debian：apt install fonts-noto-cjk），或用浏览器打印 "
        "report.html",
        "report.pdf was not made: none of the fonts {fonts} is installed. Install one (on Debian: apt install fonts-noto-cjk), or "
        "print report.html from a browser",
    ),
    "not_traded": T("没有股票在两个交易日均有成交", "none of its stocks trades on both trade days"),
}
