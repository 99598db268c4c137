"""The words of the reasons of plans: what is built, and why."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "forced": T("按 --force 的要求", "requested with --force"),
    "not_built": T("尚未构建", "not built"),
    "damaged": T("已损坏：{cause}", "damaged: {cause}"),
    "manifest_damaged": T("manifest.json 不是本项目所写的内容", "manifest.json does not hold what was written"),
    "files_differ": T("文件与写入时不同", "its files differ from those that were written"),
    "files_missing": T("缺少文件", "files are missing"),
    "inputs_in_a_cycle": T("其输入构成循环", "its inputs form a cycle"),
    "settings_changed": T("设置已变（{sections}）", "settings changed ({sections})"),
    "code_changed": T("代码已变", "code changed"),
    "libraries_changed": T("软件库版本已变（{libraries}）", "libraries changed ({libraries})"),
    "libraries_unknown": T(
        "构建时的软件库版本未记录", "the versions of libraries that it was built with are not recorded"
    ),
    "declaration_changed": T("交付声明已变（{settings}）", "declaration changed ({settings})"),
    "landing_changed": T("交付数据已变（{parts}）", "landing zone changed ({parts})"),
    "input_changed": T("输入 {input} 已变", "input {input} changed"),
    "input_new": T("输入 {input} 是新的", "input {input} is new"),
    "input_gone": T("输入 {input} 不再读取", "input {input} is no longer read"),
    "not_renewed": T("此前未能更新", "could not be renewed before"),
    "refused_before": T("此前被拒绝，重新尝试", "refused before, tried again"),
    "no_trading_day": T("{partition} 没有交易日", "{partition} has no trading day"),
    "input_again": T("输入 {table} 的 {partition} 将重建", "input {table} of {partition} is built again"),
    "inputs_again": T("输入 {table} 将重建", "input {table} is built again"),
    "input_stopped": T("{table} 的 {partition} 被拒绝或受阻", "{table} of {partition} is refused or blocked"),
    "input_tried_first": T(
        "{table} 的 {partition} 此前被拒绝，先重新尝试",
        "{table} of {partition} was refused before and is tried again first",
    ),
}
