"""Declares tape_health, order_sizes and minute_bars: schema, what they read, the checks they must pass. Declarations only."""

from assets.bars.schemas import MINUTE_BARS, ORDER_SIZES, TAPE_HEALTH
from assets.bars.windows import order_days, threshold_days
from resources.gate import Between, Check, Unique
from resources.table import Land, Read, Table

_TRADED = ("trades.price",)
_LARGE = ("trades.bid_order", "order_sizes.orders")
_BOOK = ("quotes.bid_price_1",)

_TRADES, _QUOTES, _ORDERS = ("trades.price",), ("quotes.volume",), ("orders.order",)
_REFERENCE = ("daily_prices.volume", "quotes.volume")

# Portfolios are priced by daily_prices, and its high and low say whether a name is locked at its limit.
CONTRADICTED = (
    "the open, high, low or close that daily_prices gives the named symbols is not that of their trades, which hold the whole day: "
    "correct the rows of reference/daily_prices, or deliver the minute data again where that is at fault"
)

tape_health = Table(
    name="tape_health",
    stage="bars",
    partition="day",
    history="minutes",
    description=(
        "Reconciliation: one verdict per symbol that was delivered or should have traded, with what was measured. `ok`; "
        "`repaired`: duplicates dropped, stamps put into their bar, single snapshots left out, values stand; `set aside`: rows "
        "stay downstream, values null; `missing`: it should have traded and has no tape. `reason` names what was found, where, the "
        "rule and the numbers. Σ trades is held against the exchange's daily volume and amount and the last snapshot, every "
        "snapshot from 09:30 against the sums of the trades it has counted, whole channels against their numbers. SPEC §2.3."
    ),
    reads=(Read("trades"), Read("orders"), Read("quotes"), Read("daily_prices"), Read("securities")),
    lands=(Land("bars"), Land("daily_prices", until=False)),
    schema=TAPE_HEALTH,
    sort=("symbol",),
    settings="bars",
    rules=("boards", "after_hours", "closing_auctions"),
    make="assets.bars.tape_health_make:make_tape_health",
    needs={
        "trades_verdict": _TRADES,
        "quotes_verdict": _QUOTES,
        "orders_verdict": _ORDERS,
        "trades": _TRADES,
        "quotes": _QUOTES,
        "orders": _ORDERS,
        "volume": _TRADES,
        "amount": _TRADES,
        "reference_volume": _REFERENCE,
        "reference_amount": _REFERENCE,
        "volume_difference": (*_TRADES, *_REFERENCE),
        "amount_difference": (*_TRADES, *_REFERENCE),
        "quoted_volume_difference": (*_QUOTES, *_TRADES),
        "misaligned_quotes": (*_QUOTES, *_TRADES),
        "crossed_quotes": _QUOTES,
        "cumulative_decreases": _QUOTES,
        "late_quotes": _QUOTES,
        "repeated_quotes": _QUOTES,
        "side_disagreements": _TRADES,
        "overfilled_orders": _ORDERS,
    },
    checks=(
        Check(
            "tapes_add_up",
            Between("too_many_set_aside", 0, 0),
            critical=True,
            remedy="declare what the reasons name, or deliver the day's files again; the column `reason` says it of each symbol",
        ),
        Check(
            "minutes_are_those_of_the_day",
            Between("misread", 0, 0),
            critical=True,
            remedy="do what the finding says; README names the minutes of a day",
            explained_by=("tapes_add_up",),  # both print everything that was found of the day
        ),
        Check(
            "no_symbol_set_aside",
            Between("set_aside", 0, 0),
            critical=False,
            remedy="re-deliver the files of the named symbols; their bars of the day are null until then",
            explained_by=("tapes_add_up", "minutes_are_those_of_the_day"),
        ),
        # Whatever is made of daily_prices takes such a name for suspended: its returns, and the factors that held it, are wrong.
        Check(
            "traded_names_have_prices",
            Between("unpriced", 0, 0),
            critical=False,
            plausibility=True,
            remedy="deliver the rows of the named symbols in reference/daily_prices, or correct those that set_aside.parquet beside "
            "that table names: without them the names count as suspended",
        ),
        Check(
            "trades_and_orders_are_of_one_tape",
            Between("too_many_contradicted", 0, 0),
            critical=True,
            remedy="deliver trades and orders of this day anew, or mend what the reasons name in the layout of the files (docs/layouts.md)",
        ),
        Check(
            "sides_agree_with_prices",
            Between("mirrored", 0, 0),
            critical=True,
            remedy="exchange the two columns in the day's trade files, or in the layout that reads them (docs/layouts.md), or have the "
            "vendor deliver them anew",
        ),
        Check(
            "daily_prices_agree_with_whole_bars",
            Between("contradicts_day", 0, 0),
            critical=False,
            plausibility=True,
            remedy=CONTRADICTED,
        ),
        Check(
            "orders_agree_with_trades",
            Between("orders_aside", 0, 0),
            critical=False,
            critical_share=1,  # single rows, which leave the values alone; what concerns the values is set aside and counted above
            remedy="re-deliver the order and trade files of the named symbols: rows are missing, stand twice or are altered",
        ),
        Check(
            "orders_of_both_exchanges_delivered",
            Between("orders_absent", 0, 0),
            critical=False,
            critical_share=1,
            remedy="deliver the day's order files of the named exchange; where its feed has none, nothing that is made reads them",
        ),
        Check(
            "traded_names_covered",
            Between("too_few_covered", 0, 0),
            critical=False,
            critical_share=1,
            remedy="deliver the tapes of the named symbols, or lower bars.min_coverage",
            explained_by=("tapes_cover_the_market",),
        ),
        Check(
            "tapes_cover_the_market",
            Between("too_many_uncovered", 0, 0),
            critical=True,
            remedy="re-deliver the day's files: one of them is lost or cut, or covers one exchange alone; where the market is meant "
            "to hold fewer names than daily_prices, set bars.max_uncovered_share to their share",
        ),
        Check(
            "tapes_have_a_reference",
            Between("uncompared", 0, 0),
            critical=False,
            critical_share=1,
            remedy="deliver daily_prices or snapshots of the day, so that its tapes can be compared with a total",
        ),
        Check(
            "snapshots_are_sums_of_trades",
            Between("misaligned_quotes", 0, 0),
            critical=False,
            critical_share=1,
            remedy="snapshots of the named symbols are not the sums of their trades and are left out: re-deliver their files; "
            "where a vendor counts something else than trades, set bars.align_quotes_by to volume",
        ),
        Check(
            "prices_inside_limits",
            Between("outside_limits", 0, 0),
            critical=False,
            remedy="prices outside the exchange's rule: deliver limit_up and limit_down, or check the rows of rulebook.price_limits",
        ),
        Check(
            "snapshots_are_the_replayed_books",
            Between("book_mismatches", 0, 0),
            critical=False,
            remedy="orders and trades of the named symbols do not make the books that their snapshots show: order rows are missing "
            "or altered, or the snapshots are; re-deliver them",
        ),
        Check(
            "early_ends_are_proven",
            Between("cut_off", 0, 0),
            critical=True,
            remedy="the named file was cut off: deliver it again, complete; if trading was halted, deliver the day's volume and amount "
            "of its names in daily_prices, or snapshots to the close, which prove it",
        ),
        Check(
            "channel_numbers_complete",
            Between("missing_numbers", 0, 0),
            critical=False,
            critical_share=1,
            remedy="the exchange numbered rows that the files lack: deliver the named channels again, complete; where the vendor "
            "delivers some names only, their totals prove them and nothing need be done",
            explained_by=("nearly_all_channel_numbers_present",),
        ),
        Check(
            "channels_reach_the_close",
            Between("stops_early", 0, 0),
            critical=False,
            critical_share=1,
            remedy="deliver the named channels again, complete",
        ),
        Check(
            "nearly_all_channel_numbers_present",
            Between("too_many_missing", 0, 0),
            critical=True,
            remedy="deliver the named channels again, complete",
        ),
    ),
)

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
    make="assets.bars.make:make_order_sizes",
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
    make="assets.bars.make:make_minute_bars",
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

TABLES = (tape_health, order_sizes, minute_bars)
