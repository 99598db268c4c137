"""The words of the reasons of portfolios."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    # not built
    "first_build_later": T("首次建仓设定在 {week} 一周", "the first build is set for the week of {week}"),
    "no_weights": T(
        "截至 {date} 没有公布 {index} 的权重（reference/index_weights）",
        "no weights of {index} were published by {date} (reference/index_weights)",
    ),
    "old_weights": T(
        "{index} 最近的权重日期为 {published}，距 {date} 已有 {age} 个交易日（portfolios.benchmark_max_age = {limit}）；"
        "请提供更新的 reference/index_weights",
        "the last weights of {index} are dated {published}, {age} trading days before {date} "
        "(portfolios.benchmark_max_age = {limit}); deliver newer reference/index_weights",
    ),
    "weights_without_prices": T(
        "{index} 于 {published} 的权重无法漂移到 {date}：{days} 个交易日中有 {missing} 日 daily_prices 没有数据，最早为 {first}"
        "（reference/daily_prices）",
        "the weights of {index} dated {published} cannot be drifted to {date}: daily_prices has no row on {missing} of the {days} "
        "days, first {first} (reference/daily_prices)",
    ),
    "nobody_listed": T(
        "securities 在 {date} 没有数据，不知道哪些股票上市（reference/instruments）",
        "securities has no row on {date}, so it is not known which stocks are listed (reference/instruments)",
    ),
    "no_score_because": T("{date} 没有{factors}的得分：{cause}", "no {factors} score on {date}: {cause}"),
    "no_score_yet": T(
        "{date} 没有{factors}的得分，首次建仓等待得分", "no {factors} score on {date}; the first build waits for it"
    ),
    # what is missing
    "style_null": T("{style}全市场无数据", "{style} is null for the whole market"),
    "no_industry": T("没有股票有行业数据", "no stock has an industry"),
    "too_few_to_regress": T(
        "可用于回归的股票只有 {names} 只，而行业与风格收益共有 {columns} 项",
        "only {names} stocks for a regression on {columns} industry and style returns",
    ),
    "not_built_yet": T("组合尚未构建", "not built yet"),
    "first_built_now": T(
        "本周信号日收盘首次建仓，收益自下一交易日起计",
        "first built at this week's signal close; returns begin on the next trade day",
    ),
    "drifted_benchmark": T(
        "基准采用漂移后的成份股权重（含分红）：index_prices 缺少 {index} 的收盘价",
        "benchmark: drifted weights with dividends, because index_prices lacks closes of {index}",
    ),
    "nothing_held": T(
        "本周没有持仓：组合在本周信号日收盘首次建仓，或尚未建仓",
        "nothing was held in the week: the portfolio was first built at its signal close, or not yet",
    ),
    "no_index_return": T("指数在本周某日没有收益", "the index has no return on a day of the week"),
    "no_lines": T("没有设定对照线（lines.alphas、lines.weekdays）", "no line is set (lines.alphas, lines.weekdays)"),
    # what forced a constraint
    "state": T("{state}", "{state}"),
    "cash_to_spend": T("{cash:.2%} 的现金须全部投出", "cash of {cash:.2%} must be spent"),
    "stock_bands_alone": T("仅个股偏离上下限", "the stock bands alone"),
    "kept_above": T("被本项内的股票推高：{cause}", "kept above its bound by its own stocks: {cause}"),
    "kept_below": T("被本项内的股票压低：{cause}", "kept below its bound by its own stocks: {cause}"),
    "balances_rows": T("与其他{constraint}项相抵", "balances the other {constraint} rows"),
    "together_with": T("与{constraints}共同作用", "together with {constraints}"),
    "restricted_names": T("受限股票：{names}", "restricted stocks: {names}"),
    "name_in_state": T("{symbol}（{state} {weight:.2%}）", "{symbol} ({state}, {weight:.2%})"),
    "names": T("{names}", "{names}"),
    "names_and_more": T("{names}，另 {more} 只", "{names} and {more} more"),
    # not solved
    "no_verified_answer": T(
        "{stage}阶段没有求解器给出可验证的结果（{reasons}）",
        "no solver's answer of the {stage} stage passes verification ({reasons})",
    ),
    "solver_without_answer": T("{solver}：{status}，没有结果", "{solver}: {status}, no answer"),
    "solver_not_verified": T(
        "{solver}：{status}，残差 {residual:.3g}，对偶间隙 {gap:.3g}",
        "{solver}: {status}, largest residual {residual:.3g}, duality gap {gap:.3g}",
    ),
    "curved_must_give": T(
        "{constraints}须放松，而非线性约束只能最先放松",
        "{constraints} must be relaxed, and a nonlinear constraint can only be the first to be relaxed",
    ),
    "not_found_within_totals": T(
        "求解器没有找到满足{groups}最小违反量的组合，而该组合存在",
        "a solver found no portfolio within the smallest violations of {groups}, which exists",
    ),
    "not_found_within_names": T(
        "{solver} 没有找到仅满足个股上下限的组合，而该组合存在",
        "{solver} found no portfolio within the bounds of the names alone, which exists",
    ),
    "not_found_within_hard": T(
        "{solver} 没有找到满足硬约束的组合，而该组合存在",
        "{solver} found no portfolio that satisfies the hard constraints, which exists",
    ),
    "hard_conflict": T(
        "硬约束冲突，合计 {total:.3g}：{cause}", "the hard constraints conflict by {total:.3g} in all: {cause}"
    ),
    "upper_bounds_short": T(
        "全部股票的上限合计 {total:.4f}，小于 1（可交易 {free} 只）",
        "the upper bounds of all stocks sum to {total:.4f} < 1 ({free} stocks can be traded)",
    ),
    "lower_bounds_over": T(
        "全部股票的下限合计 {total:.4f}，大于 1", "the lower bounds of all stocks sum to {total:.4f} > 1"
    ),
    "bounds_excluded": T(
        "个股上下限合计在 {low:.4f} 与 {high:.4f} 之间，而另一项硬约束将其排除",
        "the bounds of all stocks allow a sum of {low:.4f} … {high:.4f}, which another hard constraint excludes",
    ),
}
