"""The words of the reasons of rows and files of ticks that are set aside. A reason of a row follows its line number."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    # files
    "still_copied": T(
        "{file} 仍在拷贝，或是拷贝失败的残留：请等待其完成，或将其移走",
        "{file} is still being copied, or was left by a copy that failed: wait for it, or remove it",
    ),
    "gzip_suffix": T(
        "{file} 须以 .csv.gz 为后缀才会读取：若其中是单个 .csv 文件，请改名；否则请解压到当日文件夹",
        "{file} is read only with the suffix .csv.gz: rename it if it contains one .csv file; otherwise unpack it into the day's folder",
    ),
    "unread_archive": T(
        "{file} 是不支持的压缩格式：请解压到当日文件夹，或将其中文件压缩为 .zip 或 .csv.gz",
        "{file} is an archive of a kind that is not read: unpack it into the day's folder, or pack its files as .zip or .csv.gz",
    ),
    "no_data_file": T(
        "{file} 未读取，因为不是 .csv、.csv.gz、.zip 或 .parquet：请另存为其中一种格式，或移出当日文件夹"
        "（后缀列于 ticks.ignored_suffixes 的文件会被忽略）",
        "{file} is not read, because it is no .csv, .csv.gz, .zip or .parquet: save it as one of these, or move it out of the day's "
        "folder (files with a suffix in ticks.ignored_suffixes are ignored)",
    ),
    "named_after_another_day": T(
        "{file} 的名称日期为 {day}，而其文件夹为 {date}：请移到相应日期的文件夹；若确为当日数据，请改名（ticks.refuse_names_of_other_days）",
        "{file} is named after {day}, and its folder after {date}: move it to the folder of its day, or rename it if it is of this day "
        "(ticks.refuse_names_of_other_days)",
    ),
    "cannot_be_opened": T("{file} 无法打开（{error}）", "{file} cannot be opened ({error})"),
    "not_read_to_its_end": T(
        "{file} 无法读到结尾（{error}），已读取 {rows} 行：请重新提供",
        "{file} cannot be read to its end ({error}); {rows} rows were read: deliver it again",
    ),
    "header_only": T("{file} 只有表头，没有数据行", "{file} has a header and no rows"),
    "ends_early": T(
        "{file} 最后一行的时间戳为 {time}：此后的数据（包括 14:57:00 起的收盘集合竞价）缺失，或交易暂停",
        "the last row of {file} is stamped {time}: either everything after it is missing, the closing auction from 14:57:00 included, "
        "or trading was halted",
    ),
    "rows_of_file": T(
        "{file} 的 {rows} 行中有 {bad} 行被剔除（{reasons}）：{first}",
        "{bad} of {rows} rows of {file} are set aside ({reasons}): {first}",
    ),
    "of_line": T("第 {line} 行：{cause}", "line {line} {cause}"),
    "of_row": T("第 {row} 条记录：{cause}", "row {row} {cause}"),
    # headers
    "exchange_not_read": T(
        "其证券属于 {exchange}，该交易所不读取", "its securities are of {exchange}, an exchange that is not read"
    ),
    "exchange_unknown": T(
        "其表头同时符合多种格式（{layouts}），而文件中无法辨别交易所：请将 {column} 中的证券写作 600519.SH 或 000001.SZ，或以此命名文件夹",
        "its header fits the layouts {layouts}, and nothing in the file names its exchange: write the securities in {column} as "
        "600519.SH or 000001.SZ, or name the folder so",
    ),
    "other_exchange_named": T(
        "其表头为 {layout}，而其证券代码或文件夹属于 {exchange}",
        "its header is that of {layout}, but its symbols or its folder name {exchange}",
    ),
    "no_layout": T(
        "其表头不符合任何已知格式；与最接近的 {layout} 相比，{reasons}",
        "its header matches no known layout; compared with the nearest, {layout}, it {reasons}",
    ),
    "columns_twice": T("{columns} 重复出现", "has {columns} twice"),
    "columns_lacking": T("缺少 {columns}", "lacks {columns}"),
    "columns_in_addition": T("多出 {columns}", "has {columns} in addition"),
    "columns_and_more": T("多出 {columns} 及另外 {more} 列", "has {columns} and {more} more in addition"),
    "lacks_nothing": T("没有缺少的列", "lacks nothing"),
    # rows
    "with_values": T("{cause}（{values}）", "{cause} ({values})"),
    "other_fields": T("字段数与表头不符", "has another number of fields than the header"),
    "fields_of_line": T(
        "有 {fields} 个字段，而表头有 {header} 个", "has {fields} fields where the header has {header}"
    ),
    "other_exchange": T(
        "{exchange} 文件中有其他交易所的证券", "a security of another exchange in a file of {exchange} rows"
    ),
    "security_of_other_exchange": T(
        "{cell} 出现在以 {exchange} 数据开头的文件中", "{cell} in a file that begins with {exchange} rows"
    ),
    "no_security": T("不是证券代码", "is no security"),
    "no_date_and_time": T("不是日期与时间", "is no date and time"),
    "digits_lost": T("是已丢失位数的 {bits} 位浮点数", "is no exact number: a {bits}-bit float has lost its digits"),
    "empty_or_unknown": T("{column} 为空或取值未知", "{column} is empty or unknown"),
    "not_the_folders_date": T("日期与文件夹 {folder} 不符", "its date is not the folder's, {folder}"),
    "large_channel": T("通道号不小于 2**31", "its channel is not below 2**31"),
    "is_negative": T("{column} 为负", "{column} is negative"),
    "outside_hours": T(
        "时间戳在 09:00 至 16:00 的交易时间之外", "stamped outside 09:00 to 16:00, the hours of trading"
    ),
    "fill_before_auction": T(
        "成交时间戳早于 09:25 开盘集合竞价撮合：时钟有误",
        "a fill stamped before 09:25, when the opening auction is matched: its clock is wrong",
    ),
    "after_close": T(
        "时间戳在收盘之后，而其板块在 {date} 没有盘后交易（rulebook.after_hours）",
        "stamped after the close, though its board has no after-hours trading on {date} (rulebook.after_hours)",
    ),
    "fill_without_price": T("成交价必须大于 0", "a fill's price must be above 0"),
    "fill_not_in_cents": T("成交价必须为整分", "a fill's price must be whole cents"),
    "fill_without_volume": T("成交量必须大于 0", "a fill's volume must be above 0"),
    "fill_without_two_orders": T(
        "成交必须有不同的买方与卖方委托号", "a fill must name a buy and a sell order that differ"
    ),
    "above_a_trillion": T("价格 × 成交量超过一万亿元", "price × volume is above a trillion yuan"),
    "money_differs": T("成交金额不等于价格 × 成交量", "its money is not price × volume"),
    "limit_without_price": T("限价委托的价格必须大于 0", "a limit order's price must be above 0"),
    "no_order_of_its_side": T("没有本方委托号", "it has no order number on its side"),
    "cancel_without_one_order": T("撤单必须恰好对应一笔委托", "a cancel must name exactly one order"),
    "negative_quote": T("价格、成交量或成交额为负", "a price, volume or amount is negative"),
}
