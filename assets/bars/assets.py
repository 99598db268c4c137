"""Declares order_sizes and minute_bars: schemas, what they read, the checks that they must pass. Declarations only."""

from assets.bars.schemas import MINUTE_BARS, ORDER_SIZES
from assets.bars.windows import order_days, threshold_days
from assets.tape_health.assets import CONTRADICTED
from resources.gate import Between, Check, Unique
from resources.table import Land, Read, Table

_TRADED = ("trades.price",)
_LARGE = ("trades.bid_order", "order_sizes.orders")
_BOOK = ("quotes.bid_price_1",)

order_sizes = Table(
    name="order_sizes",
    stage="bars",
    partition="day",
    history="minutes",
    description=(
        "How large a stock's orders were: `orders` with a fill (buy and sell side pooled), `sum_ln` = Σ ln amount and `sum_ln2` "
        "= Σ (ln amount)², an order's amount being all its fills of the day in yuan. Sets the thresholds from which orders are "
        "large (SPEC §3). Null where tape_health set the tape aside. Days without ticks take `bars/<YYYYMMDD>.order_sizes.parquet` where it landed."
    ),
    reads=(Read("trades"), Read("tape_health")),
    lands=(Land("bars"),),
    schema=ORDER_SIZES,
    sort=("symbol",),
    settings="bars",
    make="assets.bars.make_order_sizes:make_order_sizes",
    needs={"orders": ("trades.bid_order",), "sum_ln": ("trades.bid_order",), "sum_ln2": ("trades.bid_order",)},
    checks=(
        Check("symbol_unique", Unique(("symbol",)), critical=True, remedy="the delivered table names a stock twice"),
        Check("orders_counted", Between("orders", 0, None), critical=True, remedy="correct the delivered order sizes"),
        Check(
            "no_symbol_set_aside",
            Between("set_aside", 0, 0),
            critical=False,
            remedy="re-deliver the files of the named symbols; the day does not count for their thresholds until then",
            explained_by=("tape_health.no_symbol_set_aside",),
        ),
    ),
)

minute_bars = Table(
    name="minute_bars",
    stage="bars",
    partition="day",
    history="minutes",
    description=(
        "One-minute bars, 239 rows per delivered symbol-day: 565 opening auction, 237 minutes of continuous trading by their "
        "start (570 = 09:30), 897 closing auction; 905 after-hours where it traded. Prices and amounts in yuan, `volume` in "
        "shares; an empty minute is flat. `large_*`: fills of orders above the stock's threshold of the days before. "
        "`net_bid_change` is Q of SPEC §3 in yuan; `spread`, `imbalance`, `imbalance_5` are means over the bar's two-sided "
        "quotes. A symbol that tape_health set aside keeps its rows with null values. SPEC §1, §2.2."
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
            remedy="re-deliver the day's tick files, or correct daily_prices",
        ),
        Check(
            "bars_hold_every_trade",
            Between("unaccounted_volume", 0, 0),
            critical=True,
            remedy="the bars lost or doubled trades of the tape: report it with the day's files",
        ),
        Check(
            "dense_bars_complete",
            Between("missing_bars", 0, 0),
            critical=True,
            remedy="a symbol-day must have exactly the bars of SPEC §1: report it with the day's files",
        ),
        Check(
            "last_close_equals_official_close",
            Between("close_difference", -0.00005, 0.00005),
            critical=False,
            critical_share=1,  # bars of ticks alone; before there were closing auctions the official close was an average
            remedy="the last bar closes elsewhere than daily_prices: check the named symbols' daily prices",
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
            remedy="bars outside the day's limit prices: check the limits of the named symbols",
        ),
        Check(
            "orders_delivered_as_before",
            Between("too_many_without_orders", 0, 0),
            critical=True,
            remedy="deliver the day's order files; where the vendor delivers orders no longer, set bars.expect_orders = 'never'",
        ),
        Check(
            "orders_of_every_name_delivered",
            Between("without_orders", 0, 0),
            critical=False,
            critical_share=1,  # what refuses the day is counted above
            remedy="deliver the orders of the named symbols; their bars stand, and nothing holds their trades against orders",
        ),
    ),
)

TABLES = (order_sizes, minute_bars)
