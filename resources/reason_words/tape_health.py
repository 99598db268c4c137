"""The words of the reasons of tape health: why a tape is repaired, set aside or missing."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "day_not_delivered": T(
        "{cause}，而 daily_prices 当日有成交量的股票数为 {stocks}",
        "{cause}, while the number of stocks with a volume in daily_prices is {stocks}",
    ),
    # totals
    "trades_do_not_add_up": T(
        "逐笔成交合计 {volume} 股、{amount:.15g} 元，而 daily_prices 为 {reference_volume} 股、{reference_amount:.15g} 元：有数据"
        "行缺失、重复或被改动",
        "its trades add up to {volume} shares and {amount:.15g} yuan, but daily_prices has {reference_volume} and "
        "{reference_amount:.15g}: rows are missing, duplicated or altered",
    ),
    "trades_differ_from_snapshot": T(
        "逐笔成交合计 {volume} 股、{amount:.15g} 元，而最后一笔行情快照为 {reference_volume} 股、{reference_amount:.15g} 元：有数"
        "据行缺失、重复或被改动",
        "its trades add up to {volume} shares and {amount:.15g} yuan, but the last snapshot has {reference_volume} and "
        "{reference_amount:.15g}: rows are missing, duplicated or altered",
    ),
    "snapshots_differ_from": T(
        "自 {time} 起，行情快照与逐笔成交的累计值不符",
        "its snapshots differ from the sums of its trades from {time} on",
    ),
    "minutes_do_not_add_up": T(
        "分钟线合计 {volume} 股、{amount:.15g} 元，而 daily_prices 为 {reference_volume} 股、{reference_amount:.15g} 元：有数据行"
        "缺失、重复或被改动",
        "its minutes add up to {volume} shares and {amount:.15g} yuan, but daily_prices has {reference_volume} and "
        "{reference_amount:.15g}: rows are missing, duplicated or altered",
    ),
    "after_hours_not_delivered": T(
        "该股所在板块当日有盘后交易，而没有交付其 905 分钟：如果 daily_prices 包含盘后成交，请提供该分钟",
        "its board trades after hours on this day, and no minute 905 of it was delivered: if daily_prices includes these trades, "
        "deliver this minute",
    ),
    "volumes_in_lots": T(
        "各分钟成交量均为整手，合计 {volume} 股，而 daily_prices 为 {reference_volume} 股，平均每个有成交的分钟相差不到一手：成交"
        "量被取整到手。请提供以股为单位的成交量，或提供四舍五入到手的成交量并声明 landing.bars.volume_unit = 'lots'",
        "its volumes are whole lots and add up to {volume} shares, but daily_prices has {reference_volume}, less than a lot away "
        "for each minute that traded: they were rounded to lots. Deliver volumes in shares, or lots rounded to the nearest one "
        "with landing.bars.volume_unit = 'lots'",
    ),
    "amounts_truncated": T(
        "各分钟成交额均为 {step:.10g} 元的整数倍，合计 {amount:.15g} 元，而 daily_prices 为 {reference_amount:.15g} 元，平均每个有"
        "成交的分钟相差不到该单位：成交额被截断。请提供精确到分的成交额，或四舍五入的成交额",
        "its amounts are multiples of {step:.10g} yuan and add up to {amount:.15g}, but daily_prices has {reference_amount:.15g}, "
        "less than that away for each minute that traded: they were truncated. Deliver amounts to the cent, or rounded to the "
        "nearest",
    ),
    "daily_volumes_in_lots": T(
        "各分钟成交量合计 {volume} 股，而 daily_prices 为 {reference_volume} 股，且 daily_prices 的成交量全部为整手：daily_prices "
        "的成交量被取整。请提供以股为单位的成交量，或提供四舍五入到手的成交量并声明 landing.daily_prices.volume_unit = 'lots'",
        "its volumes add up to {volume} shares, but daily_prices has {reference_volume}, and every volume of daily_prices is "
        "whole lots: those of daily_prices were rounded. Deliver them in shares, or as lots rounded to the nearest one with "
        "landing.daily_prices.volume_unit = 'lots'",
    ),
    "amounts_rounded": T(
        "各分钟成交额合计 {amount:.15g} 元，而 daily_prices 为 {reference_amount:.15g} 元，且 {table} 的成交额全部为 {step} 元的整"
        "数倍：{table} 的成交额被取整。请提供精确到元的成交额",
        "its amounts add up to {amount:.15g} yuan, but daily_prices has {reference_amount:.15g}, and every amount of {table} is a "
        "multiple of {step} yuan: those of {table} were rounded. Deliver amounts to the yuan",
    ),
    "amounts_rounded_to_unit": T(
        "各分钟成交额合计 {amount:.15g} 元，而 daily_prices 为 {reference_amount:.15g} 元，且 {table} 的成交额全部为 {step} 元的整"
        "数倍：{table} 的成交额被取整。请提供精确到元的成交额，或按其单位提供并声明 landing.{table}.amount_unit = '{unit}'",
        "its amounts add up to {amount:.15g} yuan, but daily_prices has {reference_amount:.15g}, and every amount of {table} is a "
        "multiple of {step} yuan: those of {table} were rounded. Deliver amounts to the yuan, or in their unit with landing."
        "{table}.amount_unit = '{unit}'",
    ),
    # trades
    "trades_conflict": T(
        "{count} 笔逐笔成交重复交付且数值不同", "{count} of its trades were delivered twice with different values"
    ),
    "trade_rows_unproven": T(
        "成交文件中该股有 {count} 行不可用，且没有总量能证明其成交无缺",
        "{count} of its rows in the trade files cannot be used, and no total proves that none of its trades is missing",
    ),
    "snapshots_off": T(
        "自 {first} 起连续 {count} 笔行情快照与逐笔成交的累计值不符，至 {next} 又相符：其间的快照或成交有误",
        "{count} consecutive snapshots, from {first} on, are not the sums of its trades, and that of {next} is again: the "
        "snapshots or the trades in between are wrong",
    ),
    "trades_outside_limits": T(
        "{count} 笔成交的价格超出当日交付的涨跌停价",
        "{count} of its trades are priced outside the limit prices delivered for the day",
    ),
    "trades_out_of_order": T(
        "{count} 笔成交的时间戳乱序，且前后成交不在同一根分钟线内",
        "{count} of its trades are stamped out of order, and the trades around them are not in one bar",
    ),
    "aggressors_disagree": T(
        "连续竞价中 {count} 笔成交的买卖标志与委托序号对主动方的判断不一致，超过 {limit}（bars.max_side_disagreements）",
        "flag and order numbers of {count} continuous prints disagree about the aggressor, more than {limit} ("
        "bars.max_side_disagreements)",
    ),
    "orders_contradicted": T(
        "成交与该股 {orders} 笔委托中的 {count} 笔矛盾，超过 {limit:.2%}（bars.max_faulty_order_share）：{cause}",
        "its trades contradict {count} of its {orders} orders, more than {limit:.2%} (bars.max_faulty_order_share): {cause}",
    ),
    "trades_against_book": T(
        "快照之后以最优价成交的 {trades} 笔首笔成交中，{count} 笔的主动方向与盘口相反，超过 {limit:.0%}（"
        "bars.max_against_book_share）：成交的委托序号或买卖标志中买卖方互换",
        "{count} of its {trades} trades next after a snapshot, at its best prices, are active on the other side than its book says"
        ", more than {limit:.0%} (bars.max_against_book_share): buyers and sellers are exchanged in its trades, in their order "
        "numbers or their flags",
    ),
    "trades_against_price": T(
        "{changes} 次价格变动中有 {count} 次与成交方向相反（主动卖出使价格上涨，或主动买入使价格下跌），超过 {limit:.0%}（"
        "bars.max_against_price_share）：成交的委托序号或买卖标志中买卖方互换；如果比例约为一半，则是委托序号不随时间递增",
        "{count} of its {changes} price changes go against the side of their trade (up by an active sell, or down by an active buy)"
        ", more than {limit:.0%} (bars.max_against_price_share): buyers and sellers are exchanged in its trades, in their order "
        "numbers or their flags, or, where it is about half of them, the order numbers do not rise with time",
    ),
    "fills_improve": T(
        "{count} 笔成交使主动委托以优于前一笔的价格成交，超过 {limit}（bars.max_improving_fills），而盘口应从最优价开始成交：数据"
        "行被改动或乱序，或成交的买卖方互换",
        "{count} of its trades fill an active order at a better price than the trade just before, more than {limit} ("
        "bars.max_improving_fills), where a book is taken from its best price on: rows are altered or out of order, or buyers and "
        "sellers are exchanged in its trades",
    ),
    "several_channels": T(
        "收盘前的成交分布在 {count} 个通道，而一只股票只有一个通道",
        "its trades before the close are on {count} channels, but a stock has one channel",
    ),
    "traded_without_daily_row": T(
        "当日 daily_prices 没有该股的可用数据行，表示其没有交易，而交付了其成交。请提供 reference/daily_prices 中该股的数据行",
        "daily_prices of this day has no usable row of it, which means that it did not trade, but trades of it were delivered. "
        "Deliver its row of reference/daily_prices",
    ),
    "channel_unproven": T(
        "其通道缺少编号或在收盘前中断，且没有总量能证明其成交无缺",
        "its channel lacks numbers or stops before the close, and no total proves that none of its trades is missing",
    ),
    "trades_duplicated": T(
        "{count} 笔成交重复交付，只计一次", "{count} of its trades were delivered twice and count once"
    ),
    "trade_rows_unusable": T(
        "成交文件中该股有 {count} 行不可用；总量证明其成交无缺",
        "{count} of its rows in the trade files cannot be used; the total proves that no trade is missing",
    ),
    "stamps_corrected": T(
        "{count} 笔成交的时间戳乱序，已更正到所属分钟线",
        "{count} stamps of its trades are out of order and were corrected to their bar",
    ),
    # the likely cause of orders that contradict the trades
    "order_sides_exchanged": T(
        "两者之一的买卖方互换：成交中买方与卖方的委托序号，或委托中的买卖方向代码",
        "buyers and sellers are exchanged in one of the two: the order numbers of bid and ask in its trades, or the letters of "
        "the side in its orders",
    ),
    "orders_mispriced": T(
        "这些委托以劣于限价的价格成交：成交与委托的买卖方同时互换，或两者之一的价格单位不同",
        "they were filled at worse prices than their limits: buyers and sellers are exchanged in trades and orders alike, or the "
        "prices of one are in another unit",
    ),
    "orders_never_entered": T(
        "这些委托从未申报：委托文件缺行，或该文件属于另一日、另一证券或采用另一编号",
        "they never entered: rows of the order file are missing, or it is that of another day, of another security or numbered "
        "otherwise",
    ),
    "cancels_off": T(
        "撤单数量不等于剩余数量：成交或委托有缺行",
        "cancels are not of the remaining quantity: rows of the trades or of the orders are missing",
    ),
    "orders_repeated": T(
        "这些委托重复申报或重复撤单：委托行以不同编号重复交付",
        "they entered or were cancelled twice: order rows were delivered twice under other numbers",
    ),
    "orders_of_another_tape": T(
        "委托与成交属于不同日期或不同证券，或两者的数量单位不同",
        "its orders and its trades are of different days or securities, or their quantities are in different units",
    ),
    # missing tapes
    "no_trade_of_volume": T(
        "daily_prices 的成交量为 {volume} 股，而没有交付其可用的成交",
        "daily_prices has a volume of {volume} shares, but no usable trade of it was delivered",
    ),
    "no_trade_of_snapshot": T(
        "最后一笔行情快照的成交量为 {volume} 股，而没有交付其可用的成交",
        "the last snapshot has a volume of {volume} shares, but no usable trade of it was delivered",
    ),
    "no_row_usable": T("交付的 {count} 行均不可用", "the {count} rows of it that were delivered cannot be used"),
    "no_minute_of_volume": T(
        "daily_prices 的成交量为 {volume} 股，而没有交付其分钟线",
        "daily_prices has a volume of {volume} shares, but no minute of it was delivered",
    ),
    # snapshots
    "book_set_aside": T("盘口剔除：{cause}", "its book is set aside: {cause}"),
    "snapshots_unusable": T(
        "{snapshots} 笔行情快照中有 {count} 笔不可用，超过 {limit:.0%}（bars.max_unusable_quote_share）：{faults}",
        "{count} of {snapshots} snapshots cannot be used, more than {limit:.0%} (bars.max_unusable_quote_share): {faults}",
    ),
    "book_empty": T(
        "该股有成交，而连续竞价期间没有一笔行情快照显示委托",
        "it traded, and none of its snapshots in continuous trading shows an order",
    ),
    "snapshots_missing": T(
        "{time} 的成交在 {seconds} 秒后才出现在行情快照中，超过 {limit:g} 秒（bars.max_quote_gap_seconds）：缺少快照",
        "no snapshot includes its trade of {time} until {seconds} s later, more than {limit:g} (bars.max_quote_gap_seconds): "
        "snapshots are missing",
    ),
    "levels_exchanged": T(
        "买卖盘量互换：快照之后的成交恰好吃掉一侧最优档全部挂单量的共 {levels} 次，其中 {wrong} 次为相反一侧的挂单量，超过 "
        "{limit:.0%}（bars.max_contradicted_level_share）。请在快照文件或读取该文件的布局中交换这些列（docs/layouts.md）",
        "bid and ask volumes are exchanged: next after a snapshot the trades took exactly the volume of one side of {levels} best "
        "levels, and of {wrong} of them that of the wrong side, more than {limit:.0%} (bars.max_contradicted_level_share). "
        "Exchange the columns in the snapshot files, or in the layout that reads them (docs/layouts.md)",
    ),
    "levels_in_larger_unit": T(
        "盘口挂单量的单位大于股，例如手（100 股）：快照之后的成交吃掉整档最优价 {levels} 次，其中 {count} 次的成交量达到所示挂单量"
        "的 {factor:g} 倍或以上（bars.swept_volume_factor），超过 {limit:.0%}（bars.max_contradicted_level_share）。请提供以股为单"
        "位的买卖盘量",
        "level volumes are in a larger unit than shares, such as lots of 100: next after a snapshot the trades took {factor:g} "
        "times the volume shown, or more, of {count} of the {levels} best levels that they took whole (bars.swept_volume_factor), "
        "more than {limit:.0%} (bars.max_contradicted_level_share). Deliver the bid and ask volumes of the snapshots in shares",
    ),
    "levels_multiplied": T(
        "盘口挂单量被放大，例如把股当作手（100 股）换算：快照之后的成交吃掉整档最优价 {levels} 次，其中 {count} 次的成交量不超过所"
        "示挂单量的 1/{factor:g}（bars.swept_volume_factor），超过 {limit:.0%}（bars.max_contradicted_level_share）。请提供以股为"
        "单位的买卖盘量",
        "level volumes are multiplied, as where shares were taken for lots of 100: next after a snapshot the trades took 1/"
        "{factor:g} of the volume shown, or less, of {count} of the {levels} best levels that they took whole ("
        "bars.swept_volume_factor), more than {limit:.0%} (bars.max_contradicted_level_share). Deliver the bid and ask volumes of "
        "the snapshots in shares",
    ),
    "snapshots_left_out": T(
        "{snapshots} 笔行情快照中有 {count} 笔不计入盘口：{faults}",
        "{count} of {snapshots} snapshots are left out of the book: {faults}",
    ),
    "snapshots_repeated": T(
        "{count} 笔行情快照与前一笔相同，只计一次", "{count} snapshots repeat the one before and count once"
    ),
    "snapshot_rows_unusable": T(
        "快照文件中该股有 {count} 行不可用", "{count} of its rows in the snapshot files cannot be used"
    ),
    "quotes_crossed": T("{count} 笔买卖价交叉", "{count} crossed"),
    "quotes_decrease": T("{count} 笔的累计值小于更早的快照", "{count} with smaller sums than an earlier one"),
    "quotes_misaligned": T("{count} 笔与成交的累计值不符", "{count} not the sums of its trades"),
    "quotes_late": T("{count} 笔的时间戳远离其成交", "{count} stamped far from its trades"),
    "quotes_inconsistent": T(
        "{count} 笔自相矛盾（档位乱序、价格超出涨跌停价或前收盘价不同）",
        "{count} inconsistent (levels out of order, prices outside the limits, another previous close)",
    ),
    # orders
    "orders_set_aside": T("逐笔委托剔除：{cause}", "its orders are set aside: {cause}"),
    "orders_conflict": T("{count} 笔重复交付且数值不同", "{count} were delivered twice with different values"),
    "order_rows_unusable": T(
        "委托文件中该股有 {count} 行不可用", "{count} of its rows in the order files cannot be used"
    ),
    "orders_overfilled": T(
        "{count} 笔的成交或撤单超过其数量、劣于其限价、方向相反或从未申报",
        "{count} were filled or cancelled beyond their size, at a worse price than their limit, on the other side or without "
        "having entered",
    ),
    "orders_duplicated": T(
        "{count} 行委托重复交付，只计一次", "{count} of its order rows were delivered twice and count once"
    ),
    "orders_out_of_order": T("{count} 行委托的时间戳乱序", "{count} of its order rows are stamped out of order"),
    # delivered bars
    "bad_row": T(
        "{file}：有 1 行错误，时间为 {time}（{minute}）：{cause}", "{file}: 1 bad row, of {time} ({minute}): {cause}"
    ),
    "bad_rows": T(
        "{file}：有 {count} 行错误，首行时间为 {time}（{minute}）：{cause}",
        "{file}: {count} bad rows, the first, of {time} ({minute}): {cause}",
    ),
    "after_hours_in_daily_alone": T(
        "daily_prices 包含 {stocks} 只股票按收盘价成交的 {volume} 股盘后成交，而没有交付 905 分钟：不含该分钟的分钟线是完整的",
        "daily_prices includes trades after hours of {stocks} stocks, {volume} shares at the close, and no minute 905 was "
        "delivered: their bars are complete without it",
    ),
    # the day, its channels and its files
    "too_many_contradicted": T(
        "有委托的 {symbols} 只股票中有 {count} 只的成交与委托矛盾，超过 {limit:.0%}（bars.max_contradicted_share）：{reasons}",
        "trades and orders contradict each other in {count} of the {symbols} symbols with orders, more than {limit:.0%} ("
        "bars.max_contradicted_share): {reasons}",
    ),
    "too_many_set_aside": T(
        "{symbols} 只股票中有 {count} 只被剔除，超过 {limit:.0%}（bars.max_set_aside_share）：{reasons}",
        "{count} of {symbols} symbols are set aside, more than {limit:.0%} (bars.max_set_aside_share): {reasons}",
    ),
    "too_many_uncovered": T(
        "按 daily_prices 有交易的 {stocks} 只股票中有 {count} 只没有交付，超过 {limit:.0%}（bars.max_uncovered_share）：{names}",
        "{count} of {stocks} stocks that traded according to daily_prices were not delivered, more than {limit:.0%} ("
        "bars.max_uncovered_share): {names}",
    ),
    "not_all_covered": T(
        "有交易的 {stocks} 只股票中有 {count} 只没有交付：{names}",
        "{count} of {stocks} stocks that traded were not delivered: {names}",
    ),
    "sides_contradict_prices": T(
        "{exchange} 的股票的 {changes} 次价格变动中有 {count} 次与成交方向相反（主动卖出使价格上涨，或主动买入使价格下跌）；价格变"
        "动次数足够的 {judged} 只股票中有 {stocks} 只如此，超过 {limit:.0%}（bars.max_contradicted_share）。成交的买卖方互换；如果"
        "比例约为一半，则是委托序号不随时间递增：{cause}",
        "{count} of {changes} price changes of the stocks of {exchange} go against the side of their trade (up by an active sell, "
        "or down by an active buy), in {stocks} of {judged} stocks with enough of them, more than {limit:.0%} ("
        "bars.max_contradicted_share). Buyers and sellers are exchanged in its trades or, where it is about half of them, order "
        "numbers do not rise with time: {cause}",
    ),
    "side_columns_sh": T(
        "涉及主动方标志和买卖方委托序号（YYYYMMDD_Transaction.csv 的 TradeBSFlag、TradeBuyNo 和 TradeSellNo）",
        "the flag of the aggressor and the order numbers of buyer and seller (TradeBSFlag, TradeBuyNo and TradeSellNo of "
        "YYYYMMDD_Transaction.csv)",
    ),
    "side_columns_sz": T(
        "涉及买卖方委托序号（mdl_6_36_0.csv 的 BidApplSeqNum 和 OfferApplSeqNum）",
        "the order numbers of buyer and seller (BidApplSeqNum and OfferApplSeqNum of mdl_6_36_0.csv)",
    ),
    "levels_contradict_trades": T(
        "{exchange} 有足够整档成交的 {judged} 只股票中，{count} 只的盘口与成交矛盾，超过 {limit:.0%}（bars.max_contradicted_share）："
        "{cause}",
        "in {count} of {judged} names of {exchange} with enough swept levels, more than {limit:.0%} (bars.max_contradicted_share), "
        "the books contradict the trades: {cause}",
    ),
    "orders_of_exchange_absent": T(
        "交付了 {exchange} 的 {stocks} 只股票的成交，而没有交付其任何委托，另一交易所的委托则已交付",
        "trades of {stocks} stocks of {exchange} were delivered without any of their orders, although orders of the other "
        "exchange were delivered",
    ),
    "channel_lacks_numbers": T(
        "{exchange} 的通道 {channel} 的 {last} 个 {numbering} 编号中缺少 {count} 个：{ranges}",
        "channel {channel} of {exchange} lacks {count} of its {last} numbers of {numbering}: {ranges}",
    ),
    "channel_ends_early": T(
        "{exchange} 的通道 {channel} 的成交止于 {time}：缺少当日其余部分",
        "the trades of channel {channel} of {exchange} end at {time}: the rest of the day is missing",
    ),
    "file_cut_off": T(
        "{file} 止于 {time}，且没有总量证明其完整：{stocks} 只股票中有 {count} 只与当日成交量和成交额不符，或没有这些总量（"
        "{symbols}）",
        "{file} ends at {time}, and no total proves it complete: {count} of its {stocks} stocks do not add up to the day's volume "
        "and amount, or have no such total ({symbols})",
    ),
    "market_halted": T(
        "{file} 止于 {time}：当日总量证明其 {stocks} 只股票中 {count} 只的数据完整，即交易在此时结束",
        "{file} ends at {time}: the day's totals prove the tapes of {count} of its {stocks} stocks complete, so that trading "
        "ended at this time",
    ),
    # the replay of a book
    "no_order_stream": T("没有逐笔委托", "no order stream"),
    "no_snapshots": T("没有行情快照", "no snapshots"),
    "no_joint_numbering": T("委托与成交没有统一编号", "no joint numbering of orders and trades"),
}
