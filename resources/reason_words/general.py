"""The words of the reasons of the wrapper, and of plain sentences."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "text": T("{text}", "{text}"),
    "several": T("{reasons}", "{reasons}"),
    "file_because": T("{file}：{cause}", "{file}: {cause}"),
    "because": T("{what}（{cause}）", "{what} ({cause})"),
    "nothing_landed": T(
        "{table} 在 {partition} 没有可用的数据", "nothing has landed from which {table} of {partition} could be made"
    ),
    "partition_refused": T("[{folder}] 被拒绝：{cause}", "[{folder}] {cause}"),
    "input_refused": T("所用的一个输入现已被拒绝：{cause}", "an input that it was made from is refused now: {cause}"),
    "no_earlier_partition": T(
        "{table} 没有更早的分区：数据从此开始", "{table} has no earlier partition: the data begins here"
    ),
}
