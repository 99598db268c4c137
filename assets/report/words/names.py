"""The report's names of styles, constraints, boards and the like, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

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

# constraints that are no style, and the states of a name that restrict it
CONSTRAINTS: Mapping[str, Bilingual] = {
    "no_short": T("不得卖空", "no short positions"),
    "suspended": T("停牌", "suspended"),
    "st": T("ST", "ST"),
    "new": T("上市不足期限", "newly listed"),
    "no_score": T("没有得分", "no score"),
    "not_member": T("非成份股", "not a member"),
    "member_share": T("成份股占比下限", "least weight in members"),
    "tracking_error": T("跟踪误差", "tracking error"),
}

# stages of a solve
STAGES: Mapping[str, Bilingual] = {
    "strict": T("全部约束", "all constraints"),
    "relaxed": T("放松后的优化", "optimisation after the relaxation"),
    "ties": T("并列最优取最小换手", "smallest turnover"),
}

GRANULARITIES: Mapping[str, Bilingual] = {
    "daily": T("日", "daily"),
    "60min": T("60 分钟", "60-minute"),
    "30min": T("30 分钟", "30-minute"),
}

# components of the attribution
COMPONENTS: Mapping[str, Bilingual] = {
    "selection": T("选股", "selection"),
    "style": T("风格", "style"),
    "industry": T("行业", "industry"),
    "cash": T("现金", "cash"),
    "cost": T("成本", "cost"),
    "unfilled": T("未成交", "unfilled"),
    "delisting": T("退市", "delisting"),
    "benchmark_basis": T("基准差", "index basis"),
}

# items of the attribution that are no style, industry or symbol
ITEMS: Mapping[str, Bilingual] = {
    "all": T("全部", "all"),
    "unknown": T("行业不明", "no industry"),
    "suspended": T("停牌", "suspended"),
    "not_listed": T("已退市", "not listed"),
    "not_buyable": T("不可买入", "may not be bought"),
    "limit_up": T("涨停", "limit up"),
    "limit_down": T("跌停", "limit down"),
    "participation": T("成交量上限", "volume cap"),
    "lots": T("整手", "whole lots"),
    "cash": T("现金不足", "cash short"),
    "topped_up": T("余款追加", "unspent cash"),
}

LINES: Mapping[str, Bilingual] = {
    "monday": T("周一路径", "Monday path"),
    "tuesday": T("周二路径", "Tuesday path"),
    "wednesday": T("周三路径", "Wednesday path"),
    "thursday": T("周四路径", "Thursday path"),
    "friday": T("周五路径", "Friday path"),
    "mean of weekdays": T("各路径均值", "mean of the paths"),
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

_DIGITS = "零一二三四五六七八九"


def chinese_number(number: int) -> str:
    """Return a number from 1 to 99 in Chinese numerals, as the series numbers its issues.

    >>> [chinese_number(n) for n in (9, 10, 19, 20, 64)]
    ['九', '十', '十九', '二十', '六十四']
    """
    tens, ones = divmod(number, 10)
    if tens == 0:
        return _DIGITS[ones]
    return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")
