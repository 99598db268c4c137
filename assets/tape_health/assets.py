"""Declares tape_health: schema, what it reads, the checks that it must pass. Declarations only."""

from assets.tape_health.schemas import TAPE_HEALTH
from resources.gate import Between, Check
from resources.table import Land, Read, Table

_REFERENCE = ("daily_prices.volume", "quotes.volume")
# Portfolios are priced by daily_prices, and its high and low say whether a name is locked at its limit.
CONTRADICTED = (
    "the open, high, low or close that daily_prices gives the named symbols is not that of their trades, which hold the whole day: "
    "correct the rows of reference/daily_prices, or deliver the minute data again where that is at fault"
)
_TRADES, _QUOTES, _ORDERS = ("trades.price",), ("quotes.volume",), ("orders.order",)

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

TABLES = (tape_health,)
