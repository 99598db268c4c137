"""Words of the portfolios' constraints, costs and trading rules, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "construction": T("组合约束与交易成本", "Portfolio constraints and costs"),
    "bound_stock": T(
        "个股权重相对基准的偏离不超过 {value}", "each stock's weight within {value} of its benchmark weight"
    ),
    "bound_zero": T("{name}暴露为 0", "{name} exposure 0"),
    "bound_within": T("{name}暴露在 [−{value}, {value}] 以内", "{name} exposure within [−{value}, {value}]"),
    "bound_band": T("{name}暴露在 {band} 以内", "{name} exposure within {band}"),
    "bound_industry_zero": T("各行业偏离为 0", "no industry deviates from the benchmark"),
    "bound_industry": T("各行业偏离不超过 {value}", "each industry within {value} of the benchmark"),
    "bound_turnover": T("单次调仓单边换手率不超过 {value}", "one-way turnover of at most {value} per rebalance"),
    "space_market": T("选股空间为全市场", "any stock of the full market may be held"),
    "space_members": T("仅持有指数成份股", "index members only"),
    "bound_members": T("成份股权重合计不低于 {value}", "at least {value} in index members"),
    "bound_tracking": T(
        "跟踪误差不超过 {value}（单位同协方差 {covariance}）",
        "tracking error of at most {value}, in the unit of the covariance {covariance}",
    ),
    "risk_penalty": T(
        "得分中扣除跟踪误差平方的 {value} 倍（协方差 {covariance}）",
        "{value} × squared tracking error subtracted from the score (covariance {covariance})",
    ),
    "bound_extra": T("自定义约束 {paths}", "constraints of the user's own: {paths}"),
    "costs": T(
        "按次日全天均价成交，{cost}。ST、上市不足 {listed} 个交易日、无得分以及停牌的股票不买入，其持仓下跌后也不补回；"
        "停牌持仓冻结。{fills}约束无法同时满足时，按{order}的次序以最小幅度放松，"
        "并在报告中列示。",
        "Trades are executed at the next day's VWAP, at {cost}. ST names, names listed for fewer than {listed} "
        "trading days, names without a score and suspended names are not bought, nor topped up where a holding "
        "fell; suspended holdings are frozen. {fills}Where the constraints cannot all hold, they are relaxed by the "
        "smallest amount, in the order {order}, and the report lists what was relaxed.",
    ),
    "cost_flat": T("交易成本单边 {side}（双边 {both}）", "a cost of {side} per side ({both} per round trip)"),
    "cost_dated": T("按日期与方向收取印花税与佣金", "the stamp duty and commission of the date and side"),
    "trades_lots": T("按整手成交（{sizes}）。", "Only whole lots are traded ({sizes})."),
    "lot": T("{boards} {least} 股起，以 {step} 股递增", "on {boards} {least} shares or more, in steps of {step}"),
    "trades_participation": T(
        "每只股票成交不超过当日可成交量的 {value}。", "No name trades more than {value} of the day's tradable volume."
    ),
    "trades_capital": T("初始资金 {value} 元。", "The portfolio is built with {value} yuan."),
}
