"""Words of the report's first page, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "title": T("高频选股因子周报（{first}-{last}）", "High-frequency factors weekly ({first}–{last})"),
    "issue_of": T("数据截至 {day} 收盘", "Data up to the close of {day}"),
    "data_market": T("数据市场", "Market"),
    "data_days": T("数据区间", "Week"),
    "alpha": T("组合得分", "Score behind the portfolios"),
    "profile_name": T("运行配置", "Profile"),
    "risk_short": T("因子失效风险、流动性风险。", "factors may stop working; liquidity may dry up."),
    "implausible_once": T("{table} · {check}，1 个分区（{first}）", "{table} · {check}, 1 partition ({first})"),
    "implausible": T(
        "{table} · {check}，{count} 个分区（{first} 至 {last}）",
        "{table} · {check}, {count} partitions ({first} to {last})",
    ),
    "and_more": T("；另有 {count} 项", "; {count} more"),
    "headline_factor": T(
        "{name}因子领先，多空收益 {value}；{count} 个因子中 {positive} 个为正",
        "{name} has the highest long–short return ({value}); {positive} of {count} factors are positive",
    ),
    "headline_none_rose": T(
        "{count} 个因子的多空收益均未取正，表现最好的{name}为 {value}",
        "None of {count} factors has a positive long–short return; {name} has the highest ({value})",
    ),
    "headline_portfolio": T("{name}超额 {value}", "{name}: {value} excess"),
    "headline_nothing": T("本周尚无可计算的因子收益", "No factor return can be computed for this week yet"),
    "highlight_factor": T(
        "多空收益本周 {ls_week}、本月 {ls_month}、今年以来 {ls_ytd}；"
        "多头超额本周 {le_week}、本月 {le_month}、今年以来 {le_ytd}。",
        "long–short {ls_week} this week, {ls_month} this month, {ls_ytd} YTD; "
        "long excess {le_week}, {le_month}, {le_ytd}.",
    ),
    "highlight_portfolio": T(
        "超额收益本周 {week}、本月 {month}、今年以来 {ytd}，周度胜率 {wins}。",
        "excess {week} this week, {month} this month, {ytd} YTD; weeks won {wins}.",
    ),
    "highlight_absent": T("n/a，{reason}。", "n/a: {reason}."),
    "warn_sample": T(
        "本报告使用程序生成的模拟市场，所有数字均不构成对真实市场的任何证据。",
        "This report runs on a generated sample market: no figure in it is evidence about real markets.",
    ),
    "warn_implausible": T(
        "本报告所用数据有 {count} 项合理性检查未通过，按设置仍予发布，相关数字在查明之前不应采信：{failures}。",
        "{count} plausibility checks failed on the data of this report, which is issued because the settings allow it; do "
        "not rely on the figures concerned until the cause is known: {failures}.",
    ),
    "warn_alpha": T(
        "两个组合由“{name}”（因子 {number}）的得分驱动，而非原方案的“{official}”（因子 16）。",
        "Both portfolios are driven by the score of {name} (factor {number}), not of {official} (factor 16).",
    ),
    "warn_weights": T(
        "{index} 的成份股权重为非官方替代数据，相关组合与基准仅供演示。",
        "The member weights of {index} are not the official ones; the portfolio on this index is a demonstration.",
    ),
    "warn_rulebook": T(
        "交易所规则表（rulebook）最近一次核对或更新距本期数据已有 {days} 天，超过 {limit} 天，其间交易所规则可能已变。",
        "The table of the exchanges' rules (rulebook) was last reviewed or extended {days} days before this issue's data, more than "
        "{limit}: rules may have changed since.",
    ),
    "warn_profile": T(
        "本次运行采用“{name}”配置，{count} 项参数与生产设置不同（见“运行设置”），结果不可与生产设置直接比较。",
        "The run uses the profile '{name}', which differs from production in {count} settings (see 'Settings "
        "used'): its figures cannot be compared with those of production settings.",
    ),
}
