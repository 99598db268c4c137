"""The words of the reasons of delivered one-minute bars."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    # columns without values
    "columns_given": T("{file} 只给出 {columns}", "{file} has only {columns}"),
    "column_not_filled": T(
        "{file}：{column} 每行均为 0，而有股票成交：该列未填写",
        "{file}: {column} is 0 in every row although stocks traded, so the column was not filled in",
    ),
    # a row
    "no_such_bar": T("minute {minute} 不是 SPEC §1 定义的分钟", "minute {minute} is not a bar of SPEC §1"),
    "bar_repeated": T("该分钟重复", "the minute is duplicated"),
    "no_after_hours": T(
        "minute 905 有成交，但板块 {board} 在 {date} 没有盘后交易（rulebook.after_hours）",
        "minute 905 has trades, and the board {board} has no after-hours trading on {date} (rulebook.after_hours)",
    ),
    "bar_value_without": T("{column} = {value}，但没有 {lacking}", "{column} = {value} without a {lacking}"),
    "bar_price_missing": T(
        "volume = {volume}，但没有 {column}，而其他分钟有",
        "volume = {volume} without {column}, which its other minutes have",
    ),
    "bar_price_not_positive": T("{column} = {value}，必须大于 0", "{column} = {value} must be above 0"),
    "bar_value_negative": T("{column} = {value} 为负数", "{column} = {value} is negative"),
    "bar_value_below": T("{column} = {value} 低于 {other} = {bound}", "{column} = {value} is below {other} = {bound}"),
    "bar_value_above": T("{column} = {value} 高于 {other} = {bound}", "{column} = {value} is above {other} = {bound}"),
    "bar_imbalance_beyond": T("{column} = {value} 不在 -1 与 1 之间", "{column} = {value} is beyond -1 to 1"),
    "bar_at_both_limits": T("at_limit_up 与 at_limit_down 同时为真", "at_limit_up and at_limit_down are both true"),
    "trades_without_volume": T("trades = {trades}，但没有成交量", "trades = {trades} without volume"),
    "volume_without_trades": T(
        "trades = 0，而 volume = {volume}：成交笔数未知时请留空",
        "trades = 0 with volume = {volume}: leave a count empty where it is unknown",
    ),
    "trades_above_volume": T(
        "trades = {trades} 高于 volume = {volume}：trades 不是成交笔数，或成交量以手计（此时请声明 landing.bars.volume_unit = 'lots'）",
        "trades = {trades} is above volume = {volume}: trades is not a count of trades, or volumes are in lots (then declare "
        "landing.bars.volume_unit = 'lots')",
    ),
    "sides_above_amount": T(
        "buy_amount + sell_amount = {sides} 高于 amount = {amount}",
        "buy_amount + sell_amount = {sides} is above amount = {amount}",
    ),
    # the minutes of a file
    "of_one_exchange": T("仅 {exchange} 的分钟线：{cause}", "of the bars of {exchange} alone: {cause}"),
    "auction_bar_empty": T(
        "所有股票的开盘集合竞价分钟线（565）均为空，而成交量不含它也与 daily_prices 一致：集合竞价已计入首分钟，其 volume 与 amount 包含竞价成交。"
        "请声明 landing.bars.opening_auction = 'first_bar'，以首分钟的 open 作为竞价价格",
        "the bar of the opening auction (565) is empty for every stock, and the volumes add up without it: it is part of the first minute, "
        "whose volume and amount include it. Declare landing.bars.opening_auction = 'first_bar', so that its price is the open of that minute",
    ),
    "auction_bar_absent": T(
        "没有股票有开盘集合竞价分钟线（565），而成交量不含它也与 daily_prices 一致：集合竞价已计入首分钟，其 volume 与 amount 包含竞价成交。"
        "请声明 landing.bars.opening_auction = 'first_bar'，以首分钟的 open 作为竞价价格",
        "no stock has a bar of the opening auction (565), and the volumes add up without it: it is part of the first minute, whose volume and "
        "amount include it. Declare landing.bars.opening_auction = 'first_bar', so that its price is the open of that minute",
    ),
    "unclear_labels": T(
        "文件只有收盘价（股票数：{stocks}），且没有 {times} 的分钟线，无法判断标签是分钟的起点还是终点。若为终点，请声明 "
        "landing.bars.minute_labels = 'end'；若为起点，请为 239 分钟各提供一行，无成交的分钟填上一笔收盘价",
        "it holds closes alone (number of stocks: {stocks}) and no bar of {times}, so that its labels may be starts or ends of bars. Where they "
        "are ends, declare landing.bars.minute_labels = 'end'; where they are starts, deliver a row for each of the 239 minutes, with the last "
        "close where nothing traded",
    ),
    "end_labels": T(
        "没有股票有 {times} 的分钟线：标签似为分钟终点。请声明 landing.bars.minute_labels = 'end'，或以起点标记各分钟",
        "minutes {times} occur for no stock: the labels look like bar ends. Declare landing.bars.minute_labels = 'end', or label each bar by its "
        "start",
    ),
    "end_labels_with_lunch": T(
        "没有股票有 {times} 的分钟线，却有 {lunch}：标签似为分钟终点。请声明 landing.bars.minute_labels = 'end'，或以起点标记各分钟",
        "minutes {times} occur for no stock, and {lunch} does: the labels look like bar ends. Declare landing.bars.minute_labels = 'end', or "
        "label each bar by its start",
    ),
    "end_labels_of_moves": T(
        "{times} 没有股票的价格变动：标签似为分钟终点。请声明 landing.bars.minute_labels = 'end'，或以起点标记各分钟",
        "minutes {times} show no stock's price move: the labels look like bar ends. Declare landing.bars.minute_labels = 'end', or label each "
        "bar by its start",
    ),
    "coarse_bars": T(
        "各分钟相隔 {step} 分钟：这是 {step} 分钟线。需要一分钟线：请提供",
        "its minutes are {step} apart: these are {step}-minute bars. One-minute bars are needed: deliver those",
    ),
    "coarse_bars_by_ends": T(
        "各分钟相隔 {step} 分钟：这是 {step} 分钟线，且标签为终点。需要一分钟线：请提供",
        "its minutes are {step} apart: these are {step}-minute bars and, by their labels, of its ends. One-minute bars are needed: deliver those",
    ),
    "absent_minutes": T(
        "{minutes} 分钟中有 {count} 分钟（{times}）没有任何股票的数据：当日部分数据丢失或被填补。请重新提供完整的文件",
        "{count} of {minutes} minutes ({times}) occur for no stock: a part of the day is lost or was filled in. Deliver the file again, complete",
    ),
    "unmoved_minutes": T(
        "{minutes} 分钟中有 {count} 分钟（{times}）没有股票的价格变动：当日部分数据丢失或被填补。请重新提供完整的文件",
        "{count} of {minutes} minutes ({times}) show no stock's price move: a part of the day is lost or was filled in. Deliver the file again, "
        "complete",
    ),
    "morning_alone": T(
        "{times} 没有股票成交，而合计与 daily_prices 一致：两者均在午间休市时获取。请重新提供完整的数据；若市场确实自 13:00 起停市，请设置 "
        "bars.halt_at_lunch = true",
        "no stock traded in {times}, and totals agree with daily_prices: both were fetched in the lunch break. Deliver them again, complete; "
        "where the market was indeed halted from 13:00 on, set bars.halt_at_lunch = true",
    ),
    "halt_by_volumes": T(
        "{times} 没有股票成交，而各股票的成交量与 daily_prices 一致：市场停市",
        "no stock traded in {times}, and the volumes of the stocks agree with daily_prices: the market was halted",
    ),
    "halt_by_closes": T(
        "{times} 没有股票成交，而各股票的最后收盘价与 daily_prices 一致：市场停市",
        "no stock traded in {times}, and the last closes of the stocks agree with daily_prices: the market was halted",
    ),
    "closes_at_limits": T(
        "{times} 没有股票的收盘价变动：{stocks} 只股票中有 {count} 只此时处于涨跌停价，在 daily_prices 中也收于该价",
        "no stock's close moves in {times}: {count} of {stocks} stocks are at their limit prices then, and close there in daily_prices too",
    ),
    # a stock's bars against its row of daily_prices
    "same_bars": T(
        "其每一分钟均与 {symbol} 相同：同一公司有两个代码（如代码变更后），以较小者为准。请只提供其一，或在 reference/code_changes 中登记变更",
        "its bars are the same as those of {symbol} in every minute: one company under two codes, as after a change of code, of which the lower "
        "one counts. Deliver one of them, or name the change in reference/code_changes",
    ),
    "bars_without_daily_prices": T(
        "daily_prices 当日没有该股票的可用数据行，即当日无成交，但其分钟线有成交。请提供其 reference/daily_prices 的数据行（未被采用的行，原因见该表旁的 "
        "set_aside.parquet）；若公司此后变更代码（reference/code_changes），请以当日代码提供这些分钟线",
        "daily_prices of this day has no usable row of it, which means that it did not trade, but its bars have trades. Deliver its row of "
        "reference/daily_prices (set_aside.parquet beside that table has the reason of a row that was not used); if the company changed its code "
        "later (reference/code_changes), deliver these bars under its code of this day",
    ),
    "another_unit_than_daily": T("其单位与 daily_prices 不同", "it is in another unit than daily_prices"),
    "bar_total_scaled": T(
        "其 {column} 是 daily_prices 的 1e{power} 倍：{cause}",
        "its {column} is 1e{power} times that of daily_prices: {cause}",
    ),
    "bar_average_scaled": T(
        "其 amount / volume 是其价格的 1e{power} 倍：{cause}",
        "its amount / volume is 1e{power} times its prices: {cause}",
    ),
    "bars_adjusted": T(
        "其最后收盘价为 {close}，而 daily_prices 为 {daily_close}，其他价格也相差同一倍数 {factor}：分钟线经过除权除息复权。请提供未复权的价格，或连同 "
        "adjust_factor 列声明 landing.bars.prices = 'adjusted'",
        "its last close is {close}, but daily_prices has {daily_close}, and its other prices differ by the same factor of {factor}: the bars are "
        "adjusted for dividends or splits. Deliver prices as traded, or declare landing.bars.prices = 'adjusted' with the column adjust_factor",
    ),
    "last_close_differs": T(
        "其最后收盘价为 {close}，而 daily_prices 为 {daily_close}：末尾缺行，或价格被改动",
        "its last close is {close}, but daily_prices has {daily_close}: rows are missing at the end or prices are altered",
    ),
    "range_beyond_day": T(
        "其价格在 {low} 至 {high} 之间，而 daily_prices 为 {daily_low} 至 {daily_high}",
        "its prices range from {low} to {high}, but daily_prices has {daily_low} to {daily_high}",
    ),
    "daily_range_wrong": T(
        "其分钟线含当日全部成交量，价格在 {low} 至 {high} 之间，而 daily_prices 为 {daily_low} 至 {daily_high}：该表的最高价或最低价有误",
        "its bars have the whole volume of the day and range from {low} to {high}, but daily_prices has {daily_low} to {daily_high}: high or low "
        "there is wrong",
    ),
    "daily_range_wrong_or_sampled": T(
        "其分钟线含当日全部成交量，价格在 {low} 至 {high} 之间，而 daily_prices 为 {daily_low} 至 {daily_high}：该表的最高价或最低价有误，或者分钟线的"
        "最高最低价取自快照，遗漏了快照之间的成交：此时请声明 landing.bars.extremes = 'snapshots'",
        "its bars have the whole volume of the day and range from {low} to {high}, but daily_prices has {daily_low} to {daily_high}: high or low "
        "there is wrong, or those of the bars are of snapshots, which miss trades between them: then declare landing.bars.extremes = 'snapshots'",
    ),
    "daily_open_wrong": T(
        "其分钟线含当日全部成交量，开盘价为 {open}，而 daily_prices 为 {daily_open}：该表的开盘价有误，或者分钟线的开盘价不是首笔成交价",
        "its bars have the whole volume of the day and open at {open}, but daily_prices has {daily_open}: the open there is wrong, or that of the "
        "bars is not the price of the first trade",
    ),
    # the columns of a file, and of one stock
    "cumulative_column": T(
        "{stocks} 只股票中有 {count} 只的 {column} 全天从不下降：这是累计值。请提供每分钟各自的值",
        "{column} of {count} of {stocks} stocks never falls through the day: it is cumulative, a running total. Deliver what is of each minute "
        "alone",
    ),
    "cumulative_columns_of_stock": T(
        "其 {columns} 全天从不下降：这是累计值。请提供每分钟各自的值",
        "its {columns} never falls through the day: it is cumulative, a running total. Deliver what is of each minute alone",
    ),
    "spread_bars": T(
        "{stocks} 只股票中有 {count} 只的 {column} 几乎在每个 {width} 分钟区间内按同一比例分配：这是分摊到各分钟的 {width} 分钟线。需要一分钟线：请提供",
        "{column} of {count} of {stocks} stocks is parted alike in nearly every block of {width} minutes: these are {width}-minute bars spread "
        "over minutes. One-minute bars are needed: deliver those",
    ),
    "spread_bars_of_stock": T(
        "其 {column} 几乎在每个 {width} 分钟区间内按同一比例分配：这是分摊到各分钟的 {width} 分钟线。需要一分钟线：请提供",
        "its {column} is parted alike in nearly every block of {width} minutes: these are {width}-minute bars spread over minutes. One-minute "
        "bars are needed: deliver those",
    ),
    "flow_unit": T(
        "连续竞价时段 {flow} 与 amount 之比，{stocks} 只股票的中位数为 {ratio:.3g}：{cause}",
        "{flow} is {ratio:.3g} times amount in the median of its {stocks} stocks, in continuous trading: {cause}",
    ),
    "flow_unit_of_stock": T(
        "连续竞价时段其 {flow} 是 amount 的 {ratio:.10g} 倍：{cause}",
        "its {flow} is {ratio:.10g} times its amount in continuous trading: {cause}",
    ),
    "flows_are_counts": T(
        "这是股数或手数，而非以元计的金额。请以同一单位提供 amount 及其各部分",
        "they are numbers of shares or lots, not yuan. Deliver amount and its parts in one unit",
    ),
    "amount_in_larger_unit": T(
        "amount 的单位是其 1e{power} 倍。请以同一单位提供 amount 及其各部分，并以 landing.bars.amount_unit 声明",
        "amount is in a unit 1e{power} times as large. Deliver amount and its parts in one unit, named by landing.bars.amount_unit",
    ),
    "flows_in_larger_unit": T(
        "其单位为 {yuan:,} 元，而 amount 以元计。请以同一单位提供 amount 及其各部分，并以 landing.bars.amount_unit 声明",
        "it is in units of {yuan:,} yuan where amount is in yuan. Deliver amount and its parts in one unit, named by landing.bars.amount_unit",
    ),
    "flows_in_another_unit": T(
        "两者单位不同。请以同一单位提供 amount 及其各部分，并以 landing.bars.amount_unit 声明",
        "they are in different units. Deliver amount and its parts in one unit, named by landing.bars.amount_unit",
    ),
    # columns compared with each other
    "copied_column": T(
        "{stocks} 只股票中有 {count} 只，在价格变动的分钟里 {column} 几乎总是等于 {other}：其中一列由另一列填充。请提供每分钟首笔、末笔、最高与最低成交的价格",
        "{column} is {other} in nearly all minutes of {count} of {stocks} stocks in which their prices move: one was filled with the other. "
        "Deliver the prices of the first, the last, the highest and the lowest trade of each minute",
    ),
    "trades_are_constant": T(
        "{stocks} 只股票中有 {count} 只的 trades 几乎在每分钟都是同一个数：这不是成交笔数。请提供成交笔数，或删去该列",
        "trades is one number in nearly all minutes of {count} of {stocks} stocks: it is no number of trades. Deliver that, or leave the column "
        "out",
    ),
    "trades_are_shares": T(
        "{stocks} 只股票中有 {count} 只的 trades 几乎在每分钟都等于以股计的成交量：这不是成交笔数。请提供成交笔数，或删去该列",
        "trades is the volume in shares in nearly all minutes of {count} of {stocks} stocks: it is no number of trades. Deliver that, or leave "
        "the column out",
    ),
    "trades_are_lots": T(
        "{stocks} 只股票中有 {count} 只的 trades 几乎在每分钟都等于以手计的成交量：这不是成交笔数。请提供成交笔数，或删去该列",
        "trades is the volume in lots in nearly all minutes of {count} of {stocks} stocks: it is no number of trades. Deliver that, or leave the "
        "column out",
    ),
    "sides_exchanged": T(
        "收盘价变动的 {changes} 个分钟中，有 {against} 个在主动买入较多时下跌，或在主动卖出较多时上涨：buy_amount 与 sell_amount 互换了。请对调这两列",
        "the close falls where more was bought, or rises where more was sold, in {against} of {changes} minutes in which it moves: buy_amount and "
        "sell_amount are exchanged. Exchange the columns",
    ),
    "sides_of_exchange_exchanged": T(
        "{exchange} 收盘价变动的 {changes} 个分钟中，有 {against} 个在主动买入较多时下跌，或在主动卖出较多时上涨：buy_amount 与 sell_amount 互换了。请对调这两列",
        "the close of {exchange} falls where more was bought, or rises where more was sold, in {against} of {changes} minutes in which it moves: "
        "buy_amount and sell_amount are exchanged. Exchange the columns",
    ),
    "spread_in_yuan": T(
        "{stocks} 只股票中有 {count} 只的当日最小 spread 为 0.01：其单位是元。请以占价格的比例提供：(ask − bid) / mid",
        "the least spread of the day is 0.01 for {count} of {stocks} stocks: it is in yuan. Deliver (ask − bid) / mid as a fraction",
    ),
    "spread_too_large": T(
        "{stocks} 只股票当日最小 spread 的中位数为 {spread:.3g}：其单位是基点、百分数或元。请以占价格的比例提供：(ask − bid) / mid",
        "the least spread of the day is {spread:.3g} in the median of {stocks} stocks: it is in basis points, percent or yuan. Deliver "
        "(ask − bid) / mid as a fraction",
    ),
    "spread_below_tick": T(
        "{stocks} 只股票当日最小 spread 的中位数相当于 {cents:.3g} 分：单位有误。请以占价格的比例提供：(ask − bid) / mid",
        "the least spread of the day is {cents:.3g} cents in the median of {stocks} stocks: it is in another unit. Deliver (ask − bid) / mid as a "
        "fraction",
    ),
    # closes on straight lines
    "closes_on_line": T(
        "自 {start} 至 {end} 其收盘价位于同一条直线上，误差不超过一分：由插值得出。请提供每分钟最后一笔成交的价格",
        "from {start} to {end} its closes lie on one straight line, to the cent: they are interpolated. Deliver the price of the last trade of "
        "each minute",
    ),
    "closes_on_lines": T(
        "其收盘价每 {width} 分钟位于一条直线上，误差不超过一分：由 {width} 分钟线插值得出。请提供每分钟最后一笔成交的价格",
        "its closes lie on straight lines of {width} minutes, to the cent: they are interpolated between {width}-minute bars. Deliver the price "
        "of the last trade of each minute",
    ),
    "interpolated_closes": T(
        "{stocks} 只股票中有 {count} 只的收盘价由插值得出，例如其中一只：{cause}",
        "of {count} of {stocks} stocks the closes are interpolated: of one, {cause}",
    ),
    # the minutes of a stock
    "no_close_or_volume": T(
        "其各行均没有 close 或 volume，而据 daily_prices 当日有成交：请提供",
        "none of its rows has a close or a volume, but it traded according to daily_prices: deliver them",
    ),
    "daily_close_filled_in": T(
        "其每分钟的收盘价均为 {close}，而 daily_prices 的开盘价为 {daily_open}、收盘价为 {daily_close}：各分钟填入了日收盘价。请提供每分钟最后一笔成交的价格",
        "its close is {close} in every minute, and daily_prices opens at {daily_open} and closes at {daily_close}: a daily close was filled into "
        "the minutes. Deliver the price of the last trade of each minute",
    ),
    "moves_without_trade": T(
        "无成交的 {count} 个分钟的收盘价与此前最后一笔成交不同，首个为 {time}：由其他分钟填入。请提供每分钟最后一笔成交的价格，无成交的分钟则为此前最后一笔成交的价格",
        "{count} minutes without a trade have another close than its last trade before, the first at {time}: they were filled in from other "
        "minutes. Deliver the price of the last trade of each minute, and in a minute without a trade that of the last trade before",
    ),
    "filled_before_first_trade": T(
        "首笔成交之前的 {count} 个分钟的收盘价是该笔成交的价格，而非 pre_close {pre_close}：由其后的分钟填入。请留空",
        "{count} minutes before its first trade have the close of that trade, and not pre_close {pre_close}: they were filled in from a later "
        "minute. Leave them empty",
    ),
    "minutes_apart": T(
        "其 {minutes} 个分钟的间隔都是 {step} 分钟或其倍数：这是多分钟的 K 线。需要一分钟线：请提供",
        "its {minutes} minutes are all {step} apart or a multiple of that: these are bars of several minutes. One-minute bars are needed: "
        "deliver those",
    ),
    "prices_not_whole_cents": T(
        "其中 {count} 个分钟的价格不是整分，首个为 {time} 的 {price}：这是均价、中间价、插值或复权价格。请提供每分钟最后一笔成交的价格",
        "{count} of its minutes have prices that are not whole cents, the first {price} at {time}: these are averages, mid-prices or "
        "interpolated prices, or adjusted ones. Deliver the price of the last trade of each minute",
    ),
    "amount_outside_prices": T(
        "有成交的 {minutes} 个分钟中有 {count} 个（首个为 {time}），按最低价至最高价与成交量不可能得到该 amount：volume、amount 或价格属于其他分钟。"
        "请将其归入同一分钟",
        "in {count} of its {minutes} minutes that traded, the first at {time}, amount is impossible for its volume at prices from low to high: "
        "volume, amount or prices are those of other minutes. Deliver them under the same minute",
    ),
    "close_stood_still": T(
        "自 {start} 至 {end} 其收盘价不变，而前后多数分钟均有变动：当日部分数据丢失或被填补，或当时停牌，仅凭收盘价无法判断。请提供这些分钟，或提供成交量以便与 "
        "daily_prices 核对",
        "its close does not move from {start} to {end}, and does in most minutes before and after: a part of the day is lost or was filled in, or "
        "the stock was halted then, which closes alone do not show. Deliver these minutes, or volumes, by which the day can be compared with "
        "daily_prices",
    ),
    # order sizes
    "order_sizes_contradicted": T(
        "{stocks} 只股票的委托金额为当日成交额所得的 {ratio:.3g} 倍（中位数）：各和不是以元计的 ln amount 之和。请提供委托金额（元）的 Σ ln amount 与 "
        "Σ (ln amount)²",
        "the orders of {stocks} stocks are in the median {ratio:.3g} times those that follow from the day's amounts: the sums are not of "
        "ln amount in yuan. Deliver Σ ln amount and Σ (ln amount)² of the orders' amounts in yuan",
    ),
    "order_sizes_to_base": T(
        "{stocks} 只股票的委托金额为当日成交额所得的 {ratio:.3g} 倍（中位数）：对数以 {base} 为底。请提供自然对数之和",
        "the orders of {stocks} stocks are in the median {ratio:.3g} times those that follow from the day's amounts: the logarithms are "
        "to the base of {base}. Deliver sums of natural ones",
    ),
    "order_size_contradicted": T(
        "{orders} 笔委托的平均金额，由 sum_ln 与 sum_ln2 得 {by_sums} 元，由当日成交额得 {by_amount} 元：各和不是以元计的 ln amount 之和",
        "the mean of the {orders} orders is {by_sums} yuan by sum_ln and sum_ln2, and {by_amount} yuan by the day's amount: the sums are "
        "not of ln amount in yuan",
    ),
}
