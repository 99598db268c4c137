"""The words of the reasons of the evaluation and the report."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "model_not_built": T("模型尚未构建", "not built yet"),
    "no_returns": T("尚无已执行的调仓信号", "no signal has been traded yet"),
    "no_holding_period": T("尚无完整持有期", "no holding period has ended yet"),
    "no_value": T("所评价各周的信号日均无取值", "no value on any signal day of the evaluated weeks"),
    "no_value_on": T("{date} 无取值", "no value on {date}"),
    "too_few_names": T("只有 {names} 只股票，少于 {fewest} 只", "{names} stocks, fewer than {fewest}"),
    "constant_column": T("取值全部相同，没有相关系数", "a constant column has no correlation"),
    "files_restated": T("重新交付：{files}", "delivered again: {files}"),
    "files_added": T("补充交付：{files}", "delivered later: {files}"),
    "files_withdrawn": T("撤回：{files}", "withdrawn: {files}"),
    "reference_restated": T(
        "参考表 {table} 中自 {day} 起可知的行有更正",
        "rows of the reference table {table} that are known from {day} on were corrected",
    ),
    "reference_added": T(
        "参考表 {table} 补充交付（自 {day} 起）", "the reference table {table} was delivered later (from {day} on)"
    ),
    "reference_withdrawn": T(
        "参考表 {table} 被撤回（自 {day} 起）", "the reference table {table} was withdrawn (from {day} on)"
    ),
    "declarations_restated": T("交付声明已变：{parts}", "declarations of deliveries changed: {parts}"),
    "settings_restated": T("设置已变：{sections}", "settings changed: {sections}"),
    "code_restated": T("下列数据表的代码已变：{tables}", "the code of these tables changed: {tables}"),
    "libraries_restated": T("软件库版本已变：{libraries}", "libraries changed: {libraries}"),
    "sources_unknown": T(
        "未知：前一版由不记录来源的早期版本生成",
        "unknown, because an earlier version made the issue before and did not record its sources",
    ),
    "no_source_restated": T("所记录的来源均未变化", "no recorded source differs"),
    "issue_damaged": T("保存的版本已损坏，无法比较", "a kept issue is damaged and cannot be compared"),
    "not_traded": T("没有股票在两个交易日均有成交", "none of its stocks trades on both trade days"),
}
