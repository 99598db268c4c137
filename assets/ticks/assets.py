"""Declares the tables trades, orders and quotes: schemas, inputs and checks. Declarations only."""

from assets.ticks.canonical import SCHEMAS
from resources.gate import Between, Check
from resources.language import Bilingual as T
from resources.table import Land, Table

_REDELIVER = T(
    "重新提供所列文件的完整版本；分区旁的 set_aside.parquet 列出每一剔除的行，tape_health 列出对各股票的影响",
    "deliver the named file again, complete; set_aside.parquet beside the partition lists every row that was set aside, and "
    "tape_health reports the consequence for each symbol",
)
_FILE_CHECKS = (
    Check(
        "every_file_recognised",
        Between("unrecognised", 0, 0),
        critical=True,
        remedy=T(
            "按 docs/layouts.md 列出的格式提供文件且不改动表头，或按该页声明供应商自己的格式，或将文件移出当日文件夹",
            "deliver a layout that docs/layouts.md lists with its header unchanged, declare the vendor's own layout as that page shows, or move the file out of the day's folder",
        ),
    ),
    Check(
        "every_file_readable",
        Between("unreadable", 0, 0),
        critical=True,
        remedy=T("重新提供所列文件", "deliver the named file again"),
    ),
    Check("few_rows_set_aside", Between("too_many_set_aside", 0, 0), critical=True, remedy=_REDELIVER),
    Check(
        "every_row_read",
        Between("rows_set_aside", 0, 0),
        critical=False,
        critical_share=1,
        remedy=_REDELIVER,
        explained_by=("few_rows_set_aside",),
    ),
)
_ENDS = (
    Check(
        "every_file_has_rows",
        Between("without_rows", 0, 0),
        critical=True,
        remedy=T(
            "文件在表头之后被截断：重新提供完整的文件",
            "the file was cut off after its header: deliver it again, complete",
        ),
    ),
    Check(
        "tape_reaches_the_close",
        Between("ends_early", 0, 0),
        critical=False,
        critical_share=1,  # a halted market; tape_health compares the tape with the totals and refuses a file that was cut off
        remedy=T(
            "tape_health 说明交易所的总量能否证明逐笔数据完整（例如市场暂停交易之后）；若不能，则文件被截断，请重新提供完整的文件",
            "tape_health reports whether the exchange's totals prove that the tape is complete, as after a halt of the market; "
            "if they do not, the file was cut off: deliver it again, complete",
        ),
    ),
)
_DUPLICATES_AGREE = Check(
    "duplicates_agree",
    Between("conflicting_duplicates", 0, 0),
    critical=False,
    remedy=T(
        "两个文件在同一 (channel, seq) 下有不同的行：当日文件夹只保留正确的文件",
        "two files have different rows under the same (channel, seq): keep only the correct file in the day's folder",
    ),
)

trades = Table(
    name="trades",
    group="ticks",
    partition="day",
    history="minutes",
    description=(
        "Every fill of both exchanges, from the day's vendor files. `time` in ms since midnight, `price` in 1/10 000 yuan, "
        "`volume` in shares, `side` +1 active buy, −1 active sell, 0 auction (SSE by its flag, SZSE by the larger order "
        "number), `event` the channel's joint numbering of orders and trades (null where the vendor delivers none). Cancels "
        "are not trades. Sorted by symbol, channel, seq, since 10 ms stamps are not unique. SPEC §2.2–2.3."
    ),
    lands=(Land("ticks"),),
    schema=SCHEMAS["trades"],
    sort=("symbol", "channel", "seq"),
    settings="ticks",
    functions=("ticks.extra_layouts",),
    rules=("boards", "after_hours", "closing_auctions"),
    make="assets.ticks.make_trades:make_trades",
    checks=(
        *_FILE_CHECKS,
        *_ENDS,
        _DUPLICATES_AGREE,
        Check(
            "aggressor_has_the_larger_order_number",
            Between("side_disagreements", 0, 0),
            critical=False,
            remedy=T(
                "上交所的买卖标志与连续竞价成交的委托编号不一致：请向供应商询问该标志如何设定",
                "the SSE flag and the order numbers disagree on continuous prints: ask the vendor how it sets the flag",
            ),
        ),
    ),
)

orders = Table(
    name="orders",
    group="ticks",
    partition="day",
    history="minutes",
    description=(
        "The order stream of both exchanges: `kind` limit, market, own_best or cancel, `side` +1 buy, −1 sell, `price` in "
        "1/10 000 yuan (0 where an order has none), `quantity` in shares. On SSE an order that is filled at once never appears, "
        "and `quantity` is the remainder after instant fills; SZSE cancels come from the trade files. `event` is the channel's "
        "joint numbering of orders and trades. "
        "SPEC §2.2–2.3."
    ),
    lands=(Land("ticks"),),
    schema=SCHEMAS["orders"],
    sort=("symbol", "channel", "seq"),
    settings="ticks",
    functions=("ticks.extra_layouts",),
    rules=("boards",),
    make="assets.ticks.make_orders:make_orders",
    checks=(*_FILE_CHECKS, _DUPLICATES_AGREE),
)

quotes = Table(
    name="quotes",
    group="ticks",
    partition="day",
    history="minutes",
    description=(
        "Snapshots of the book, ten levels a side; `trades`, `volume` and `amount` (1/10 000 yuan) are cumulative. Prices in "
        "1/10 000 yuan, null where a level is empty or a price is not delivered (SSE snapshots carry no limit prices). "
        "Snapshots repeat, and before 09:25 they show the virtual book of the opening auction. Sorted by symbol, time, then as "
        "delivered. SPEC §2.2–2.3."
    ),
    lands=(Land("ticks"),),
    schema=SCHEMAS["quotes"],
    sort=("symbol", "time"),
    settings="ticks",
    functions=("ticks.extra_layouts",),
    rules=("boards",),
    make="assets.ticks.make_quotes:make_quotes",
    checks=(
        *_FILE_CHECKS,
        *_ENDS,
        Check(
            "cumulative_fields_never_fall",
            Between("cumulative_decreases", 0, 0),
            critical=False,
            remedy=T(
                "所列股票的快照次序错乱或已损坏：重新提供该文件",
                "snapshots of the named symbol are out of order or corrupted: deliver the file again",
            ),
        ),
        Check(
            "prices_inside_limits",
            Between("outside_limits", 0, 0),
            critical=False,
            remedy=T(
                "最新价超出所提供的涨跌停价：请向供应商询问两者中哪一个有误",
                "last prices are outside the delivered limit prices: ask the vendor which of the two is wrong",
            ),
        ),
    ),
)

TABLES = (trades, orders, quotes)
