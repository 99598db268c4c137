"""Declares the table tape_health: its schema, inputs and checks."""

from assets.tape_health.schemas import TAPE_HEALTH
from resources.gate import Between, Check
from resources.table import Land, Read, Table

_REFERENCE = ("daily_prices.volume", "quotes.volume")
# Portfolios use the prices of daily_prices, and its high and low decide whether a stock is locked at its limit.
CONTRADICTED = (
    "the open, high, low or close of the named symbols in daily_prices is not that of their trades, which are complete: "
    "correct the rows of reference/daily_prices, or deliver the minute data again if they are wrong"
)
_TRADES, _QUOTES, _ORDERS = ("trades.price",), ("quotes.volume",), ("orders.order",)

tape_health = Table(
    name="tape_health",
    stage="bars",
    partition="day",
    history="minutes",
    description=(
        "Reconciliation: one verdict, with the measures, per symbol that was delivered or should have traded. `ok`: nothing was found; "
        "`repaired`: duplicates were dropped, stamps were corrected to their bar or single snapshots were left out, and the values are used; "
        "`set aside`: later tables keep the rows with null values; `missing`: the symbol should have traded and has no tape. `reason` states "
        "the finding, its place, the rule and the numbers. Sums of trades are compared with the exchange's daily volume and amount and with "
        "the last snapshot, every snapshot from 09:30 with the sums of the trades that it includes, and whole channels with their numbering. "
        "SPEC §2.3."
    ),
    reads=(Read("trades"), Read("orders"), Read("quotes"), Read("daily_prices"), Read("securities")),
    lands=(Land("bars"), Land("daily_prices", until=False)),
    schema=TAPE_HEALTH,
    sort=("symbol",),
    settings="bars",
    rules=("boards", "after_hours", "closing_auctions"),
    make="assets.tape_health.make_tape_health:make_tape_health",
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
            remedy="follow the reasons: declare the setting that they name, or deliver the day's files again; the column `reason` has the reason "
            "of each symbol",
        ),
        Check(
            "minutes_are_those_of_the_day",
            Between("misread", 0, 0),
            critical=True,
            remedy="follow the finding; docs/deliveries.md describes the minutes of a day",
            explained_by=("tapes_add_up",),  # both print all findings of the day
        ),
        Check(
            "no_symbol_set_aside",
            Between("set_aside", 0, 0),
            critical=False,
            remedy="deliver the files of the named symbols again; until then their bars of the day are null",
            explained_by=("tapes_add_up", "minutes_are_those_of_the_day"),
        ),
        # Tables made from daily_prices treat such a stock as suspended, so that its returns, and those of portfolios with it, are wrong.
        Check(
            "traded_names_have_prices",
            Between("unpriced", 0, 0),
            critical=False,
            plausibility=True,
            remedy="deliver the rows of the named symbols in reference/daily_prices, or correct those that set_aside.parquet beside "
            "that table lists: without them the stocks count as suspended",
        ),
        Check(
            "trades_and_orders_are_of_one_tape",
            Between("too_many_contradicted", 0, 0),
            critical=True,
            remedy="deliver trades and orders of this day again, or correct the layout of the files as the reasons state (docs/layouts.md)",
        ),
        Check(
            "sides_agree_with_prices",
            Between("mirrored", 0, 0),
            critical=True,
            remedy="exchange the two columns in the day's trade files, or in the layout that reads them (docs/layouts.md), or have the "
            "vendor deliver them again",
        ),
        Check(
            "level_volumes_agree_with_trades",
            Between("levels_contradicted", 0, 0),
            critical=True,
            remedy="deliver the bid and ask volumes of the day's snapshots in shares and on their own side, or correct the layout that reads "
            "them (docs/layouts.md)",
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
            critical_share=1,  # single order rows do not affect the values; the checks above count what does
            remedy="deliver the order and trade files of the named symbols again: rows are missing, duplicated or altered",
        ),
        Check(
            "orders_of_both_exchanges_delivered",
            Between("orders_absent", 0, 0),
            critical=False,
            critical_share=1,
            remedy="deliver the day's order files of the named exchange; if its feed has none, no figure depends on them",
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
            remedy="deliver the day's files again: one of them is missing or cut off, or covers only one exchange; if the delivery is meant "
            "to cover fewer stocks than daily_prices, set bars.max_uncovered_share to the share that it leaves out",
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
            remedy="snapshots of the named symbols are not the sums of their trades and are left out: deliver their files again; "
            "if the vendor's count is not a count of trades, set bars.align_quotes_by = 'volume'",
        ),
        Check(
            "prices_inside_limits",
            Between("outside_limits", 0, 0),
            critical=False,
            remedy="prices are outside the limits of the exchange's rule: deliver limit_up and limit_down, or check the rows of "
            "rulebook.price_limits",
        ),
        Check(
            "snapshots_are_the_replayed_books",
            Between("book_mismatches", 0, 0),
            critical=False,
            remedy="the books replayed from orders and trades of the named symbols differ from their snapshots: order rows or snapshots are "
            "missing or altered; deliver them again",
        ),
        Check(
            "early_ends_are_proven",
            Between("cut_off", 0, 0),
            critical=True,
            remedy="the named file was cut off: deliver it again, complete; if trading was halted, deliver the day's volume and amount "
            "of its stocks in daily_prices, or snapshots to the close, which prove the halt",
        ),
        Check(
            "channel_numbers_complete",
            Between("missing_numbers", 0, 0),
            critical=False,
            critical_share=1,
            remedy="the files lack rows that the exchange numbered: deliver the named channels again, complete; if the vendor delivers only "
            "some stocks, their totals prove them complete and nothing needs to be done",
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

TABLES = (tape_health,)
