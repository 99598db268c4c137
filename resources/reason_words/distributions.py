"""The words of the reasons of the comparison of distributions."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "statistic_not_measured": T("没有取值", "it has no value"),
    "too_few_earlier_values": T(
        "之前只有 {earlier} 个取值，少于 {least} 个", "{earlier} values before it, fewer than {least}"
    ),
    "shifted": T(
        "{table} 的 {item} 在 {date} 的 {statistic} 为 {value}，此前中位数为 {median}，相距 {distance} 个单位，超过 {limit}",
        "{statistic} of {item} in {table} is {value} on {date}, {distance} units from the median {median} of the time before, beyond {limit}",
    ),
    "approved_shift": T(
        "{table} 的 {item} 在 {date} 的 {statistic} 为 {value}，此前中位数为 {median}，相距 {distance} 个单位，超过 {limit}；已核准：{why}",
        "{statistic} of {item} in {table} is {value} on {date}, {distance} units from the median {median} of the time before, beyond {limit}; "
        "approved: {why}",
    ),
}
