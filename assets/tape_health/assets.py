"""Declares the table tape_health: its schema, inputs and checks."""

from assets.tape_health.schemas import TAPE_HEALTH
from resources.gate import Between, Check
from resources.language import Bilingual as T
from resources.table import Land, Read, Table

_REFERENCE = ("daily_prices.volume", "quotes.volume")
# Portfolios use the prices of daily_prices, and its high and low decide whether a stock is locked at its limit.
CONTRADICTED = T(
    "daily_prices 中所列股票的开盘价、最高价、最低价或收盘价与其完整的成交不符：更正 reference/daily_prices 的这些行；"
    "若分钟数据有误，则重新提供分钟数据",
    "the open, high, low or close of the named symbols in daily_prices is not that of their trades, which are complete: "
    "correct the rows of reference/daily_prices, or deliver the minute data again if they are wrong",
)
_TRADES, _QUOTES, _ORDERS = ("trades.price",), ("quotes.volume",), ("orders.order",)

tape_health = Table(
    name="tape_health",
    group="bars",
    partition="day",
    history="minutes",
    description=(
        "Reconciliation: one verdict, with the measures, per symbol that was delivered or should have traded. `ok`: nothing was found; "
        "`repaired`: duplicates were dropped, stamps were corrected to their bar or single snapshots were left out, and the values are used; "
        "`set aside`: later tables keep the rows with null values; `missing`: the symbol should have traded and has no tape. `reason` is "
        "JSON with the code of the finding, its place and its numbers; `resources.reasons.describe_column` puts it into words. Sums of "
        "trades are compared with the exchange's daily volume and amount and with the last snapshot, every snapshot from 09:30 with the sums "
        "of the trades that it includes, and whole channels with their numbering. SPEC §2.3."
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
        # Windows of later days are made without the day, as the formulas permit (SPEC §3), and again when it arrives.
        Check(
            "minutes_of_the_day_delivered",
            Between("day_not_delivered", 0, 0),
            critical=False,
            critical_share=1,
            remedy=T(
                "补交当日的逐笔数据或分钟线；在此之前，以后各日的窗口不含这一天。若应停止这样做，设 "
                "gates.tape_health.minutes_of_the_day_delivered.critical = true",
                "deliver the ticks or the bars of the day; until then the windows of later days are made without it. To refuse what would be "
                "made so, set gates.tape_health.minutes_of_the_day_delivered.critical = true",
            ),
        ),
        Check(
            "tapes_add_up",
            Between("too_many_set_aside", 0, 0),
            critical=True,
            remedy=T(
                "按原因处理：声明其中提到的设置，或重新提供当日文件；`reason` 列有每只股票的原因",
                "follow the reasons: declare the setting that they name, or deliver the day's files again; the column `reason` has the reason "
                "of each symbol",
            ),
        ),
        Check(
            "minutes_are_those_of_the_day",
            Between("misread", 0, 0),
            critical=True,
            remedy=T(
                "按检查结果处理；docs/deliveries.md 说明了一日的各分钟",
                "follow the finding; docs/deliveries.md describes the minutes of a day",
            ),
            explained_by=("tapes_add_up",),  # both print all findings of the day
        ),
        Check(
            "no_symbol_set_aside",
            Between("set_aside", 0, 0),
            critical=False,
            remedy=T(
                "重新提供所列股票的文件；在此之前，其当日分钟线为空",
                "deliver the files of the named symbols again; until then their bars of the day are null",
            ),
            explained_by=("tapes_add_up", "minutes_are_those_of_the_day"),
        ),
        # Tables made from daily_prices treat such a stock as suspended, so that its returns, and those of portfolios with it, are wrong.
        Check(
            "traded_names_have_prices",
            Between("unpriced", 0, 0),
            critical=False,
            plausibility=True,
            remedy=T(
                "提供所列股票在 reference/daily_prices 中的行，或更正该表旁 set_aside.parquet 列出的行；否则这些股票视为停牌",
                "deliver the rows of the named symbols in reference/daily_prices, or correct those that set_aside.parquet beside "
                "that table lists: without them the stocks count as suspended",
            ),
        ),
        Check(
            "trades_and_orders_are_of_one_tape",
            Between("too_many_contradicted", 0, 0),
            critical=True,
            remedy=T(
                "重新提供当日的逐笔成交与委托，或按原因更正文件的格式声明（docs/layouts.md）",
                "deliver trades and orders of this day again, or correct the layout of the files as the reasons state (docs/layouts.md)",
            ),
        ),
        Check(
            "sides_agree_with_prices",
            Between("mirrored", 0, 0),
            critical=True,
            remedy=T(
                "在当日成交文件或其格式声明（docs/layouts.md）中对调这两列，或请供应商重新提供",
                "exchange the two columns in the day's trade files, or in the layout that reads them (docs/layouts.md), or have the "
                "vendor deliver them again",
            ),
        ),
        Check(
            "level_volumes_agree_with_trades",
            Between("levels_contradicted", 0, 0),
            critical=True,
            remedy=T(
                "以股为单位并按正确的买卖方向提供当日快照的买卖盘数量，或更正其格式声明（docs/layouts.md）",
                "deliver the bid and ask volumes of the day's snapshots in shares and on their own side, or correct the layout that reads "
                "them (docs/layouts.md)",
            ),
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
            remedy=T(
                "重新提供所列股票的委托与成交文件：有数据行缺失、重复或被改动",
                "deliver the order and trade files of the named symbols again: rows are missing, duplicated or altered",
            ),
        ),
        Check(
            "orders_of_both_exchanges_delivered",
            Between("orders_absent", 0, 0),
            critical=False,
            critical_share=1,
            remedy=T(
                "提供所列交易所当日的逐笔委托文件；若其行情没有逐笔委托，则没有数据依赖于此",
                "deliver the day's order files of the named exchange; if its feed has none, no figure depends on them",
            ),
        ),
        Check(
            "traded_names_covered",
            Between("too_few_covered", 0, 0),
            critical=False,
            critical_share=1,
            remedy=T(
                "提供所列股票的逐笔数据，或调低 bars.min_coverage",
                "deliver the tapes of the named symbols, or lower bars.min_coverage",
            ),
            explained_by=("tapes_cover_the_market",),
        ),
        Check(
            "tapes_cover_the_market",
            Between("too_many_uncovered", 0, 0),
            critical=True,
            remedy=T(
                "重新提供当日文件：其中有文件缺失、被截断，或只含一个交易所；若交付的股票本来就少于 daily_prices，请将 bars.max_uncovered_share "
                "设为未交付的比例",
                "deliver the day's files again: one of them is missing or cut off, or covers only one exchange; if the delivery is meant "
                "to cover fewer stocks than daily_prices, set bars.max_uncovered_share to the share that it leaves out",
            ),
        ),
        Check(
            "tapes_have_a_reference",
            Between("uncompared", 0, 0),
            critical=False,
            critical_share=1,
            remedy=T(
                "提供当日的 daily_prices 或行情快照，以便将逐笔数据与总量核对",
                "deliver daily_prices or snapshots of the day, so that its tapes can be compared with a total",
            ),
        ),
        Check(
            "snapshots_are_sums_of_trades",
            Between("misaligned_quotes", 0, 0),
            critical=False,
            critical_share=1,
            remedy=T(
                "所列股票的快照与其成交累计不符，未被使用：重新提供其文件；若供应商的笔数不是成交笔数，设 bars.align_quotes_by = 'volume'",
                "snapshots of the named symbols are not the sums of their trades and are left out: deliver their files again; "
                "if the vendor's count is not a count of trades, set bars.align_quotes_by = 'volume'",
            ),
        ),
        Check(
            "prices_inside_limits",
            Between("outside_limits", 0, 0),
            critical=False,
            remedy=T(
                "价格超出交易所规则的涨跌停价：提供 limit_up 与 limit_down，或检查 rulebook.price_limits 的各行",
                "prices are outside the limits of the exchange's rule: deliver limit_up and limit_down, or check the rows of "
                "rulebook.price_limits",
            ),
        ),
        Check(
            "snapshots_are_the_replayed_books",
            Between("book_mismatches", 0, 0),
            critical=False,
            remedy=T(
                "所列股票由委托与成交重演的委托簿与其快照不同：委托或快照有缺失或被改动，请重新提供",
                "the books replayed from orders and trades of the named symbols differ from their snapshots: order rows or snapshots are "
                "missing or altered; deliver them again",
            ),
        ),
        Check(
            "early_ends_are_proven",
            Between("cut_off", 0, 0),
            critical=True,
            remedy=T(
                "所列文件被截断：重新提供完整的文件；若当时交易暂停，请在 daily_prices 中提供其股票当日的成交量与成交额，或提供至收盘的快照，以证明暂停",
                "the named file was cut off: deliver it again, complete; if trading was halted, deliver the day's volume and amount "
                "of its stocks in daily_prices, or snapshots to the close, which prove the halt",
            ),
        ),
        Check(
            "channel_numbers_complete",
            Between("missing_numbers", 0, 0),
            critical=False,
            critical_share=1,
            remedy=T(
                "文件缺少交易所已编号的行：重新提供所列通道的完整数据；若供应商只提供部分股票，其总量可证明数据完整，无需处理",
                "the files lack rows that the exchange numbered: deliver the named channels again, complete; if the vendor delivers only "
                "some stocks, their totals prove them complete and nothing needs to be done",
            ),
            explained_by=("nearly_all_channel_numbers_present",),
        ),
        Check(
            "channels_reach_the_close",
            Between("stops_early", 0, 0),
            critical=False,
            critical_share=1,
            remedy=T("重新提供所列通道的完整数据", "deliver the named channels again, complete"),
        ),
        Check(
            "nearly_all_channel_numbers_present",
            Between("too_many_missing", 0, 0),
            critical=True,
            remedy=T("重新提供所列通道的完整数据", "deliver the named channels again, complete"),
        ),
    ),
)

TABLES = (tape_health,)
