"""Words of the portfolios' lines of robustness, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "title": T("组合的稳健性检验", "The portfolios on other scores and other signal days"),
    "lead": T(
        "{name}：本组合年化超额 {own}；各对照线介于 {low} 与 {high} 之间。",
        "{name}: {own} a year over its index; its lines lie between {low} and {high}.",
    ),
    "line": T("对照线", "line"),
    "line_week": T("本周", "week"),
    "line_ytd": T("今年", "ytd"),
    "line_annual": T("年化", "annual"),
    "line_error": T("跟踪误差", "TE"),
    "line_ratio": T("信息比率", "IR"),
    "line_drawdown": T("最大回撤", "drawdown"),
    "line_turnover": T("周换手", "turnover"),
    "itself": T("本组合", "the portfolio"),
    "plus": T("、", " and "),
    "mean": T("因子{names}均值", "mean of factors {names}"),
    "note": T(
        "注：对照线与组合的约束、成本、成交规则相同。换用得分的对照线与组合同日调仓；路径以该周几（遇假日取本周此前最后一个交易日，没有则取本周首个交易日）为信号日，"
        "得分由当时已知的上周模型给出；各路径均值为逐日等权平均。超额为净值相对基准的强弱；年化、跟踪误差、信息比率与最大回撤取自首个"
        "交易日以来的日收益（252 日一年，不足 {least} 日为 n/a）；换手为有成交各周的平均周成交单边换手。",
        "Lines have the portfolio's own constraints, costs and fills. A line of another score trades on the "
        "portfolio's days. The signal day of a path is its weekday (on a holiday the week's last trading day before "
        "it, else its first); its scores are those of the model of the week before, which was known then. The mean "
        "of the paths is their daily mean. Excess is relative strength after costs. Annual excess, tracking error "
        "(TE), information ratio (IR) and maximum drawdown are computed from daily returns since the line's first "
        "day (252 days a year; n/a below {least} days); turnover is the mean executed one-way turnover of the weeks "
        "that traded.",
    ),
    "absent": T("{name}，{line}：n/a（{reason}）。", "{name}, {line}: n/a ({reason})."),
    "figure_lines": T("{name}：对照线的相对强弱", "{name}: relative strength of the lines"),
}
