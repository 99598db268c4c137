"""Words of the chapters of the portfolios, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "each_portfolio": T("各组合详情", "Portfolio by portfolio"),
    "cumulative_excess": T("累计超额", "cumulative excess"),
    "portfolio_text": T(
        "以{alpha}得分为预期收益，每周最后一个交易日优化，次日以全天均价成交，基准为{index}。",
        "Expected returns are the scores of {alpha}. The portfolio is optimised at the close of each week's last "
        "trading day and traded the next day at its VWAP. The benchmark is the {index}.",
    ),
    "portfolio_week": T(
        "本周超额 {week}，今年以来 {ytd}，周度胜率 {wins}。",
        "Excess {week} this week, {ytd} YTD, weeks won {wins}.",
    ),
    "portfolio_solved": T("求解状态：{status}。", "Solver status: {status}."),
    "portfolio_holdings": T("本周末目标持有 {names} 只。", "The new target holds {names} names."),
    "portfolio_unscored": T(
        "基准权重中 {unscored} 的成份股没有得分，不能买入。",
        "Members with {unscored} of the benchmark's weight have no score and can't be bought.",
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
    "portfolio_frozen": T("停牌冻结持仓占 {frozen}。", "Suspended holdings worth {frozen} are frozen."),
    "portfolio_turnover": T(
        "本周成交单边换手率 {turnover}，成本 {cost}。", "Traded this week: one-way turnover {turnover}, cost {cost}."
    ),
    "portfolio_not_applied": T("以下约束因数据缺失未施加：{items}。", "Not applied because data is missing: {items}."),
    "for_want_of": T("{constraint}（{reason}）", "{constraint} ({reason})"),
    "status_optimal": T("最优（全部约束成立）", "optimal, every constraint holds"),
    "status_relaxed": T(
        "已放松（约束无法同时成立，按最小幅度放松，明细如下）", "relaxed by the least amount, as listed below"
    ),
    "status_failed": T("失败（硬约束冲突，维持原持仓）", "failed: hard constraints conflict, holdings kept"),
    "relaxed": T(
        "{constraint}：{count} 项放松，合计 {total}，最大一项为 {row}（{slack}，{forced}）",
        "{constraint}: {count} relaxed, by {total} in total; the largest is {row} ({slack}, {forced})",
    ),
    "outside_band": T(
        "{constraint}：{count} 只股票因其状态超出区间，合计 {total}，最大一只为 {row}（{slack}，{forced}）",
        "{constraint}: {count} outside of the band because of their state, by {total} in total; the largest is {row} ({slack}, {forced})",
    ),
    "figure_excess": T("{name}：累计超额收益", "{name}: cumulative excess return"),
    "figure_excess_bars": T("{name}：区间超额收益", "{name}: excess return by period"),
}
