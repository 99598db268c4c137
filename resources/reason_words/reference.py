"""The words of the reasons of the reference tables."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "not_delivered": T("没有交付 reference/{table}", "no reference/{table} in the landing zone"),
    "no_first_days": T(
        "没有交付 reference/instruments，无法判断上市首日，且未交付 {column}",
        "no reference/instruments in the landing zone, so first trading days are not known, and no {column} was delivered",
    ),
    "day_is_empty": T("{table} 在 {date} 没有数据", "{table} of {date} is empty"),
    "no_membership_yet": T(
        "截至 {date}，reference/industries 没有已生效的行业归属",
        "no membership of reference/industries had started by {date}",
    ),
    "nothing_announced": T(
        "截至 {date}，reference/fundamentals 没有已公告的 {column}",
        "reference/fundamentals has no {column} that was known by {date}",
    ),
    "no_vector_yet": T(
        "截至 {date}，reference/index_weights 没有可用的权重",
        "reference/index_weights has no usable weights up to {date}",
    ),
    "no_row_of_day": T("reference/{table} 没有 {date} 的数据", "reference/{table} has no row of {date}"),
    "no_weights_yet": T("尚未公布权重", "no weights published so far"),
    # rows
    "value_missing": T("{column} 缺失", "{column} is missing"),
    "symbol_form": T("{column} 不是 600519.SH 的形式", "{column} is not of the form 600519.SH"),
    "repeated": T("重复提供，数值相同", "delivered more than once with the same values"),
    "no_adjust_factor": T("adjust_factor 缺失或不大于 0", "adjust_factor is missing or not above 0"),
    "raw_price_open": T(
        "复权因子为 {factor} 的复权价已舍入到分，原始价的误差达 {error} 元：请提供未复权价，或至少四位小数的复权价",
        "adjusted prices with the factor {factor} are rounded to the cent, which leaves the raw price open by {error} yuan: deliver "
        "prices as traded, or adjusted ones with four decimals or more",
    ),
    # changes of codes
    "same_code": T("old 与 new 是同一代码", "old and new are the same code"),
    "no_ratio": T("ratio 不是大于 0 的数字", "ratio is not a number above 0"),
    "several_new_codes": T(
        "{symbol} 在同一日变更为多个代码", "{symbol} is continued as more than one code on the same day"
    ),
    "ended_before": T(
        "{symbol} 已于 {date} 因代码变更而终止，此后没有股票使用该代码",
        "no stock has the code {symbol} since {date}, when a change ended it",
    ),
    "merged_into_nothing": T(
        "当日没有股票使用代码 {symbol}：请填写其变更后的代码",
        "no stock has the code {symbol} on that day: name the code that it was changed to",
    ),
    "several_old_codes": T(
        "同一日有多只股票变更为 {symbol}：若为吸收合并，请声明 merger = true",
        "more than one stock is continued as {symbol} on the same day: declare a merger with merger = true",
    ),
    "code_is_taken": T(
        "{symbol} 自此前的变更起已由另一只股票使用：若为吸收合并，请声明 merger = true",
        "another stock has the code {symbol} since an earlier change: declare a merger with merger = true",
    ),
}
