"""Declares the tables order_sizes and minute_bars: their schemas, inputs and checks."""

from assets.bars.schemas import MINUTE_BARS, ORDER_SIZES
from assets.bars.windows import order_days, threshold_days
from assets.tape_health.assets import CONTRADICTED
from resources.gate import Between, Check, Unique
from resources.language import Bilingual as T
from resources.table import Land, Read, Table

_TRADED = ("trades.price",)
_LARGE = ("trades.bid_order", "order_sizes.orders")
_BOOK = ("quotes.bid_price_1",)

order_sizes = Table(
    name="order_sizes",
    group="bars",
    partition="day",
    history="minutes",
    description=(
        "Sums of the sizes of each stock's orders: `orders` is the number of orders with a fill (buy and sell orders pooled), `sum_ln` = "
        "Σ ln amount and `sum_ln2` = Σ (ln amount)², where the amount of an order is the sum of its fills of the day in yuan. The thresholds "
        "of large orders are computed from these sums (SPEC §3). Values are null where tape_health set the tape aside. On days without "
        "ticks, `bars/<YYYYMMDD>.order_sizes.parquet` is read, if it was delivered."
    ),
    reads=(Read("trades"), Read("tape_health")),
    lands=(Land("bars"),),
    schema=ORDER_SIZES,
    sort=("symbol",),
    settings="bars",
    make="assets.bars.make_order_sizes:make_order_sizes",
    needs={"orders": ("trades.bid_order",), "sum_ln": ("trades.bid_order",), "sum_ln2": ("trades.bid_order",)},
    checks=(
        Check(
            "symbol_unique",
            Unique(("symbol",)),
            critical=True,
            remedy=T("每只股票只提供一行", "deliver one row for each stock"),
        ),
        Check(
            "orders_counted",
            Between("orders", 0, None),
            critical=True,
            remedy=T("更正所提供的委托规模数据", "correct the delivered order sizes"),
        ),
        Check(
            "no_symbol_set_aside",
            Between("set_aside", 0, 0),
            critical=False,
            remedy=T(
                "重新提供所列股票的文件；在此之前，这一天不参与其大单阈值的计算",
                "deliver the files of the named symbols again; until then this day is left out of their thresholds",
            ),
            explained_by=("tape_health.no_symbol_set_aside",),
        ),
    ),
)

minute_bars = Table(
    name="minute_bars",
    group="bars",
    partition="day",
    history="minutes",
    description=(
        "One-minute bars, 239 rows per delivered symbol-day: minute 565 is the opening auction, 237 minutes of continuous trading are "
        "named by their start (570 = 09:30), and 897 is the closing auction; symbol-days with trades after hours also have a row 905. "
        "Prices and amounts are in yuan, `volume` in shares; all prices of a minute without a trade are the last close. `large_*` are "
        "the fills of orders of at least the stock's threshold of the days before. `net_bid_change` is Q of SPEC §3 in yuan; `spread`, "
        "`imbalance` and `imbalance_5` are means over the two-sided quotes of the bar. The rows of a symbol that tape_health set aside "
        "have null values. SPEC §1, §2.2."
    ),
    reads=(
        Read("trades"),
        Read("quotes"),
        Read("daily_prices"),
        Read("securities"),
        Read("order_sizes", over=threshold_days),
        Read("tape_health", over=order_days),
    ),
    lands=(Land("bars"),),
    schema=MINUTE_BARS,
    sort=("symbol", "minute"),
    settings="bars",
    rules=("boards", "after_hours", "closing_auctions"),
    make="assets.bars.make_minute_bars:make_minute_bars",
    needs={
        "open": _TRADED,
        "high": _TRADED,
        "low": _TRADED,
        "close": _TRADED,
        "volume": _TRADED,
        "amount": _TRADED,
        "trades": _TRADED,
        "buy_amount": _TRADED,
        "sell_amount": _TRADED,
        "large_buy_amount": _LARGE,
        "large_sell_amount": _LARGE,
        "net_bid_change": _BOOK,
        "spread": _BOOK,
        "imbalance": _BOOK,
        "imbalance_5": _BOOK,
        "at_limit_up": ("securities.limit_up",),
        "at_limit_down": ("securities.limit_down",),
    },
    checks=(
        Check(
            "volume_equals_exchange_total",
            Between("volume_difference", 0, 0),
            critical=True,
            remedy=T(
                "重新提供当日的逐笔文件，或更正 daily_prices",
                "deliver the day's tick files again, or correct daily_prices",
            ),
        ),
        Check(
            "bars_hold_every_trade",
            Between("unaccounted_volume", 0, 0),
            critical=True,
            remedy=T(
                "分钟线没有恰好包含每笔成交一次，属于程序错误：请连同当日文件报告",
                "the bars do not contain every trade of the tape exactly once: this is a mistake in the code; report it with the day's files",
            ),
        ),
        Check(
            "dense_bars_complete",
            Between("missing_bars", 0, 0),
            critical=True,
            remedy=T(
                "某股票当日的分钟线与 SPEC §1 规定的不完全一致，属于程序错误：请连同当日文件报告",
                "a symbol-day does not have exactly the bars of SPEC §1: this is a mistake in the code; report it with the day's files",
            ),
        ),
        Check(
            "last_close_equals_official_close",
            Between("close_difference", -0.00005, 0.00005),
            critical=False,
            critical_share=1,  # before there were closing auctions, the official close was an average
            remedy=T(
                "末根分钟线的收盘价与 daily_prices 不同：检查所列股票的日行情",
                "the close of the last bar differs from daily_prices: check the daily prices of the named symbols",
            ),
        ),
        Check(
            "daily_prices_agree_with_trades",
            Between("day_contradicted", 0, 0),
            critical=False,
            plausibility=True,
            remedy=CONTRADICTED,
        ),
        Check(
            "prices_inside_limits",
            Between("outside_limits", 0, 0),
            critical=False,
            remedy=T(
                "分钟线有价格超出当日涨跌停价：检查所列股票的涨跌停价",
                "bars have prices outside the day's limit prices: check the limit prices of the named symbols",
            ),
        ),
        Check(
            "orders_delivered_as_before",
            Between("too_many_without_orders", 0, 0),
            critical=True,
            remedy=T(
                "提供当日的逐笔委托文件；若供应商不再提供逐笔委托，设 bars.expect_orders = 'never'",
                "deliver the day's order files; if the vendor no longer delivers orders, set bars.expect_orders = 'never'",
            ),
        ),
        Check(
            "orders_of_every_name_delivered",
            Between("without_orders", 0, 0),
            critical=False,
            critical_share=1,  # the check above decides whether the day is refused
            remedy=T(
                "提供所列股票的逐笔委托；其分钟线仍被使用，但成交未与委托核对",
                "deliver the orders of the named symbols; their bars are used, but their trades are not compared with orders",
            ),
        ),
    ),
)

TABLES = (order_sizes, minute_bars)
