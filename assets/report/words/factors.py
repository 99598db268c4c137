"""Words of the section with Table 1, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "factors_section": T("选股因子本期表现", "Performance of the factors"),
    "table1_title": T("各因子多空收益与多头超额收益", "Long–short and long excess returns of the factors"),
    "table1_lead": T(
        "本周有收益的 {count} 个因子中，{positive} 个因子多空收益为正，{excess_positive} 个因子多头取得正超额；"
        "多空收益最高的是{best}（{best_value}），最低的是{worst}（{worst_value}）。",
        "Of {count} factors with a return this week, {positive} have a positive long–short return and "
        "{excess_positive} a positive long excess; the highest long–short return is that of {best} ({best_value}), "
        "the lowest that of {worst} ({worst_value}).",
    ),
    "table1_nothing": T(
        "本周没有因子有可计算的收益，原因见表内。", "No factor has a return this week; the table names the reasons."
    ),
    "month_wins": T("月度胜率", "months won"),
    "note_ratio": T(
        "注：收益为两腿净值之比的变化；月度胜率为本年度收益为正的月份数/月份数（含当月）。",
        "Returns are changes of the ratio of both legs' wealth; months won: months of the year with a positive return / "
        "months so far, the running one included.",
    ),
    "note_difference": T(
        "注：收益为两腿收益之差；月度胜率为本年度净值之比上升的月份数/月份数（含当月）。",
        "Returns are differences of both legs' returns; months won: months of the year in which the ratio of wealth rose "
        "/ months so far, the running one included.",
    ),
    "legs_fills": T(
        "多空两腿按同一规则建仓，停牌或不能成交的股票不入选：{fills}",
        "Both legs are built under the fill rule of the portfolios, and names that are suspended or cannot be "
        "traded are left out: {fills}",
    ),
}
