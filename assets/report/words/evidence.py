"""Words of the factors' RankICs and their evaluation, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "evidence": T("因子评价", "Evaluation of the factors"),
    "table3_title": T("各因子 RankIC 统计", "RankICs of the factors"),
    "table3_lead": T(
        "截至本周，已有 {count} 个因子积累了 RankIC；均值最高的是{best}（{best_value}）。",
        "So far {count} factors have RankICs; {best} has the highest mean ({best_value}).",
    ),
    "table3_nothing": T(
        "尚无完整的持有期，因此没有 RankIC。", "No holding period has ended yet, so there is no RankIC."
    ),
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
    "table4_title": T("十六个因子的周度评价", "Weekly evaluation of the sixteen factors"),
    "evaluation_lead": T(
        "按周评价，{count} 个因子中 {above} 个的一周 RankIC 均值的 95% 区间在零以上；均值最高的是{best}（{value}，{weeks} 周）。",
        "Evaluated weekly, {above} of {count} factors have a mean RankIC over one week whose 95 % interval lies "
        "above zero; {best} has the highest ({value}, {weeks} weeks).",
    ),
    "evaluation_nothing": T(
        "尚无完整的一周持有期，因此没有周度 RankIC。",
        "No holding period of a week has ended yet, so there is no weekly RankIC.",
    ),
    "ic_by_horizon": T("RankIC 均值（按持有期）", "mean RankIC by holding period"),
    "one_week": T("一周 RankIC", "one week"),
    "weeks": T("{count} 周", "{count} w"),
    "over_weeks": T("{statistic}（{weeks}）", "{statistic} ({weeks})"),
    "icir": T("年化 ICIR", "ICIR"),
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
    "correlation": T("因子间相关系数", "correlation"),
    "evaluation_note": T(
        "注：为便于比较，本表十六个因子一律按周评价；因子 1–10 在表1、表3 中按月调仓。RankIC 为信号与其后各持有期收益（均价至均价）的"
        "秩相关系数，ICIR 年化（√52），t 值为 Newey–West 口径，滞后期覆盖重叠的持有期，不足三个互不重叠的持有期则不给 t 值与区间。首尾差为得分最高与最低十分组的周均收益之差，"
        "不计成本；单调性为组序与组均收益的秩相关。自相关为相邻两周得分的秩相关，换手为最高十分组中新进股票的占比。"
        "最大风格暴露为与八个风格的截面相关系数均值中绝对值最大者。各种子 RankIC 为各随机种子单独打分（事后正交之前）一周 RankIC 均值的"
        "均值±标准差。",
        "All sixteen factors are evaluated weekly here, so that they can be compared; tables 1 and 3 rebalance "
        "factors 1–10 monthly. RankIC: Spearman's correlation of the signal with the return over each holding "
        "period, VWAP to VWAP; ICIR: annualised (√52); t: Newey–West, with lags that cover overlapping holding "
        "periods. Neither t nor an interval is computed from fewer than three periods that do not overlap. Spread: "
        "mean weekly return of the highest decile less that of the lowest, before costs; monot.: Spearman's "
        "correlation of the deciles' numbers and mean returns. Autocorr.: Spearman's correlation of the scores of "
        "two consecutive weeks; turnover: share of new names in the top decile. Top style: the largest in absolute "
        "value of the mean cross-sectional correlations with the eight styles. Seeds: mean ± standard deviation, "
        "over the random seeds, of the mean RankIC over one week of each seed's own scores, before they are "
        "orthogonalised after averaging.",
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
}
