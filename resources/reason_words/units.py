"""The words of the reasons of figures that were delivered in another unit."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "in_unit": T(
        "{column} 的单位是 {unit}：请声明 {setting} = '{unit}'", "{column} is in {unit}: declare {setting} = '{unit}'"
    ),
    "in_unit_not_as_declared": T(
        "{column} 的单位是 {unit}：请将 {setting} 由 '{declared}' 改为 {setting} = '{unit}'",
        "{column} is in {unit}: declare {setting} = '{unit}' in place of '{declared}'",
    ),
    "in_plain_unit": T(
        "{column} 的单位已经是 {unit}：请从设置中删除 {setting} = '{declared}'",
        "{column} is in {unit} already: remove {setting} = '{declared}' from the settings",
    ),
    "or_prices_in_unit": T(
        "{cause}（或者价格的单位有误：请以元提供）", "{cause} (or prices are in another unit: deliver yuan)"
    ),
    "another_unit": T("volume 或 amount 的单位有误", "volume or amount is in another unit"),
}
