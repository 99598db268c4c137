"""The words of the reasons of the reference tables."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "not_delivered": T("没有交付 reference/{table}", "no reference/{table} in the landing zone"),
    "no_first_days": T(
        "没有交付 reference/instruments，无法判断上市首日，且未交付 {column}",
        "no reference/instruments in the landing zone, so first trading days are not known, and no {column} was delivered",
    ),
    "day_is_empty": T("{table} 在 {date} 没有数据", "{table} of {date} is empty"),
    "no_membership_yet": T(
        "截至 {date}，reference/industries 没有已生效的行业归属",
        "no membership of reference/industries had started by {date}",
    ),
    "nothing_announced": T(
        "截至 {date}，reference/fundamentals 没有已公告的 {column}",
        "reference/fundamentals has no {column} that was known by {date}",
    ),
    "no_vector_yet": T(
        "截至 {date}，reference/index_weights 没有可用的权重",
        "reference/index_weights has no usable weights up to {date}",
    ),
    "no_row_of_day": T("reference/{table} 没有 {date} 的数据", "reference/{table} has no row of {date}"),
    "no_weights_yet": T("尚未公布权重", "no weights published so far"),
    # rows
    "value_missing": T("{column} 缺失", "{column} is missing"),
    "symbol_form": T("{column} 不是 600519.SH 的形式", "{column} is not of the form 600519.SH"),
    "repeated": T("重复提供，数值相同", "delivered more than once with the same values"),
    "no_adjust_factor": T("adjust_factor 缺失或不大于 0", "adjust_factor is missing or not above 0"),
    "raw_price_open": T(
        "复权因子为 {factor} 的复权价已舍入到分，原始价的误差达 {error} 元：请提供未复权价，或至少四位小数的复权价",
        "adjusted prices with the factor {factor} are rounded to the cent, which leaves the raw price open by {error} yuan: deliver "
        "prices as traded, or adjusted ones with four decimals or more",
    ),
    # changes of codes
    "same_code": T("old 与 new 是同一代码", "old and new are the same code"),
    "no_ratio": T("ratio 不是大于 0 的数字", "ratio is not a number above 0"),
    "several_new_codes": T(
        "{symbol} 在同一日变更为多个代码", "{symbol} is continued as more than one code on the same day"
    ),
    "ended_before": T(
        "{symbol} 已于 {date} 因代码变更而终止，此后没有股票使用该代码",
        "no stock has the code {symbol} since {date}, when a change ended it",
    ),
    "merged_into_nothing": T(
        "当日没有股票使用代码 {symbol}：请填写其变更后的代码",
        "no stock has the code {symbol} on that day: name the code that it was changed to",
    ),
    "several_old_codes": T(
        "同一日有多只股票变更为 {symbol}：若为吸收合并，请声明 merger = true",
        "more than one stock is continued as {symbol} on the same day: declare a merger with merger = true",
    ),
    "code_is_taken": T(
        "{symbol} 自此前的变更起已由另一只股票使用：若为吸收合并，请声明 merger = true",
        "another stock has the code {symbol} since an earlier change: declare a merger with merger = true",
    ),
    # rows of any table
    "no_a_share": T(
        "代码不是沪深交易所 A 股的代码（rulebook.boards）",
        "its code is not that of an SSE or SZSE A-share (rulebook.boards)",
    ),
    "no_a_share_in_index": T(
        "代码不是 A 股的代码（rulebook.boards），而该指数的成份股均为 A 股",
        "its code is not that of an A-share (rulebook.boards), and the members of this index are A-shares",
    ),
    "share_of_beijing": T(
        "北京证券交易所股票，计入统计，不属于全市场股票池",
        "a share of the Beijing exchange, which is counted and is not in the universe",
    ),
    "value_infinite": T("{column} 为无穷大", "{column} is infinite"),
    "value_empty": T("{column} 为空", "{column} is empty"),
    "value_not_above_0": T("{column} 不大于 0", "{column} is not above 0"),
    "value_missing_or_not_above_0": T("{column} 缺失或不大于 0", "{column} is missing or not above 0"),
    "value_missing_or_negative": T("{column} 缺失或为负", "{column} is missing or negative"),
    "differing_rows": T(
        "{columns} 相同的数据行重复交付，且取值不同", "{columns} delivered more than once with different values"
    ),
    # rows of daily_prices
    "no_trade": T(
        "volume 为 0：该股票当日没有成交，视同没有该行",
        "volume is 0: the stock did not trade that day, as without a row",
    ),
    "no_figures": T(
        "volume、amount、open、high、low 均缺失：该股票当日没有成交，视同没有该行",
        "volume, amount, open, high and low are missing: the stock did not trade that day, as without a row",
    ),
    "price_not_in_cents": T(
        "有价格不是整分：须提供成交原价，而不是复权价",
        "a price is not in whole cents: prices must be as traded, not adjusted for dividends or splits",
    ),
    "high_below_low": T("high 低于 low", "high is below low"),
    "open_or_close_outside_range": T("open 或 close 不在 [low, high] 之内", "open or close is outside [low, high]"),
    "code_gone": T(
        "该代码已于 {date} 变更为 {new}（reference/code_changes）：请以新代码提供该行，或更正该项变更",
        "the code was changed to {new} on {date} (reference/code_changes): deliver the row under the new code, or correct the change",
    ),
    "no_share_count": T("{column} 缺失：该行照用，不含股本", "{column} is missing: the row is used without it"),
    # rows of the other tables
    "delisted_before_listed": T("delist_date 早于 list_date", "delist_date is before list_date"),
    "listed_after_trades": T(
        "list_date 为 {list_date}，而 daily_prices 自 {first} 起已有该股票（以现代码或旧代码）的成交",
        "list_date is {list_date}, and daily_prices has trades of it from {first} on, under this code or an earlier one",
    ),
    "delisted_before_trades": T(
        "delist_date 为 {delist_date}，而 daily_prices 在其后仍有成交，首日为 {first}：该日期不予采用。请提供股票的实际退市日；"
        "在市股票不填日期，也不要填数据的截止日",
        "delist_date is {delist_date}, and daily_prices has trades of it after that, first on {first}: the date is ignored. Deliver the day on "
        "which the stock was delisted, and for a listed stock no date, such as the last day of the data",
    ),
    "unlisted": T(
        "该股票有成交，而表中没有它的可用数据行：listed_days 未知，不属于全市场股票池",
        "it trades, and no usable row of the table lists it: its listed_days are unknown, and it is not in the universe",
    ),
    "no_quarter_end": T("period 不是季度末日", "period is not the last day of a quarter"),
    "announced_in_quarter": T("announce_date 不晚于报告期末", "announce_date is not after the period's end"),
    "superseded": T(
        "同日公告的较早版本：采用较晚的版本", "an earlier version of an announcement of that day: the later one is used"
    ),
    "index_close_absent": T(
        "没有交付当日收盘价，而前一交易日有收盘价",
        "no close of the day was delivered, although one of the day before was",
    ),
    # changes of codes
    "change_takes_no_part": T(
        "daily_prices 在变更前没有旧代码的数据行", "daily_prices has no row of the old code before the change"
    ),
    "new_code_beside_old": T(
        "{new} 在变更前已有成交，最早为 {first}，且与 {old} 同时交易：若 {old} 并入 {new}，请设置 merger = true；若数据商以两个代码提供"
        "同一段历史，请删除 {new} 在 {date} 之前的数据行",
        "{new} traded under that code before the change, first on {first}, beside {old}: if {old} was merged into it, set merger = true; if a "
        "vendor delivers the same history under both codes, remove the rows of {new} before {date}",
    ),
    "change_too_late": T(
        "{new} 在变更前已有成交，最早为 {first}，当时 {old} 已不再交易：日期 {date} 过晚，变更日应为 {first} 或更早；若 {old} 并入 {new}，"
        "请设置 merger = true",
        "{new} traded under that code before the change, first on {first}, when {old} no longer traded: the date {date} is too late, the change "
        "is dated {first} or before; if {old} was merged into it, set merger = true",
    ),
    "change_too_early": T(
        "{old} 自 {date} 起仍以该代码成交（共 {days} 日，最后为 {last}）：日期过早。变更日是不再有 {old} 的首日，即 {last} 之后的交易日"
        "或更晚",
        "{old} still traded under that code on {days} of the days from the date {date} on, last on {last}: the date is too early. It is the "
        "first day without {old}, the trading day after {last} or later",
    ),
    "undeclared_change": T(
        "{new} 自 {date} 起成交，此前没有数据行；{old} 最后成交于 {last}，收盘价 {close} 等于 {new} 的 pre_close，且股本相近：代码已变更。"
        "请在 reference/code_changes 中声明（old = {old}, new = {new}, date = {date}）；否则旧代码视为退市，新代码没有历史",
        "{new} trades from {date} on and has no row before; {old} last traded on {last}, at {close}, which is the pre_close of {new}, with nearly "
        "as many shares: the code was changed. Declare it in reference/code_changes (old = {old}, new = {new}, date = {date}); otherwise the "
        "old code is treated as delisted and the new one begins without a history",
    ),
    "wrongly_declared_change": T(
        "{new} 自 {date} 起成交，此前没有数据行；{old} 最后成交于 {last}，收盘价 {close} 等于 {new} 的 pre_close，且股本相近：代码已变更，"
        "而 reference/code_changes 声明 {old} 变更为 {declared}，后者此后没有成交。请更正该行（old = {old}, new = {new}, date = {date}）；"
        "否则旧代码视为退市，新代码没有历史",
        "{new} trades from {date} on and has no row before; {old} last traded on {last}, at {close}, which is the pre_close of {new}, with nearly "
        "as many shares: the code was changed, and reference/code_changes declares that {old} became {declared}, which has not traded since. "
        "Correct that row (old = {old}, new = {new}, date = {date}); otherwise the old code is treated as delisted and the new one begins "
        "without a history",
    ),
    "unmatched_change": T(
        "old = {old}, new = {new}, date = {date}：daily_prices 中 {old} 没有任何成交，而 {new} 自 {first} 起成交。{old} 不是 {new} 此前的"
        "代码，或其数据行没有交付",
        "old = {old}, new = {new}, date = {date}: {old} trades on no day of daily_prices, and {new} trades from {first} on. {old} is not the code "
        "that {new} had before, or its rows were not delivered",
    ),
    # tables with faulty rows
    "rows_of_table": T("{table}：{count} 行：{reason}", "{table}: {count} rows: {reason}"),
    "no_row_of_table_usable": T(
        "{table}：{rows} 行全部不可用：{reasons}", "{table}: none of {rows} rows can be used: {reasons}"
    ),
    "few_rows_of_table_usable": T(
        "{table}：{rows} 行中仅 {usable} 行可用：{reasons}",
        "{table}: only {usable} of {rows} rows can be used: {reasons}",
    ),
    # price limits
    "limits_negative": T(
        "limit_up = {limit_up}、limit_down = {limit_down} 为负：采用规则的涨跌停价 {rule_down} 至 {rule_up}",
        "limit_up = {limit_up} and limit_down = {limit_down} are negative: the rule's limits, {rule_down} to {rule_up}, are used",
    ),
    "limits_of_another_percent": T(
        "交付的涨跌停价距 pre_close {delivered} %，而该板块当日的规则为 {rule} %：采用交付的涨跌停价",
        "its delivered limits are {delivered} % from pre_close, and the rule of its board and day is {rule} %: the delivered limits are used",
    ),
    "limits_of_another_close": T(
        "交付的涨跌停价 {down} 至 {up} 以 {center} 为中心，而 pre_close 为 {pre_close}：属于另一日，或以除权前的昨收价计算：采用规则的"
        "涨跌停价 {rule_down} 至 {rule_up}",
        "its delivered limits, {down} to {up}, are centred on {center}, and pre_close is {pre_close}: they are limits of another day or of a "
        "previous close before rights: the rule's limits, {rule_down} to {rule_up}, are used",
    ),
    "limits_off_pre_close": T(
        "交付的涨跌停价 {down} 至 {up} 与 pre_close = {pre_close} 不符（limit_up 不低于 reference.no_limit_from 表示“无涨跌停限制”）："
        "采用规则的涨跌停价 {rule_down} 至 {rule_up}",
        "its delivered limits, {down} to {up}, do not follow from pre_close = {pre_close} (a limit_up of at least reference.no_limit_from "
        "means 'no limit'): the rule's limits, {rule_down} to {rule_up}, are used",
    ),
    "limits_not_the_rules": T(
        "{compared} 只股票中有 {off} 只交付的涨跌停价与规则不符：{reasons}",
        "the limits delivered for {off} of {compared} stocks are not the rulebook's: {reasons}",
    ),
    "limits_not_filled": T(
        "{rows} 只股票中有 {stocks} 只的 limit_up 声明无涨跌停限制，与规则不符：采用规则",
        "limit_up of {stocks} of {rows} stocks declares no limit against the rule, which is used",
    ),
    # contradictions within daily_prices
    "unit_ratio_off": T(
        "amount / volume 是其价格的 1e{power} 倍：{cause}", "amount / volume is 1e{power} times its prices: {cause}"
    ),
    "vwap_off": T(
        "amount / volume 为 {vwap}，不在价格 {low} 至 {high} 之内：价格经过复权（请提供成交原价，或以 adjust_factor 列声明 "
        "landing.daily_prices.prices = 'adjusted'），或 volume、amount 有误",
        "amount / volume is {vwap}, outside the prices from {low} to {high}: the prices are adjusted for dividends or splits (deliver them as "
        "traded, or declare landing.daily_prices.prices = 'adjusted' with the column adjust_factor), or volume or amount is wrong",
    ),
    "outside_delivered_limits": T(
        "价格 {low} 至 {high} 与 pre_close {pre_close} 不在随之交付的涨跌停价 {limit_down} 至 {limit_up} 之内",
        "its prices from {low} to {high} and pre_close {pre_close} are not inside the limits delivered with them, {limit_down} to {limit_up}",
    ),
    "pre_close_rose": T(
        "pre_close 为 {pre_close}，上一收盘价（{last_date}）为 {last_close}：只有缩股时昨收价才会上调，而 total_shares 没有减少",
        "pre_close is {pre_close} and the last close, of {last_date}, {last_close}: a previous close rises only when shares are consolidated, "
        "and total_shares did not fall",
    ),
    "pre_close_fell": T(
        "pre_close 为 {pre_close}，上一收盘价（{last_date}）为 {last_close}：下调幅度超过分红或配股所能解释的范围，也没有新增股份可以解释",
        "pre_close is {pre_close} and the last close, of {last_date}, {last_close}: it falls by more than a dividend or rights issue explains, "
        "and no new shares explain it",
    ),
    "pre_close_off": T(
        "pre_close 为 {pre_close}，上一收盘价（{last_date}）为 {last_close}，且价格 {low} 至 {high} 不在由 pre_close 得出的涨跌停价 "
        "{limit_down} 至 {limit_up} 之内",
        "pre_close is {pre_close} and the last close, of {last_date}, {last_close}, and the prices from {low} to {high} are outside the limits "
        "that follow from pre_close, {limit_down} to {limit_up}",
    ),
    "two_codes": T(
        "价格、volume 与 amount 均与 {other} 相同：同一公司有两个代码，如代码变更前后，仅采用较小的代码。请每日只提供其一，或在 "
        "reference/code_changes 中声明该项变更",
        "its prices, volume and amount are those of {other}: one company under two codes, as after a change of code, of which only the lower "
        "one is used. Deliver one of them for each day, or declare the change in reference/code_changes",
    ),
    "first_prices_outside_limits": T(
        "表的首日，价格 {low} 至 {high} 不在由 pre_close {pre_close} 得出的涨跌停价之内",
        "the prices from {low} to {high} are outside the limits that follow from pre_close {pre_close}, on the first day of the table",
    ),
    "range_far_off": T(
        "价格区间 {low} 至 {high} 与 open {open}、close {close}、pre_close {pre_close} 相差悬殊：high 或 low 有误，或与另一列互换",
        "its range from {low} to {high} is far from its open {open}, close {close} and pre_close {pre_close}: high or low is wrong, or exchanged "
        "with another column",
    ),
    "range_beyond_limits": T(
        "价格区间 {low} 至 {high} 超出当日涨跌停价 {limit_down} 至 {limit_up}，而 open {open}、close {close} 与 amount / volume 没有超出："
        "high 或 low 有误，或 rulebook.price_limits 缺少当日的规则",
        "its range from {low} to {high} exceeds the limits of the day, {limit_down} to {limit_up}, and its open {open}, close {close} and "
        "amount / volume do not: high or low is wrong, or rulebook.price_limits lacks the rule of the day",
    ),
    "shares_cut_off": T(
        "float_shares = {float_shares}、total_shares = {total_shares}：其中之一是 32 位整数的最大值，更大的数被截断。请提供原数",
        "float_shares = {float_shares} and total_shares = {total_shares}: one of them is the largest 32-bit number, to which a larger number "
        "was cut off. Deliver the number itself",
    ),
    "float_above_total": T(
        "float_shares = {float_shares} 大于 total_shares = {total_shares}：其中之一有误或使用了其他单位",
        "float_shares = {float_shares} are more than total_shares = {total_shares}: one of the two is wrong or in another unit",
    ),
    "volume_above_float": T(
        "单日 volume = {volume} 大于 float_shares = {float_shares}：请以股为单位提供，不用手或万股，或声明 landing.daily_prices.share_unit",
        "volume = {volume} of one day is more than float_shares = {float_shares}: deliver shares, not lots or ten thousand shares, or declare "
        "landing.daily_prices.share_unit",
    ),
    "shares_in_two_units": T(
        "float_shares = {float_shares} 是 total_shares = {total_shares} 的 {ratio} 倍：total_shares 的单位比声明的小，或 float_shares 的单位"
        "更大。请两者均以股为单位提供，或使用 landing.daily_prices.share_unit 声明的同一单位",
        "float_shares = {float_shares} are {ratio} of total_shares = {total_shares}: total_shares are in a smaller unit than declared, or "
        "float_shares in a larger one. Deliver both in shares, or in one unit declared by landing.daily_prices.share_unit",
    ),
    "shares_jump": T(
        "total_shares = {total_shares} 是上一日 {last_shares} 的 {ratio} 倍，而 pre_close 没有显示拆分：请以股为单位提供，不用手或万股，或声明 "
        "landing.daily_prices.share_unit",
        "total_shares = {total_shares} are {ratio} times those of the last day, {last_shares}, and pre_close shows no split: deliver shares, not "
        "lots or ten thousand shares, or declare landing.daily_prices.share_unit",
    ),
    "shares_late": T(
        "pre_close 于 {ex_date} 按系数 {factor} 下调，如同送转股，而 total_shares = {total_shares}（此前为 {before}）：新增股份计入过晚。"
        "在其计入之前不使用 total_shares 与 float_shares，最多 {days} 个交易日（reference.late_share_days）；请提供除权日的股本",
        "pre_close fell by the factor {factor} on {ex_date}, as when shares are divided, and total_shares = {total_shares} after {before}: the new "
        "shares are counted late. total_shares and float_shares are left out until they are counted, for {days} trading days at most "
        "(reference.late_share_days); deliver the counts of the ex-date",
    ),
    # findings about a day of daily_prices
    "findings_of_day": T("{date}：{reasons}", "{date}: {reasons}"),
    "stocks_lost": T(
        "{stocks} 只股票有价格，而前一交易日有 {before} 只：当日数据缺失一部分",
        "{stocks} stocks have a price, and {before} had one on the trading day before: a part of the day's rows is lost",
    ),
    "rows_set_aside": T("{rows} 行中有 {aside} 行被剔除", "{aside} of {rows} rows are set aside"),
    "shares_contradict": T(
        "{rows} 行中有 {bad} 行的股本自相矛盾", "the share counts of {bad} of {rows} rows contradict themselves"
    ),
    "shares_of_many_jump": T(
        "{rows} 只股票中有 {jumps} 只的 total_shares 与上一日不同，而价格没有显示拆分（{symbol}：{before} 变为 {total_shares}）：使用了其他单位。"
        "请以股为单位提供，或声明 landing.daily_prices.share_unit",
        "total_shares of {jumps} of {rows} stocks differ from those of the last day, and their prices show no split ({symbol}: {total_shares} "
        "after {before}): they are in another unit. Deliver shares, or declare landing.daily_prices.share_unit",
    ),
    "none_is_st": T(
        "{stocks} 只股票的 is_st 均不为真，而如此规模的市场必有 ST 股票：该列未填写。请予提供",
        "is_st is true of none of {stocks} stocks, and a market of so many has some: the column was not filled. Deliver it",
    ),
    "many_are_st": T(
        "{stocks} 只股票中有 {st} 只的 is_st 为真：该列另有含义。请仅对 ST 股票提供真值",
        "is_st is true of {st} of {stocks} stocks: the column has another meaning. Deliver it true of ST stocks only",
    ),
    "dates_shifted": T(
        "reference/daily_prices 有非交易日 {closed} 的价格，而没有交易日 {trading} 的价格（自 {since} 起此类日期各有 {closed_days} 日与 "
        "{trading_days} 日）：日期发生错位，每日的价格属于另一日",
        "reference/daily_prices has prices of {closed}, which is no trading day, and none of {trading}, which is one ({closed_days} and "
        "{trading_days} such days since {since}): its dates are shifted, and each day has the prices of another",
    ),
    "turnover_low": T(
        "{stocks} 只股票的 volume / float_shares 中位数为 {median:.2g}：股本的单位比声明的小，或 volume 以手为单位。股本以股为单位时，请从设置"
        "中删除 landing.daily_prices.share_unit，或声明 volume_unit",
        "the median of volume / float_shares of {stocks} stocks is {median:.2g}: shares are in a smaller unit than declared, or volume is in "
        "lots. Remove landing.daily_prices.share_unit from the settings where the counts are in shares, or declare volume_unit",
    ),
    "turnover_low_as_declared": T(
        "{stocks} 只股票的 volume / float_shares 中位数为 {median:.2g}：股本的单位比声明的小，或 volume 以手为单位。股本以股为单位时，请从设置"
        "中删除 landing.daily_prices.share_unit = '{unit}'，或声明 volume_unit",
        "the median of volume / float_shares of {stocks} stocks is {median:.2g}: shares are in a smaller unit than declared, or volume is in "
        "lots. Remove landing.daily_prices.share_unit = '{unit}' from the settings where the counts are in shares, or declare volume_unit",
    ),
    "turnover_high": T(
        "{stocks} 只股票的 volume / float_shares 中位数为 {median:.2g}，超过市场单日可能的换手：股本的单位比声明的大。请以股为单位提供，或声明 "
        "landing.daily_prices.share_unit",
        "the median of volume / float_shares of {stocks} stocks is {median:.2g}, more than a market trades in a day: shares are in a larger "
        "unit than declared. Deliver shares, or declare landing.daily_prices.share_unit",
    ),
    "shares_are_market_values": T(
        "{stocks} 只股票中有 {alike} 只的 total_shares 随收盘价逐日变动：这是市值。请提供股数，total_shares = 市值 / close",
        "total_shares of {alike} of {stocks} stocks move from day to day as their closes do: these are market values. Deliver the numbers of "
        "shares, total_shares = market value / close",
    ),
    "columns_copied": T(
        "{reasons}：一列由另一列填充。请提供各列自身的数据",
        "{reasons}: one column was filled with the other. Deliver each column's own figures",
    ),
    "column_is_another": T(
        "{stocks} 只价格有变动的股票中有 {count} 只的 {column} 等于 {other}",
        "{column} is {other} for {count} of {stocks} stocks whose price moves",
    ),
    "extremes_of_two": T(
        "{stocks} 只价格有变动的股票中有 {count} 只的 high 与 low 是 open 与 close 的最大、最小值",
        "high and low are the extremes of open and close for {count} of {stocks} stocks whose price moves",
    ),
    "float_is_total": T(
        "{stocks} 只股票中有 {count} 只的 float_shares 等于 total_shares",
        "float_shares is total_shares for {count} of {stocks} stocks",
    ),
    "pre_closes_off": T(
        "{stocks} 只股票中有 {off} 只的 pre_close 不是其 {date} 的收盘价，而同一日不会有如此多的股票除权除息：它是另一日的收盘价、另一列的"
        "价格，或复权价。请提供当日的昨收（除权）参考价",
        "pre_close of {off} of {stocks} stocks is not their close of {date}, and so many never go ex-dividend on one day: it is the close of "
        "another day, another column's price, or adjusted. Deliver the reference price of the day",
    ),
    "no_ex_dates": T(
        "最近 250 个交易日的全部 {rows} 行中 pre_close 都等于上一收盘价，而公司每年都会分红：它不是交易所在除权除息日下调的参考价，收益率会漏掉"
        "全部分红。请提供该参考价",
        "pre_close is the last close in all of {rows} rows of the last 250 trading days, though companies pay dividends every year: it is not "
        "the exchange's reference price, which falls on ex-dates, and returns would lack every dividend. Deliver the reference price",
    ),
    # findings about instruments and industries
    "listed_at_start": T(
        "instruments：在 reference/daily_prices 的首日 {date} 成交的 {stocks} 只股票中，有 {count} 只的 list_date 就是该日，如 {names}，而其"
        "价格变动与早已上市的股票相同：这些日期由价格得出。请提供股票的上市日，或不提供 instruments：此时 listed_days 与全市场股票池为 n/a",
        "instruments: list_date of {count} of the {stocks} stocks that traded on {date}, the first day of reference/daily_prices, is that day, "
        "e.g. {names}, and their prices move like those of stocks that are listed already: the days were made from the prices. Deliver the "
        "days on which the stocks were listed, or leave instruments out: listed_days and the universe are then n/a",
    ),
    "listed_together": T(
        "instruments：{stocks} 只股票中有 {count} 只的 list_date 为 {date}，而单日上市从未超过 28 只：这是未知日期的占位值。请提供股票的上市日，"
        "或不提供 instruments：此时 listed_days 与全市场股票池为 n/a",
        "instruments: list_date of {count} of {stocks} stocks is {date}, and at most 28 were ever listed on one day: it is a placeholder for "
        "unknown days. Deliver the days on which the stocks were listed, or leave instruments out: listed_days and the universe are then n/a",
    ),
    "industries_of_members": T(
        "industries：{stocks} 只股票中有 {unknown} 只没有行业（{names} …）：该表包含 {indices} 的全部成份股，而其余 {others} 只股票中仅有 "
        "{others_known} 只。请提供每只股票的行业；若只用指数成份股，请设置 reference.max_unknown_industries = 1，其余股票没有因子",
        "industries: {unknown} of {stocks} stocks have none ({names} …): the table has those of every member of {indices} and of "
        "{others_known} of the {others} other stocks. Deliver the industries of every stock; to use index members only, set "
        "reference.max_unknown_industries = 1, and the other stocks have no factors",
    ),
    "industries_lacking": T(
        "industries：{stocks} 只股票中有 {unknown} 只没有行业（{names} …）：表中缺少数据行。请提供每只股票的行业",
        "industries: {unknown} of {stocks} stocks have none ({names} …): rows of the table are missing. Deliver the industries of every stock",
    ),
    "no_industries": T(
        "industries：{stocks} 只股票有 {kinds} 个行业（如 {examples}）：该列是其他内容。请提供行业的名称或代码",
        "industries: {stocks} stocks have {kinds} industries (e.g. {examples}): the column contains something else. Deliver the name or code "
        "of the industry",
    ),
    "one_industry": T(
        "industries：{stocks} 只股票的行业都是 {industry}：该列未填写。请提供各股票自己的行业",
        "industries: all of {stocks} stocks have the industry {industry}: the column was not filled. Deliver each stock's own",
    ),
    # findings about the periods of profits and the days of announcements
    "profits_rise_seldom": T(
        "fundamentals：{years} 个盈利的股票年度中有 {rises} 个的 net_profit 逐季上升，远少于年初至今累计利润：这是单季利润。请从设置中删除 "
        "landing.fundamentals.profits = 'year_to_date'",
        "fundamentals: in {rises} of {years} years of a stock with a profit, net_profit rises from every quarter to the next, far less often "
        "than profits of the year so far do: these are profits of single quarters. Remove landing.fundamentals.profits = 'year_to_date' from "
        "the settings",
    ),
    "profits_rise_often": T(
        "fundamentals：{years} 个盈利的股票年度中有 {rises} 个的 net_profit 逐季上升，远多于单季利润：这是年初至今累计利润。请声明 "
        "landing.fundamentals.profits = 'year_to_date'",
        "fundamentals: in {rises} of {years} years of a stock with a profit, net_profit rises from every quarter to the next, far more often "
        "than single quarters do: these are profits of the year so far. Declare landing.fundamentals.profits = 'year_to_date'",
    ),
    "rises_of_year": T(
        "{year} 年盈利的 {stocks} 只股票中有 {rises} 只", "{rises} of {stocks} stocks with a profit in {year}"
    ),
    "some_years_of_single_quarters": T(
        "fundamentals：net_profit 逐季上升：{counts}，其他年度 {others} 个中有 {rises} 个：{years} 年的利润是单季利润，其他年度不是。请以同一"
        "形式提供所有年度，由 landing.fundamentals.profits 对全表声明",
        "fundamentals: net_profit rises from every quarter to the next for {counts} and for {rises} of {others} in other years: the profits of "
        "{years} are those of single quarters, and those of the other years are not. Deliver every year in one form, which "
        "landing.fundamentals.profits declares for the whole table",
    ),
    "some_years_so_far": T(
        "fundamentals：net_profit 逐季上升：{counts}，其他年度 {others} 个中有 {rises} 个：{years} 年的利润是年初至今累计利润，其他年度不是。"
        "请以同一形式提供所有年度，由 landing.fundamentals.profits 对全表声明",
        "fundamentals: net_profit rises from every quarter to the next for {counts} and for {rises} of {others} in other years: the profits of "
        "{years} are those of the year so far, and those of the other years are not. Deliver every year in one form, which "
        "landing.fundamentals.profits declares for the whole table",
    ),
    "quarters_lacking": T(
        "fundamentals：{profits} 个利润中有 {lacking} 个缺少上一季的利润：这是半年或全年利润，而不是单季利润。请提供每个季度的利润；若为年初至今"
        "累计，请声明 landing.fundamentals.profits = 'year_to_date'（缺少此前数据的季度为 n/a）",
        "fundamentals: for {lacking} of {profits} profits, that of the quarter before is missing: these are profits of half-years or years, not "
        "of single quarters. Deliver those of every quarter; where they are of the year so far, declare landing.fundamentals.profits = "
        "'year_to_date' (a quarter whose earlier figure is missing is then n/a)",
    ),
    "fourth_quarters_large": T(
        "fundamentals：{years} 个前三季均盈利的股票年度中有 {large} 个的第四季 net_profit 不小于前三季之和：第四季的数据行是全年利润。请提供"
        "单季利润，或每个季度均提供年初至今累计，并声明 landing.fundamentals.profits = 'year_to_date'",
        "fundamentals: in {large} of {years} years of a stock with three profitable quarters, the fourth quarter's net_profit is at least the "
        "sum of the other three: the rows of the fourth quarters have the profit of the year. Deliver that of the quarter, or every quarter as "
        "the year so far, declared by landing.fundamentals.profits = 'year_to_date'",
    ),
    "fourth_quarters_large_of": T(
        "fundamentals：{year} 年 {years} 个前三季均盈利的股票年度中有 {large} 个的第四季 net_profit 不小于前三季之和：第四季的数据行是全年利润。"
        "请提供单季利润，或每个季度均提供年初至今累计，并声明 landing.fundamentals.profits = 'year_to_date'",
        "fundamentals: in {large} of {years} years of {year} of a stock with three profitable quarters, the fourth quarter's net_profit is at "
        "least the sum of the other three: the rows of the fourth quarters have the profit of the year. Deliver that of the quarter, or every "
        "quarter as the year so far, declared by landing.fundamentals.profits = 'year_to_date'",
    ),
    "trailing_sums": T(
        "fundamentals：{profits} 个利润中有 {steady} 个与上一季相差很小、与上年同季相差较大，且 net_profit / equity 中位数为 {median:.3f}：这是"
        "最近四季之和。请提供单季利润",
        "fundamentals: {steady} of {profits} profits differ little from the quarter before and more from the same quarter of the year before, "
        "and the median of net_profit / equity is {median:.3f}: these are trailing sums of four quarters. Deliver profits of single quarters",
    ),
    "profits_of_a_year": T(
        "fundamentals：{stocks} 只股票中有 {high} 只的 net_profit / equity 大于 {bound:g}，超过单季可能的水平：这是全年利润或最近四季之和。请"
        "提供单季利润",
        "fundamentals: net_profit / equity of {high} of {stocks} stocks is above {bound:g}, more than a quarter earns: these are profits of a "
        "year, or trailing sums of four quarters. Deliver profits of single quarters",
    ),
    "announced_soon": T(
        "fundamentals：{stocks} 只股票中有 {count} 只的 announce_date 距 {period} 不超过 {days} 天，而公司需要数周，且在不同日期公告：这些日期由"
        "季度末得出，数据会在公告前被使用。请提供公告日；未知时提供规定的最后期限",
        "fundamentals: announce_date of {count} of {stocks} stocks is within {days} days of {period}, whereas companies take weeks and publish on "
        "different days: the days were made from the quarter's end, and figures would be used before they were public. Deliver the days of the "
        "announcements or, where they are not known, the last day allowed",
    ),
    "announced_together": T(
        "fundamentals：{period} 的 {figures} 项数据中有 {count} 项的 announce_date 为 {date}，而公司需要数周，且在不同日期公告：这些日期由季度末"
        "得出，数据会在公告前被使用。请提供公告日；未知时提供规定的最后期限",
        "fundamentals: announce_date of {count} of {figures} figures of {period} is {date}, whereas companies take weeks and publish on different "
        "days: the days were made from the quarter's end, and figures would be used before they were public. Deliver the days of the "
        "announcements or, where they are not known, the last day allowed",
    ),
    # findings about the unit of equity and profit
    "figures_off": T(
        "fundamentals：{stocks} 只股票中有 {off} 只的 {figure} / {measure} 低于 {low:g} 或高于 {high:g}，中位数为 {median:.3g}，而通常为 "
        "{usual:g}。{cause}",
        "fundamentals: {figure} / {measure} of {off} of {stocks} stocks is below {low:g} or above {high:g}, with a median of {median:.3g}, where "
        "{usual:g} is usual. {cause}",
    ),
    "figures_off_by_power": T(
        "fundamentals：{stocks} 只股票中有 {off} 只的 {figure} / {measure} 低于 {low:g} 或高于 {high:g}，中位数为 {median:.3g}，约为通常值 "
        "{usual:g} 的 1e{power} 倍。{cause}",
        "fundamentals: {figure} / {measure} of {off} of {stocks} stocks is below {low:g} or above {high:g}, with a median of {median:.3g}, about "
        "1e{power} times the usual {usual:g}. {cause}",
    ),
    "books_off": T(
        "fundamentals：{stocks} 只股票的 equity / 市值 中位数为 {median:.3g}。{cause}",
        "fundamentals: the median of equity / market value of {stocks} stocks is {median:.3g}. {cause}",
    ),
    "amounts_in_unit": T(
        "单位不是元：请声明 landing.fundamentals.amount_unit = '{unit}'",
        "They are in another unit than yuan: declare landing.fundamentals.amount_unit = '{unit}'",
    ),
    "amounts_in_yuan": T(
        "单位已经是元：请从设置中删除 landing.fundamentals.amount_unit",
        "They are in yuan already: remove landing.fundamentals.amount_unit from the settings",
    ),
    "unit_of_amounts": T(
        "请以元为单位提供，或以 landing.fundamentals.amount_unit 声明单位",
        "Deliver them in yuan, or declare their unit in landing.fundamentals.amount_unit",
    ),
    "unit_of_part": T(
        "表的一部分使用了其他单位：请以同一单位提供全表，由 landing.fundamentals.amount_unit 指明",
        "A part of the table is in another unit: deliver all of it in one, named by landing.fundamentals.amount_unit",
    ),
    "unit_of_profit": T(
        "net_profit 与 equity 的单位不同：请以同一单位提供，由 landing.fundamentals.amount_unit 指明",
        "net_profit is in another unit than equity: deliver both in one, named by landing.fundamentals.amount_unit",
    ),
    "unit_of_equity_or_shares": T(
        "equity 或 daily_prices 的股本使用了其他单位。请以元为单位提供 equity 与 net_profit，股本以股而不是手为单位",
        "Equity, or the share counts of daily_prices, are in another unit. Deliver equity and net_profit in yuan, and shares, not lots",
    ),
    "share_unit_declared": T(
        "已声明 landing.daily_prices.share_unit = '{unit}'：若股本以股为单位交付，请从设置中删除。若声明无误，请以元为单位提供 equity 与 "
        "net_profit，或以 landing.fundamentals.amount_unit 声明单位",
        "landing.daily_prices.share_unit = '{unit}' is declared: remove it from the settings where shares are delivered as shares. Where it is "
        "right, deliver equity and net_profit in yuan, or declare their unit in landing.fundamentals.amount_unit",
    ),
    "shares_too_many": T(
        "volume / float_shares 中位数为 {turnover:.2g}：daily_prices 的股本单位比声明的小，市值因而过大。请以股为单位提供 total_shares 与 "
        "float_shares，或以 landing.daily_prices.share_unit 指明单位。若股本无误，则 equity 有误：{cause}",
        "The median of volume / float_shares is {turnover:.2g}: the share counts of daily_prices are in a smaller unit than declared, and market "
        "values are too large. Deliver total_shares and float_shares in shares, or name their unit in landing.daily_prices.share_unit. Where "
        "they are right, equity is at fault: {cause}",
    ),
    "or_unit_of_shares": T(
        "{cause}。若 equity 无误，则 daily_prices 的 total_shares 使用了其他单位（landing.daily_prices.share_unit）",
        "{cause}. Where equity is right, total_shares of daily_prices are in another unit (landing.daily_prices.share_unit)",
    ),
    "figures_of_stock_off": T(
        "市值 {market_value}，equity 为 {equity}，单季利润最大为 {profit}：该股票的数据行与全表的单位不同。请以 "
        "landing.fundamentals.amount_unit 的单位提供",
        "equity is {equity} and the largest profit of a quarter {profit}, at a market value of {market_value}: the stock's rows are in another "
        "unit than the rest of the table. Deliver them in the unit of landing.fundamentals.amount_unit",
    ),
    "profits_of_stock_off": T(
        "{profits} 个利润中最大为 {largest}，而 equity 为 {equity}：该股票的数据行与全表的单位不同。请以 landing.fundamentals.amount_unit 的"
        "单位提供",
        "the largest of {profits} profits is {largest}, and equity is {equity}: the stock's rows are in another unit than the rest of the table. "
        "Deliver them in the unit of landing.fundamentals.amount_unit",
    ),
    "equity_jumps": T(
        "equity 为 {equity}，而此前各季（最多四季）中位数为 {before}：与该股票其他数据行的单位不同。请以 landing.fundamentals.amount_unit 的"
        "单位提供该行",
        "equity is {equity} and was {before} in the quarters before (the median of up to four): it is in another unit than the other rows of the "
        "stock. Deliver the row in the unit of landing.fundamentals.amount_unit",
    ),
    "equity_unexplained": T(
        "equity 为 {equity}，而此前各季（最多四季）中位数为 {before}；其间股本由 {shares_before} 变为 {shares}，盈亏合计 {earned}，均不能解释该变化："
        "数据有误或使用了其他单位。请更正该行",
        "equity is {equity} and was {before} in the quarters before (the median of up to four), with {shares} shares after {shares_before} and "
        "profits and losses of {earned} since, which do not explain the change: a figure is wrong or in another unit. Correct the row",
    ),
    # findings about indices
    "its_members": T("其成份股", "its members"),
    "its_price_index": T("其价格指数 {index}", "its price index {index}"),
    "index_off": T(
        "{index} 由前一交易日收盘价 {previous} 到 {close}，涨跌 {move} %，而{against}涨跌 {expected} %：reference/index_prices 中的一个收盘价"
        "有误，或权重有误",
        "{index} moves by {move} % from its close of the trading day before, {previous}, to {close}, and {against} by {expected} %: one of the "
        "closes of reference/index_prices is wrong, or the weights are",
    ),
    "vector_short": T(
        "{index} 仅有 {members} 只成份股，应为 {nominal} 只（{date} 的权重；reference.index_members 为 {nominal}）",
        "{index} has {members} of {nominal} members (the vector of {date}; reference.index_members is {nominal})",
    ),
    "vector_not_the_index": T(
        "{index} 在 {date} 的权重有 {members} 只成份股，而该指数（reference.index_members）有 {nominal} 只：缺少成份股时，其余成份股的权重过高。"
        "请提供完整的权重，或在 reference.index_members 中设置 {index} 的成份股数量",
        "the vector of {index} of {date} has {members} members, and the index has (reference.index_members) {nominal}: where members are "
        "missing, the weights of the rest are too high. Deliver the whole vector, or set in reference.index_members how many members {index} has",
    ),
    "vector_not_as_before": T(
        "{index} 在 {date} 的权重有 {members} 只成份股，而此前的权重有 {before} 只：缺少成份股时，其余成份股的权重过高。请提供完整的权重，或在 "
        "reference.index_members 中设置 {index} 的成份股数量",
        "the vector of {index} of {date} has {members} members, and an earlier one has {before}: where members are missing, the weights of the "
        "rest are too high. Deliver the whole vector, or set in reference.index_members how many members {index} has",
    ),
    "no_longer_members": T("不再包含的股票有 {names} 等", "no longer in it are, among others, {names}"),
    "equal_weights": T(
        "{index} 的全部 {members} 只成份股（{date} 的权重）权重相同：该指数按市值加权，因此这是未知权重的占位值。请提供公布的权重",
        "all {members} members of {index} (the vector of {date}) have the same weight: the index is weighted by capitalisation, so these are "
        "placeholders for unknown weights. Deliver the published weights",
    ),
    "members_unpriced": T(
        "{index} 的 {members} 只成份股（{date} 的权重）中有 {priced} 只、占权重 {percent:.0f} %，在最近各交易日的 reference/daily_prices（共 "
        "{stocks} 只股票）中有数据行；没有数据行的有 {names}：{cause}",
        "{priced} of {members} members of {index} (the vector of {date}), with {percent:.0f} % of its weight, have a row in reference/daily_prices "
        "in the last trading days, which have {stocks} stocks; without a row are {names}: {cause}",
    ),
    "members_of_another_exchange": T(
        "其余成份股中有 {count} 只以另一交易所的代码存在。请使 {index} 的代码与价格的代码一致",
        "{count} of the others are there under another exchange. Write the codes of {index} as those of the prices",
    ),
    "members_of_another_index": T(
        "价格属于其他股票，或权重属于另一指数。请提供其成份股的价格，或从 reference/index_weights 中删除其数据行：此时需要该指数的数据为 n/a",
        "the prices are those of other stocks, or the vector is that of another index. Deliver the prices of its members, or remove its rows "
        "from reference/index_weights: figures that need the index are then n/a",
    ),
    "index_dates_shifted": T(
        "reference/index_prices 有非交易日 {closed} 的收盘价，而没有交易日 {trading} 的收盘价：日期发生错位。请将各收盘价记在其所属日",
        "reference/index_prices has closes of {closed}, which is no trading day, and none of {trading}, which is one: its dates are shifted. "
        "Deliver each close under its own day",
    ),
    "closes_a_day_late": T(
        "在截至 {until} 的 {days} 个交易日中，{index} 收盘价的变动与{against}前一交易日的变动一致（差异的中位数为 {gap:.3f} %，同日为 "
        "{same:.3f} %）：reference/index_prices 的收盘价晚了一个交易日。请将各收盘价记在其所属日；若所有指数均如此，则 reference/daily_prices "
        "可能早了一日",
        "over the {days} trading days up to {until} the closes of {index} move as {against} did on the trading day before (the median difference "
        "is {gap:.3f} %, and {same:.3f} % on the same day): the closes of reference/index_prices are late by one trading day. Deliver each close "
        "under its own day; where every index is so, reference/daily_prices may be a day too early",
    ),
    "closes_a_day_early": T(
        "在截至 {until} 的 {days} 个交易日中，{index} 收盘价的变动与{against}后一交易日的变动一致（差异的中位数为 {gap:.3f} %，同日为 "
        "{same:.3f} %）：reference/index_prices 的收盘价早了一个交易日。请将各收盘价记在其所属日；若所有指数均如此，则 reference/daily_prices "
        "可能晚了一日",
        "over the {days} trading days up to {until} the closes of {index} move as {against} did on the trading day after (the median difference "
        "is {gap:.3f} %, and {same:.3f} % on the same day): the closes of reference/index_prices are early by one trading day. Deliver each close "
        "under its own day; where every index is so, reference/daily_prices may be a day too late",
    ),
    "closes_begin_early": T(
        "reference/index_prices 中 {index} 的收盘价始于非交易日 {first}，且变动与{against}不一致（截至 {until} 差异的中位数为 {gap:.3f} %）：日期"
        "早了一日。请将各收盘价记在其所属日",
        "the closes of {index} in reference/index_prices begin on {first}, no trading day, and do not move as {against} do (the median difference "
        "is {gap:.3f} % up to {until}): they are dated a day early. Deliver each close under its own day",
    ),
    "indices_exchanged": T(
        "在截至 {until} 的 {days} 个交易日中，{index} 收盘价的变动与 {base} 的成份股一致（差异的中位数为 {gap:.3f} %，与自身成份股为 "
        "{same:.3f} %），{other} 则与 {own} 的成份股一致：{index} 与 {other} 在 reference/index_prices 中互换，或其权重在 "
        "reference/index_weights 中互换。请将各自记在其代码下",
        "over the {days} trading days up to {until} the closes of {index} move as the members of {base} do (the median difference is {gap:.3f} %, "
        "and {same:.3f} % from its own members), and those of {other} as the members of {own}: {index} is exchanged with {other} in "
        "reference/index_prices, or their vectors are exchanged in reference/index_weights. Deliver each under its own code",
    ),
    "closes_exchanged": T(
        "在截至 {until} 的 {days} 个交易日中，{other} 收盘价的变动与 {own} 的成份股一致（差异的中位数为 {gap:.3f} %），而 {index} 不一致"
        "（{same:.3f} %）：{index} 与 {other} 在 reference/index_prices 中互换，或 landing.indices.codes 指错了指数。请将各自记在其代码下",
        "over the {days} trading days up to {until} the closes of {other} move as the members of {own} do (the median difference is {gap:.3f} %), "
        "and those of {index} do not ({same:.3f} %): {index} is exchanged with {other} in reference/index_prices, or landing.indices.codes names "
        "the wrong one. Deliver each under its own code",
    ),
    "index_drifts_far": T(
        "在截至 {until} 的 {days} 个交易日中，{index} 的收盘价偏离{against}，日偏离中位数为 {drift:+.3f} %（差异的中位数为 {gap:.3f} %，"
        "reference.max_index_gap 为 {bound:.3f} %）：收盘价或权重有误，或属于另一指数",
        "over the {days} trading days up to {until} the closes of {index} drift away from {against}, by a median of {drift:+.3f} % a day (median "
        "difference {gap:.3f} %, and reference.max_index_gap is {bound:.3f} %): its closes or its vectors are wrong, or are those of another index",
    ),
    "index_drifts": T(
        "在截至 {until} 的 {days} 个交易日中，{index} 的收盘价偏离{against}，日偏离中位数为 {drift:+.3f} %（reference.max_index_drift 为 "
        "{bound:.3f} %）：收盘价或权重有误，或属于另一指数",
        "over the {days} trading days up to {until} the closes of {index} drift away from {against}, by a median of {drift:+.3f} % a day "
        "(reference.max_index_drift is {bound:.3f} %): its closes or its vectors are wrong, or are those of another index",
    ),
    "too_few_moves": T(
        "{days} 日中仅有 {known} 日两者的变动均已知，而 reference.min_index_days 为 {least}",
        "{known} of {days} days have both moves, and reference.min_index_days is {least}",
    ),
    "weights_sum": T(
        "{index} 在 {date} 的 {members} 个权重合计为 {sum}", "the {members} weights of {index} of {date} sum to {sum}"
    ),
    "weights_are_fractions": T(
        "{index} 在 {date} 的 {members} 个权重合计为 {sum}：已声明 landing.indices.weight_unit = 'percent'，而权重是小数。请删除该设置",
        "the {members} weights of {index} of {date} sum to {sum}: landing.indices.weight_unit = 'percent' is declared, and these are fractions. "
        "Remove the setting",
    ),
    "weights_are_percent": T(
        "{index} 在 {date} 的 {members} 个权重合计为 {sum}：权重以百分比表示。请声明 landing.indices.weight_unit = 'percent'",
        "the {members} weights of {index} of {date} sum to {sum}: they are in percent. Declare landing.indices.weight_unit = 'percent'",
    ),
    "vector_age": T(
        "{index} 的最近权重为 {date}，距今 {days} 天", "the last vector of {index} is of {date}, {days} days ago"
    ),
    "indices_lacking": T(
        "截至 {date}，reference/{table} 有 {codes}，而没有 {lacking}",
        "reference/{table} has {codes} up to {date}, and does not have {lacking}",
    ),
}
