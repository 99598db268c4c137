"""The words of the reasons why a delivered line or cell cannot be read. A reason of a cell follows the name of its column."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "cell_unreadable": T("{column} {cause}", "{column} {cause}"),
    "cell_as_delivered": T("{column} = {cell} {cause}", "{column} = {cell} {cause}"),
    "too_many_fields": T(
        "该行有 {fields} 个字段，而表头只有 {header} 个", "a line of {fields} fields under a header of {header}"
    ),
    # values
    "no_single_value": T("的类型为 {dtype}：每行须为单一数值", "is of type {dtype}: one value per row is needed"),
    "is_a_time": T("是时间，不是数字", "is a time, not a number"),
    "is_infinite": T("为无穷大", "is infinite"),
    "beyond_exact": T("超出可精确表示的范围", "is beyond what can be held exactly"),
    "outside_type": T("超出 {dtype} 的取值范围", "is outside the range of {dtype}"),
    "point_between_thousands": T(
        "中的点可能是千位分隔符：整数请勿使用点", "may have a point between thousands: write whole numbers without one"
    ),
    "not_whole": T("不是整数", "is no whole number"),
    "rounded_digits": T(
        "已被舍入为电子表格显示大数的形式，位数已丢失",
        "is rounded, as a spreadsheet shows large numbers: digits are lost",
    ),
    "decimal_comma": T(
        "以逗号为小数点，或同列其他数值如此：请使用小数点",
        "has a decimal comma, or is in a column with decimal commas: write a point",
    ),
    "percent_sign": T(
        "带有百分号：请提供小数，或去掉百分号并声明 weight_unit = 'percent'（指数权重）",
        "carries a percent sign: deliver fractions, or take the sign out and declare weight_unit = 'percent' (weights of indices)",
    ),
    "spreadsheet_error": T("是电子表格的错误值", "is an error of a spreadsheet"),
    "no_number": T("不是数字", "is no number"),
    "no_date": T("不是日期：请写作 2023-02-01", "is no date: write 2023-02-01"),
    "time_of_day": T(
        "按上海时间带有时刻：此处须为日期，或在 landing.time_zone 中声明其他时区",
        "has a time of day in Shanghai: a date is needed, or landing.time_zone must declare another zone",
    ),
    "serial_number": T(
        "不是 20230201 形式的日期；不猜测电子表格的日期序号",
        "is no date of the form 20230201; serial numbers of a spreadsheet are not guessed",
    ),
    "no_time_after_date": T("日期之后不是有效时刻", "has no time of day behind the date"),
    "ambiguous_date": T(
        "的日与月次序不明：请用设置 landing.date_order 声明",
        "may be read with day or month first: declare the order by the setting landing.date_order",
    ),
    "no_calendar_day": T("不是日历中的日期", "is no day of the calendar"),
    "no_flag": T("不是布尔值：请写作 true 或 false", "is no flag: write true or false"),
    "bytes_no_text": T("含有无法解码为文本的字节", "holds bytes that are no text"),
    # minutes of bars
    "of_another_day": T("date = {day}，与文件日期 {date} 不符", "date = {day} is another day than the file's, {date}"),
    "stamp_of_another_day": T("按上海时间属于 {day}，不是文件日期", "is of {day} in Shanghai, not of the file's day"),
    "no_time_of_day": T("不是有效时刻", "is no time of day"),
    "no_whole_minute": T("不是整分钟", "is no whole minute"),
    "no_minute_of_day": T("不是一日中的分钟", "is no minute of the day"),
    "colon_lost": T(
        "可能是缺少冒号的时刻：请写作 09:30 或 570", "may be a time of day without its colon: write 09:30 or 570"
    ),
    "zero_lost": T(
        "可能是自零点起的分钟数，也可能是丢失了首位 0 的时刻：请写作 09:30 或 570",
        "may be a minute since midnight or a time of day that has lost its 0: write 09:30 or 570",
    ),
    "end_of_no_bar": T(
        "minute = {minute} 不是任何分钟线的结束时刻（landing.bars.minute_labels = 'end'）",
        "minute = {minute} is the end of no bar (landing.bars.minute_labels = 'end')",
    ),
}
