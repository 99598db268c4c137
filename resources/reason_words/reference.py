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
}
