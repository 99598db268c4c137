"""Words of the section with Table 2, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "portfolios_section": T("AI 指数增强组合本期表现", "Performance of the AI index-enhanced portfolios"),
    "table2_title": T("AI 指数增强组合超额收益", "Excess returns of the AI index-enhanced portfolios"),
    "portfolio": T("组合", "portfolio"),
    "excess": T("超额收益", "excess return"),
    "week_wins": T("周度胜率", "weeks won"),
    "table2_lead": T("本周{items}。", "This week {items}."),
    "table2_item": T("{name}相对基准的超额收益为 {value}", "{name} returned {value} over its index"),
    "table2_nothing": T(
        "本周没有组合有可计算的收益，原因见表内。", "No portfolio has a return this week; the table names the reasons."
    ),
    "table2_note": T(
        "注：超额收益为扣费后净值相对基准（{kind}）的强弱；周度胜率为本年度超额为正的周数/周数。",
        "Excess: relative strength of the wealth after costs against the benchmark, the {kind}; weeks won: weeks of the year with a "
        "positive excess / weeks so far.",
    ),
    "table2_note_difference": T(
        "注：超额收益为扣费后组合与基准（{kind}）的收益之差；周度胜率为本年度净值相对基准上升的周数/周数。",
        "Excess: difference of the returns after costs and of the benchmark, the {kind}; weeks won: weeks of the year in which the "
        "ratio of wealth rose / weeks so far.",
    ),
    "benchmark_drifted": T(
        "{name}的基准（{kind}）缺少部分或全部收盘价，当日以漂移后的成份股权重代替（含分红）。",
        "{name}: the benchmark ({kind}) lacks closes on some or all days, on which it is computed from drifted "
        "member weights, dividends included.",
    ),
}
