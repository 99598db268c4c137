"""Every word of the report, in Chinese and English: labels, sentence patterns, descriptions of factors and styles.

Here: text alone. Not here: which sentence is said when (document.py), and the words of reasons (resources/reason_words.py). Patterns are filled with str.format.
Sources of the descriptions: SPEC §3, §5.2.
"""

from collections.abc import Mapping

from resources.language import Bilingual as Bilingual
from resources.language import Language as Language

T = Bilingual

LABELS: Mapping[str, Bilingual] = {
    # title block
    "kind": T("金融工程 · 高频选股", "Quantitative research · high-frequency stock selection"),
    "series": T("高频选股因子周报", "Weekly report on high-frequency stock-selection factors"),
    "title": T("高频选股因子周报（{first}-{last}）", "High-frequency factors weekly ({first}–{last})"),
    "issue_of": T("数据截至 {day} 收盘", "Data up to the close of {day}"),
    "previous": T("前期报告", "Previous issues"),
    "no_previous": T("数据起点之前无往期报告", "The data begins here: no previous issue"),
    "data_market": T("数据市场", "Market"),
    "data_days": T("数据区间", "Week"),
    "alpha": T("组合得分", "Score behind the portfolios"),
    "profile_name": T("运行配置", "Profile"),
    "at_a_glance": T("本期信息", "This issue"),
    "contents": T("目录", "Contents"),
    "list_of_figures": T("图目录", "Figures"),
    "list_of_tables": T("表目录", "Tables"),
    "page": T("第 {page} 页", "page {page}"),
    # sections
    "highlights": T("投资要点", "Highlights"),
    "factors_section": T("选股因子本期表现", "How the factors did"),
    "portfolios_section": T("AI 指数增强组合本期表现", "How the AI index-enhanced portfolios did"),
    "each_factor": T("各因子详情", "Factor by factor"),
    "each_portfolio": T("各组合详情", "Portfolio by portfolio"),
    "construction": T("组合约束与交易成本", "Portfolio constraints and costs"),
    "evidence": T("因子评价", "Evaluation of the factors"),
    "health": T("数据健康", "Data health"),
    "settings_used": T("运行设置", "Settings used"),
    "risks": T("风险提示", "Risks"),
    "risk_short": T("因子失效风险、流动性风险。", "factors may stop working; liquidity may dry up."),
    "risk_text": T(
        "因子失效风险、流动性风险。因子历史表现不代表未来；市场环境变化、因子拥挤可能导致因子失效；"
        "个股停牌、涨跌停与成交不足可能使组合无法按设定价格成交。本报告由程序自动生成，不构成投资建议。",
        "Factors may stop working; liquidity may dry up. Past performance says nothing certain about the future; changing "
        "markets and crowding may end a factor's effect; suspensions, price limits and thin trading may keep a portfolio "
        "from trading at the assumed price. This report is made by a program and is no investment advice.",
    ),
    # tables
    "table": T("表", "Table "),
    "figure": T("图", "Figure "),
    "source": T("资料来源：{market}，本平台计算", "Source: {market}; own calculation"),
    "sample_market": T("模拟市场“{name}”（非真实行情）", "sample market '{name}' (not a real market)"),
    "table1_title": T("各因子多空收益与多头超额收益", "Long–short and long excess returns of the factors"),
    "table2_title": T("AI 指数增强组合超额收益", "Excess returns of the AI index-enhanced portfolios"),
    "table3_title": T("各因子 RankIC 统计", "RankICs of the factors"),
    "table4_title": T("十六个因子的周度评价", "The sixteen factors, judged weekly"),
    "table5_title": T("各数据表检查结果", "Verdicts of the checks, by table"),
    "table6_title": T("与生产设置不同的参数", "Settings that differ from production"),
    "declared_title": T("数据交付的声明", "How the delivery was declared"),
    "table7_title": T("全部运行参数", "All settings of the run"),
    "factor": T("因子", "factor"),
    "portfolio": T("组合", "portfolio"),
    "long_short": T("多空", "long–short"),
    "long_excess": T("多头超额", "long excess"),
    "excess": T("超额收益", "excess return"),
    "week": T("本周", "week"),
    "month": T("本月", "month"),
    "ytd": T("今年以来", "YTD"),
    "month_wins": T("月度胜率", "months won"),
    "week_wins": T("周度胜率", "weeks won"),
    "cumulative_excess": T("累计超额", "cumulative excess"),
    "ratio_note": T(
        "注：收益为两腿净值之比的变化；月度胜率为本年度收益为正的月份数/月份数（含当月）。",
        "Returns are changes of the ratio of both legs' wealth; months won: months of the year with a positive return / "
        "months so far, the running one included.",
    ),
    "difference_note": T(
        "注：收益为两腿收益之差；月度胜率为本年度净值之比上升的月份数/月份数（含当月）。",
        "Returns are differences of both legs' returns; months won: months of the year in which the ratio of wealth rose "
        "/ months so far, the running one included.",
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
    "implausible_once": T("{table} · {check}，1 个分区（{first}）", "{table} · {check}, 1 partition ({first})"),
    "implausible": T(
        "{table} · {check}，{count} 个分区（{first} 至 {last}）",
        "{table} · {check}, {count} partitions ({first} to {last})",
    ),
    "since_note": T(
        "{names}的今年以来收益与胜率自 {day} 起计（此前无数据）。",
        "YTD and wins of {names} count from {day}: no data before.",
    ),
    "all_factors": T("各因子", "all factors"),
    "ic_last": T("最近一期", "latest"),
    "ic_mean": T("均值", "mean"),
    "ic_icir": T("年化 ICIR", "ICIR, yearly"),
    "ic_t": T("t 值（Newey–West）", "t (Newey–West)"),
    "ic_positive": T("IC>0 占比", "share > 0"),
    "ic_count": T("期数", "periods"),
    "ic_note": T(
        "注：RankIC 为因子与下一持有期（交易日均价至下一交易日均价）收益的秩相关系数；因子 1–10 按月、11–16 按周。",
        "RankIC: Spearman's correlation of the factor with the return from the trade day's VWAP to the next trade day's; "
        "monthly for factors 1–10, weekly for 11–16.",
    ),
    "rank_ic": T("RankIC", "RankIC"),
    "correlation": T("因子间相关系数", "correlation"),
    "ic_by_horizon": T("RankIC 均值（按持有期）", "mean RankIC by holding period"),
    "over_weeks": T("{statistic}（{weeks}）", "{statistic} ({weeks})"),
    "weeks": T("{count} 周", "{count} w"),
    "icir": T("年化 ICIR", "ICIR"),
    "one_week": T("一周 RankIC", "one week"),
    "ic_t_short": T("t 值", "t"),
    "deciles": T("十分组", "deciles"),
    "spread": T("首尾差", "spread"),
    "monotonicity": T("单调性", "monot."),
    "stability": T("稳定性", "stability"),
    "autocorrelation": T("自相关", "autocorr."),
    "top_turnover": T("换手", "turnover"),
    "exposure": T("最大风格暴露", "top style"),
    "seeds": T("各种子 RankIC", "seeds"),
    "no_seeds": T("–", "–"),
    "evaluation_note": T(
        "注：为便于比较，本表十六个因子一律按周评价；因子 1–10 在表1、表3 中按月调仓。RankIC 为信号与其后各持有期收益（均价至均价）的"
        "秩相关系数，ICIR 年化（√52），t 值为 Newey–West 口径，滞后期覆盖重叠的持有期，不足三个互不重叠的持有期则不给 t 值与区间。首尾差为得分最高与最低十分组的周均收益之差，"
        "不计成本；单调性为组序与组均收益的秩相关。自相关为相邻两周得分的秩相关，换手为最高十分组中新进股票的占比。"
        "最大风格暴露为与八个风格的截面相关系数均值中绝对值最大者。各种子 RankIC 为各随机种子单独打分（事后正交之前）一周 RankIC 均值的"
        "均值±标准差。",
        "All sixteen are judged weekly here, so that they compare; tables 1 and 3 rebalance factors 1–10 monthly. RankIC: "
        "Spearman's correlation of the signal with the return over each holding period, VWAP to VWAP; ICIR yearly (√52); "
        "Newey–West t, whose lags cover overlapping periods; none of fewer than three that don't overlap, nor an interval. Spread: mean weekly return of the highest less the lowest decile, "
        "before costs; monot.: Spearman of a decile's number and mean return. Autocorr.: Spearman of the scores of two "
        "consecutive weeks; turnover: share of new names in the top decile. Top style: the largest of the mean cross-sectional "
        "correlations with the eight styles. Seeds: mean ± standard deviation over the seeds of their RankICs over one week, each by "
        "itself, before anything is made orthogonal after the fact.",
    ),
    "missing_statistic": T(
        "因子 {factors} 的 {statistic}：n/a（{reason}）", "{statistic} of factors {factors}: n/a ({reason})"
    ),
    "decay_title": T(
        "RankIC 随持有期（周）的衰减与 95% 区间",
        "Mean RankIC by weeks held, 95 % interval",
    ),
    "correlations_title": T("因子间截面相关系数均值（编号同表1）", "Mean correlation (numbers of table 1)"),
    "no_pair": T("可比的因子不足两个", "fewer than two factors to compare"),
    "data_table": T("数据表", "table"),
    "partitions": T("分区数", "partitions"),
    "rows": T("行数", "rows"),
    "checks": T("检查次数", "checks"),
    "warnings": T("警告", "warnings"),
    "refused": T("拒绝分区", "refused partitions"),
    "setting": T("参数", "setting"),
    "value": T("本次取值", "value"),
    "production": T("生产取值", "production"),
    "reason": T("原因", "reason"),
    "tapes": T("逐笔与行情核对（个股·日）", "Tapes reconciled (symbol-days)"),
    "tapes_of_week": T("本周合计：{counts}。", "The week: {counts}."),
    "tapes_of_day": T("{day}：{counts}。", "{day}: {counts}."),
    "tapes_counted": T("{verdict} {count}", "{count} {verdict}"),
    "tapes_books": T("仅盘口剔除 {count}", "{count} of them without their book"),
    "tape_row": T("{day} · {symbol} · {verdict}：{reason}", "{day} · {symbol} · {verdict}: {reason}"),
    "more_tapes": T("另有 {count} 条，见 tape_health 表。", "{count} more: see the table tape_health."),
    "no_tapes": T("本周没有分钟数据。", "The week has no minute data."),
    "alarm": T("异常明细", "What failed"),
    "alarm_row": T(
        "{kind} · {table} · {check}：{count} 个分区（{first} 至 {last}），最近一次：{detail}",
        "{kind} · {table} · {check}: {count} partitions ({first} to {last}), last: {detail}",
    ),
    "no_alarm": T("全部检查通过。", "Every check passed."),
    "and_more": T("；另有 {count} 项", "; {count} more"),
    "more": T("另有 {count} 条，见湖中各分区的 manifest.json。", "{count} more: see manifest.json of the partitions."),
    "critical": T("严重", "critical"),
    "warning": T("警告", "warning"),
    "absent_title": T("不可得的数据项", "What is not available"),
    "absent_row": T("{table} · {items}：{reason}", "{table} · {items}: {reason}"),
    "left_out_title": T("计算中未能包含的内容", "What was left out of the computation"),
    "none_left_out": T("计算未遗漏任何内容。", "Nothing was left out."),
    "none_absent": T("各输入表的数据项齐全。", "Nothing is missing from the inputs."),
    "no_difference": T("本次运行全部采用生产设置。", "The run used production settings throughout."),
    "profile": T("运行配置：{name}。{description}", "Profile: {name}. {description}"),
    "not_available": T("n/a", "n/a"),
    "absent_figure": T("n/a：{reason}", "n/a: {reason}"),
    "not_available_reason": T("n/a（{reason}）", "n/a ({reason})"),
    "stop": T("。", ". "),
    "comma": T("，", ", "),
    "semicolon": T("；", "; "),
    "blank": T("", " "),
    "list_comma": T("、", ", "),
}

VERDICTS: Mapping[str, Bilingual] = {
    "ok": T("正常", "ok"),
    "repaired": T("已修复", "repaired"),
    "set aside": T("剔除", "set aside"),
    "missing": T("缺失", "missing"),
}

SENTENCES: Mapping[str, Bilingual] = {
    "headline_factor": T(
        "{name}因子领先，多空收益 {value}；{count} 个因子中 {positive} 个为正",
        "Best factor: {name}, {value} long–short; {positive} of {count} rose",
    ),
    "headline_none_rose": T(
        "{count} 个因子的多空收益均未取正，表现最好的{name}为 {value}",
        "None of {count} factors rose; {name} fared best with {value} long–short",
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
    "table1_lead": T(
        "本周有收益的 {count} 个因子中，{positive} 个因子多空收益为正，{excess_positive} 个因子多头取得正超额；"
        "多空收益最高的是{best}（{best_value}），最低的是{worst}（{worst_value}）。",
        "Of {count} factors with a return this week, {positive} have a positive long–short return and {excess_positive} a "
        "positive long excess; {best} did best ({best_value}), {worst} worst ({worst_value}).",
    ),
    "table1_nothing": T(
        "本周没有因子有可计算的收益，原因见表内。", "No factor has a return this week; the table says why."
    ),
    "table2_lead": T("本周{items}。", "This week {items}."),
    "table2_item": T("{name}相对基准的超额收益为 {value}", "{name} returned {value} over its index"),
    "table2_nothing": T(
        "本周没有组合有可计算的收益，原因见表内。", "No portfolio has a return this week; the table says why."
    ),
    "table3_lead": T(
        "截至本周，已有 {count} 个因子积累了 RankIC；均值最高的是{best}（{best_value}）。",
        "So far {count} factors have RankICs; {best} has the highest mean ({best_value}).",
    ),
    "table3_nothing": T(
        "尚无完整的持有期，因此没有 RankIC。", "No holding period has ended yet, so there is no RankIC."
    ),
    "evaluation_lead": T(
        "按周评价，{count} 个因子中 {above} 个的一周 RankIC 均值的 95% 区间在零以上；均值最高的是{best}（{value}，{weeks} 周）。",
        "Judged weekly, {above} of {count} factors have a mean RankIC over one week whose 95 % interval lies above zero; "
        "{best} has the highest ({value}, {weeks} weeks).",
    ),
    "evaluation_nothing": T(
        "尚无完整的一周持有期，因此没有周度 RankIC。",
        "No holding period of a week has ended yet, so there is no weekly RankIC.",
    ),
    "table5_lead": T(
        "截至本周共检查 {partitions} 个分区、{checks} 次：警告 {warnings} 次，拒绝下游使用的分区 {refused} 个。",
        "Up to this week {checks} checks judged {partitions} partitions: {warnings} warnings, {refused} partitions refused.",
    ),
    "table6_lead": T(
        "本次运行有 {count} 项参数与生产设置不同。", "The run differs from production in {count} settings."
    ),
    "declared_lead": T(
        "本期数据按以下 {count} 项声明读取，它们说明数据交付方式、交易日历与交易所规则，不改变方法，不计入与生产设置的差异。",
        "The data was read under these {count} declarations of its form, the calendar and the exchanges' rules. They change no method and "
        "are no differences from production.",
    ),
    "table7_lead": T("下表为本次运行的全部参数。", "All settings of the run."),
    "factor_rebalance_month": T(
        "每月最后一个交易日收盘计算信号，次日以均价调仓，选股范围为全市场，多头、空头各取因子值最高、最低的 {share}，等权。",
        "The signal is taken at the close of the month's last trading day and traded the next day at its VWAP; of the full "
        "market the top and bottom {share} are held long and short, equally weighted.",
    ),
    "factor_rebalance_week": T(
        "每周最后一个交易日收盘计算信号，次日以均价调仓，选股范围为全市场，多头、空头各取因子值最高、最低的 {share}，等权。",
        "The signal is taken at the close of the week's last trading day and traded the next day at its VWAP; of the full "
        "market the top and bottom {share} are held long and short, equally weighted.",
    ),
    "sign_negative": T("因子取负号，使取值越高越看好。", "The sign is turned, so that high is good."),
    "sources": T("参见选股因子系列研究{numbers}。", "See numbers {numbers} of the series 选股因子系列研究."),
    "this_week": T(
        "本周多空收益 {ls_week}，多头超额 {le_week}；今年以来分别为 {ls_ytd} 和 {le_ytd}。",
        "This week long–short returned {ls_week} and the long side {le_week} over the market; YTD {ls_ytd} and {le_ytd}.",
    ),
    "absent_factor": T("本周 n/a：{reason}。", "This week n/a: {reason}."),
    "figure_strength": T("{name}：多空与多头超额相对强弱", "{name}: relative strength"),
    "figure_bars": T("{name}：区间多空收益", "{name}: long–short return by period"),
    "figure_excess": T("{name}：累计超额收益", "{name}: cumulative excess return"),
    "figure_excess_bars": T("{name}：区间超额收益", "{name}: excess return by period"),
    "portfolio_text": T(
        "以{alpha}得分为预期收益，每周最后一个交易日优化，次日以全天均价成交，基准为{index}。",
        "Expected returns are the scores of {alpha}; optimised at the close of each week's last trading day, traded the next "
        "day at its VWAP; benchmark {index}.",
    ),
    "portfolio_week": T(
        "本周超额 {week}，今年以来 {ytd}，周度胜率 {wins}。",
        "Excess {week} this week, {ytd} YTD, weeks won {wins}.",
    ),
    "portfolio_holdings": T("本周末目标持有 {names} 只。", "The new target holds {names} names."),
    "portfolio_unscored": T(
        "基准权重中 {unscored} 的成份股没有得分，不能买入。",
        "Members with {unscored} of the benchmark's weight have no score and can't be bought.",
    ),
    "portfolio_frozen": T("停牌冻结持仓占 {frozen}。", "Suspended holdings worth {frozen} are frozen."),
    "portfolio_not_applied": T("以下约束因数据缺失未施加：{items}。", "Not applied, for want of data: {items}."),
    "for_want_of": T("{constraint}（{reason}）", "{constraint} ({reason})"),
    "status_optimal": T("最优（全部约束成立）", "optimal, every constraint holds"),
    "status_relaxed": T(
        "已放松（约束无法同时成立，按最小幅度放松，明细如下）", "relaxed by the least amount, as listed below"
    ),
    "status_failed": T("失败（硬约束冲突，维持原持仓）", "failed: hard constraints conflict, holdings kept"),
    "benchmark_price": T("价格指数，不含分红", "price index, which leaves dividends out"),
    "benchmark_total_return": T("全收益指数，含分红", "total-return index, which includes dividends"),
    "benchmark_drifted": T(
        "{name}的基准（{kind}）缺少部分或全部收盘价，当日以漂移后的成份股权重代替（含分红）。",
        "{name}: the benchmark ({kind}) lacks closes on some or all days; drifted member weights stand in there, which include "
        "dividends.",
    ),
    "portfolio_beijing": T(
        "基准成份股中的北京证券交易所股票（{names}，合计权重 {weight}）不在选股空间内，已从基准中剔除，其余成份股按比例补足。",
        "Members listed on the Beijing exchange ({names}; {weight} of the benchmark) are outside the selection space: they are taken out "
        "of the benchmark, and the other members scaled up.",
    ),
    "portfolio_delisted": T(
        "基准成份股中合计权重 {weight} 的股票已不再上市，已从基准中剔除。",
        "Members worth {weight} of the benchmark are no longer listed and are taken out of it.",
    ),
    "portfolio_turnover": T(
        "本周成交单边换手率 {turnover}，成本 {cost}。", "Traded this week: one-way turnover {turnover}, cost {cost}."
    ),
    "portfolio_solved": T("求解状态：{status}。", "Solver status: {status}."),
    # constraints and costs
    "bound_stock": T(
        "个股权重相对基准的偏离不超过 {value}", "each stock's weight within {value} of its benchmark weight"
    ),
    "bound_zero": T("{name}暴露为 0", "{name} exposure 0"),
    "bound_within": T("{name}暴露在 [−{value}, {value}] 以内", "{name} exposure within [−{value}, {value}]"),
    "bound_industry_zero": T("各行业偏离为 0", "no industry deviates from the benchmark"),
    "bound_industry": T("各行业偏离不超过 {value}", "each industry within {value} of the benchmark"),
    "bound_turnover": T("单次调仓单边换手率不超过 {value}", "one-way turnover of at most {value} per rebalance"),
    "space_market": T("选股空间为全市场", "any stock of the full market may be held"),
    "space_members": T("仅持有指数成份股", "index members only"),
    "bound_band": T("{name}暴露在 {band} 以内", "{name} exposure within {band}"),
    "bound_members": T("成份股权重合计不低于 {value}", "at least {value} in index members"),
    "bound_tracking": T(
        "跟踪误差不超过 {value}（单位同协方差 {covariance}）",
        "tracking error of at most {value}, in the unit of the covariance {covariance}",
    ),
    "bound_extra": T("自定义约束 {paths}", "constraints of the user's own: {paths}"),
    "risk_penalty": T(
        "得分中扣除跟踪误差平方的 {value} 倍（协方差 {covariance}）",
        "{value} × squared tracking error taken off the score (covariance {covariance})",
    ),
    "cost_flat": T("交易成本单边 {side}（双边 {both}）", "a cost of {side} per side ({both} per round trip)"),
    "cost_dated": T("按日期与方向收取印花税与佣金", "the stamp duty and commission of the date and side"),
    "trades_lots": T("按整手成交（{sizes}）。", "Only whole lots are traded ({sizes})."),
    "lot": T("{boards} {least} 股起，以 {step} 股递增", "on {boards} {least} shares or more, in steps of {step}"),
    "trades_participation": T(
        "每只股票成交不超过当日可成交量的 {value}。", "No name trades more than {value} of the day's tradable volume."
    ),
    "trades_capital": T("初始资金 {value} 元。", "The portfolio is built with {value} yuan."),
    "costs": T(
        "按次日全天均价成交，{cost}。ST、上市不足 {listed} 个交易日、无得分以及停牌的股票不买入，其持仓下跌后也不补回；"
        "停牌持仓冻结。{fills}约束无法同时满足时，按{order}的次序以最小幅度放松，"
        "并在报告中列示。",
        "Trades are done at the next day's VWAP, at {cost}. ST names, names listed "
        "for fewer than {listed} trading days, names without a score and suspended names are not bought, nor topped up where a "
        "holding fell; suspended holdings are frozen. {fills}Where the constraints can't all hold, they give by the least "
        "amount, in the order {order}; the report lists the relaxed constraints.",
    ),
    "fills_daily": T(
        "最低价为涨停价的股票当日不能买入，最高价为跌停价的股票当日不能卖出。",
        "A name whose low is the limit-up price can't be bought that day, one whose high is the limit-down price can't be sold. ",
    ),
    "fills_minutes": T(
        "按分钟线判断涨跌停：全天成交量中低于涨停价的部分不足 {share} 的股票不能买入，高于跌停价的部分不足 {share} 的不能卖出；"
        "无分钟线的股票，最低价为涨停价的不能买入，最高价为跌停价的不能卖出。",
        "Price limits are judged by minute bars: a name that traded less than {share} of the day's volume below limit-up can't be "
        "bought, one that traded less than {share} above limit-down can't be sold; a name without minute bars can't be bought "
        "where its low is the limit-up price nor sold where its high is the limit-down price. ",
    ),
    "fills_any_inside": T(
        "按分钟线判断涨跌停：全天在涨停价以下没有成交的股票不能买入，在跌停价以上没有成交的不能卖出；"
        "无分钟线的股票，最低价为涨停价的不能买入，最高价为跌停价的不能卖出。",
        "Price limits are judged by minute bars: a name that did not trade below limit-up all day can't be bought, one that did not "
        "trade above limit-down can't be sold; a name without minute bars can't be bought where its low is the limit-up price nor "
        "sold where its high is the limit-down price. ",
    ),
    "legs_fills": T(
        "多空两腿按同一规则建仓，停牌或不能成交的股票不入选：{fills}",
        "Both legs are entered by the rule of the portfolios, and names that are suspended or can't be traded drop out: {fills}",
    ),
    "relaxed": T(
        "{constraint}：{count} 项放松，合计 {total}，最大一项为 {row}（{slack}，{forced}）",
        "{constraint}: {count} gave, {total} in all, most of all {row} ({slack}, {forced})",
    ),
    # page one
    "warn_sample": T(
        "本报告使用程序生成的模拟市场，所有数字均不构成对真实市场的任何证据。",
        "This report runs on a generated sample market: no figure in it is evidence about real markets.",
    ),
    "warn_implausible": T(
        "本报告所用数据有 {count} 项合理性检查未通过，按设置仍予发布，相关数字在查明之前不应采信：{failures}。",
        "{count} plausibility checks failed on the data of this report, which is issued because the settings allow it; do "
        "not rely on the figures concerned until the cause is known: {failures}.",
    ),
    "mean_of": T("{names}的均值", "the mean of {names}"),
    "warn_alpha": T(
        "两个组合由“{name}”（因子 {number}）的得分驱动，而非原方案的“{official}”（因子 16）。",
        "Both portfolios are driven by the score of {name} (factor {number}), not of {official} (factor 16).",
    ),
    "warn_weights": T(
        "{index} 的成份股权重为非官方替代数据，相关组合与基准仅供演示。",
        "The member weights of {index} are an unofficial stand-in; the portfolio on it is a demonstration.",
    ),
    "warn_rulebook": T(
        "交易所规则表（rulebook）最近一次核对或更新距本期数据已有 {days} 天，超过 {limit} 天，其间交易所规则可能已变。",
        "The table of the exchanges' rules (rulebook) was last reviewed or extended {days} days before this issue's data, more than "
        "{limit}: rules may have changed since.",
    ),
    "newest_rule": T(
        "本期适用的最新交易所规则：rulebook.{kind}，自 {since} 起（{source}）。",
        "Newest rule of the exchanges in force: rulebook.{kind}, since {since} ({source}).",
    ),
    "warn_profile": T(
        "本次运行采用“{name}”配置，{count} 项参数与生产设置不同（见“运行设置”），结果不可与生产设置直接比较。",
        "The run uses the profile '{name}', which differs from production in {count} settings (see 'Settings used'): its "
        "figures do not compare with production's.",
    ),
}

STYLES: Mapping[str, Bilingual] = {
    "size": T("市值", "size"),
    "mid_cap": T("中盘", "mid-cap"),
    "turnover": T("换手", "turnover"),
    "reversal": T("反转", "reversal"),
    "volatility": T("波动", "volatility"),
    "value": T("估值", "value"),
    "profitability": T("盈利", "profitability"),
    "growth": T("盈利增长", "growth"),
    "industry": T("行业", "industry"),
    "value_size": T("估值与市值", "value and size"),
    "styles": T("其他风格", "other styles"),
    "turnover_limit": T("换手率上限", "turnover limit"),
    "stock_deviation": T("个股偏离", "stock deviation"),
}

BOARDS: Mapping[str, Bilingual] = {
    "main_sh": T("沪市主板", "the Shanghai main board"),
    "main_sz": T("深市主板", "the Shenzhen main board"),
    "star": T("科创板", "STAR"),
    "chinext": T("创业板", "ChiNext"),
}

INDICES: Mapping[str, Bilingual] = {
    "000905.SH": T("中证500", "CSI 500"),
    "000852.SH": T("中证1000", "CSI 1000"),
}

# factor → what it measures. {window}: trading days of the look-back; {share}: of the bars that count as large trades. What a
# network is follows from its settings (methods.py).
DESCRIPTIONS: Mapping[str, Bilingual] = {
    "skewness": T(
        "以一分钟对数收益率计算每日的非中心化偏度，取过去 {window} 个交易日的均值。",
        "Uncentred skewness of one-minute log returns, averaged over {window} trading days.",
    ),
    "downside_volatility_share": T(
        "每日一分钟负收益的平方和占全部收益平方和的比例，取过去 {window} 个交易日的均值。",
        "Share of the day's squared one-minute returns that comes from negative ones, averaged over {window} trading days.",
    ),
    "buying_intention_share": T(
        "开盘后半小时内买入意愿（主动净买入与净委买变化之和）占成交额的比例，取过去 {window} 个交易日的均值。",
        "Buying intention (net active buying plus net bid change) over the amount traded in the opening half hour, averaged "
        "over {window} trading days.",
    ),
    "buying_intention_strength": T(
        "开盘后半小时内各分钟买入意愿的均值与标准差之比，取过去 {window} 个交易日的均值。",
        "Mean over standard deviation of the one-minute buying intention in the opening half hour, averaged over {window} "
        "trading days.",
    ),
    "large_order_net_buy_share": T(
        "过去 {window} 个交易日开盘后半小时大单净买入额之和与成交额之和的比。",
        "Net buying of large orders over the amount traded in the opening half hour, pooled over {window} trading days.",
    ),
    "large_order_net_buy_strength": T(
        "开盘后半小时大单净买入额在过去 {window} 个交易日间的均值与标准差之比。",
        "Mean over standard deviation, across {window} trading days, of large orders' net buying in the opening half hour.",
    ),
    "improved_reversal": T(
        "剔除隔夜与开盘后半小时，过去 {window} 个交易日每日 10 点至收盘涨跌幅的累计值。",
        "Returns from 10:00 to the close, compounded over {window} trading days: overnight and the opening half hour are "
        "left out.",
    ),
    "closing_volume_share": T(
        "收盘前半小时（含收盘集合竞价）成交量占全天的比例，取过去 {window} 个交易日的均值。",
        "Share of the day's volume in the closing half hour and auction, averaged over {window} trading days.",
    ),
    "outflow_per_trade": T(
        "下跌分钟的平均单笔成交额与全天平均单笔成交额之比，取过去 {window} 个交易日的均值。",
        "Amount per trade in falling minutes over that of the whole day, averaged over {window} trading days.",
    ),
    "large_trade_gain": T(
        "每日平均单笔成交额最高的 {share} 分钟的涨跌幅，在过去 {window} 个交易日内累计。",
        "Returns of the {share} of minutes with the highest amount per trade, compounded over {window} trading days.",
    ),
}

_DIGITS = "零一二三四五六七八九"


def chinese_number(number: int) -> str:
    """1 … 99 as the series numbers its issues.

    >>> [chinese_number(n) for n in (9, 10, 19, 20, 64)]
    ['九', '十', '十九', '二十', '六十四']
    """
    tens, ones = divmod(number, 10)
    if tens == 0:
        return _DIGITS[ones]
    return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")
