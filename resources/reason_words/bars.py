"""The words of the reasons of ticks, bars and order sizes."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "no_file_of": T("{folder} 没有 {table} 的文件", "{folder} holds no file of {table}"),
    "no_readable_row": T(
        "{folder} 中 {table} 的文件没有可读取的数据行",
        "the files of {table} in {folder} hold no row that could be read",
    ),
    "no_folder": T("没有交付 {folder}", "no {folder} in the landing zone"),
    "no_limits_in_snapshots": T("当日行情快照文件不含涨跌停价", "the snapshot files of this day carry no limit prices"),
    "no_trades": T("当日没有逐笔成交", "no trades on this day"),
    "no_quotes": T("当日没有行情快照", "no quotes on this day"),
    "neither_nor_file": T("{cause}，也没有 {file}", "{cause}, and no {file}"),
    "no_usable_row": T(
        "{source} 已交付，但没有可用的 A 股数据行", "{source} was delivered, but holds no usable row of an A-share"
    ),
    "every_name_set_aside": T(
        "{source} 已交付，但全部股票均被剔除，首个原因：{first}",
        "{source} was delivered, but every symbol of it is set aside, the first because: {first}",
    ),
    "no_limit_prices": T(
        "没有涨跌停价：securities 与当日快照均无",
        "no limit prices: neither securities nor snapshots of this day have any",
    ),
    "column_without_values": T("{source} 没有 {column} 的数据", "{source} has no value of {column}"),
    "few_order_sizes": T(
        "此前 {window} 个交易日的 order_sizes 不足 {days} 日或 {orders} 笔委托",
        "fewer than {days} days or {orders} orders in the order_sizes of the {window} trading days before",
    ),
    # rows and findings
    "sum_not_finite": T("{column} = {value} 不是有限数", "{column} = {value} is not a finite number"),
    "negative_orders": T("orders = {orders} 为负", "orders = {orders} is negative"),
    "negative_variance": T(
        "ln amount 的方差为负：orders = {orders}，sum_ln = {sum_ln}，sum_ln2 = {sum_ln2}",
        "the variance of ln amount is negative: orders = {orders}, sum_ln = {sum_ln}, sum_ln2 = {sum_ln2}",
    ),
    "day_contradicted": T(
        "daily_prices 的开盘价为 {open}，最高价为 {high}，最低价为 {low}，收盘价为 {close}；而其逐笔成交（合计等于当日成交量）"
        "的首笔价格为 {first_open}，价格区间为 {bottom} 至 {top}，收盘集合竞价的价格为 {auction_close}",
        "daily_prices has open {open}, high {high}, low {low} and close {close}, but its trades, which add up to the daily volume, "
        "open at {first_open}, range from {bottom} to {top}, and the price of the closing auction is {auction_close}",
    ),
    "orders_lacking_now": T(
        "{exchange} 当日有成交的 {expected} 只股票中有 {lacking} 只没有交付逐笔委托，而其在 {date} 曾交付（{names}）",
        "no orders were delivered of {lacking} of {expected} stocks of {exchange} that traded, although orders of them were delivered "
        "on {date} ({names})",
    ),
    "orders_lacking": T(
        "{exchange} 当日有成交的 {expected} 只股票中有 {lacking} 只没有交付逐笔委托，而 bars.expect_orders = 'always' 要求交付（{names}）",
        "no orders were delivered of {lacking} of {expected} stocks of {exchange} that traded, although bars.expect_orders = 'always' "
        "requires them ({names})",
    ),
    "replay_is_off": T("委托簿重演已关闭（bars.replay_book）", "the book replay is off (bars.replay_book)"),
    "bars_hold_no_ticks": T("{file} 是一分钟线，没有逐笔数据", "{file} holds one-minute bars, no ticks"),
}
