"""Words that several sections of the report share, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

SHARED: Mapping[str, Bilingual] = {
    "source": T("资料来源：{market}，本平台计算", "Source: {market}; own calculation"),
    "sample_market": T("模拟市场“{name}”（非真实行情）", "sample market '{name}' (not a real market)"),
    "factor": T("因子", "factor"),
    "long_short": T("多空", "long–short"),
    "long_excess": T("多头超额", "long excess"),
    "week": T("本周", "week"),
    "month": T("本月", "month"),
    "ytd": T("今年以来", "YTD"),
    "since_note": T(
        "{names}的今年以来收益与胜率自 {day} 起计（此前无数据）。",
        "YTD and wins of {names} count from {day}: no data before.",
    ),
    "all_factors": T("各因子", "all factors"),
    "not_available_reason": T("n/a（{reason}）", "n/a ({reason})"),
    "absent_factor": T("本周 n/a：{reason}。", "This week n/a: {reason}."),
    "mean_of": T("{names}的均值", "the mean of {names}"),
    "benchmark_price": T("价格指数，不含分红", "price index, which leaves dividends out"),
    "benchmark_total_return": T("全收益指数，含分红", "total-return index, which includes dividends"),
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
    "more": T("另有 {count} 条，见湖中各分区的 manifest.json。", "{count} more: see manifest.json of the partitions."),
    "risks": T("风险提示", "Risks"),
    "rank_ic": T("RankIC", "RankIC"),
    "comma": T("，", ", "),
    "semicolon": T("；", "; "),
    "blank": T("", " "),
    "list_comma": T("、", ", "),
}
