"""Words of the attribution of the portfolios' excess, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "title": T("组合超额收益归因", "Where the portfolios' excess came from"),
    "component": T("组成部分", "part"),
    "year": T("今年各周", "weeks of the year"),
    "total": T("合计", "sum"),
    "item": T("{component}·{item}", "{component} · {item}"),
    "lead": T(
        "本周{name}超额 {total}，贡献最大的是{best}（{best_value}），最小的是{worst}（{worst_value}）。",
        "{name}: {total} excess this week; the largest part is {best} ({best_value}), the smallest {worst} "
        "({worst_value}).",
    ),
    "nothing": T(
        "本周没有组合可以归因，原因见表注。",
        "No portfolio's excess can be attributed this week; the notes name the reasons.",
    ),
    "note": T(
        "注：各部分相加等于扣费后净值相对基准指数的强弱，逐周复合，误差不超过 1e-12。选股为主动权重与个股残差收益之积；风格与行业为主动暴露与"
        "截面回归（行业哑变量与风格，以总市值平方根加权）所得收益之积，成交前按上期持仓、成交后按目标持仓计算；现金为上期末未投资部分"
        "相对市场的得失；未成交为实际持仓与目标之差的得失；基准差为成份股漂移组合与指数之差（{basis}）。"
        "年度合计按信号日所在年份计入各周，跨年的一周与表2口径可能不同。",
        "The parts add up to the relative strength of the wealth after costs against the index, chained week by "
        "week, to 1e-12. Selection: active weight times a stock's residual return; style and industry: active "
        "exposure times the return from a cross-sectional regression (industry dummies and styles, weighted by the "
        "square root of market value), of last week's holdings up to the trade and of the target from it on; cash: "
        "the uninvested part, relative to the market; unfilled: the difference between fills and target; index "
        "basis: drifted members less the index ({basis}). A week belongs to the year of its signal day, whereas "
        "table 2 counts days.",
    ),
    "basis_price": T("分红、权重更新时点", "dividends, dates of the weights"),
    "basis_total_return": T("权重更新时点", "dates of the weights"),
    "absent": T("{name}：n/a（{reason}）。", "{name}: n/a ({reason})."),
    "largest": T("{name}本周最大的几项：{items}。", "{name}, largest items of the week: {items}."),
    "missing": T(
        "{name}的{items}：n/a（{reason}），其收益计入选股。",
        "{name}, {items}: n/a ({reason}); their return is part of selection.",
    ),
    "figure_parts": T("{name}：超额收益的累计来源", "{name}: parts of its excess, cumulative"),
}
