"""The words of rules, and of the details of verdicts."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    # rules
    "any_value": T("{column} 可取任何值", "{column} may have any value"),
    "at_least": T("{column} 不得小于 {min:.10g}", "{column} must be at least {min:.10g}"),
    "at_most": T("{column} 不得大于 {max:.10g}", "{column} must be at most {max:.10g}"),
    "equal_to": T("{column} 必须为 {value:.10g}", "{column} must be {value:.10g}"),
    "between": T("{column} 必须在 {min:.10g} 与 {max:.10g} 之间", "{column} must be between {min:.10g} and {max:.10g}"),
    "not_null": T("{column} 必须已知", "{column} must be known"),
    "unique": T("任何两行的 {columns} 不得全部相同", "no two rows may have the same {columns}"),
    "one_of": T("{column} 必须是下列之一：{values}", "{column} must be one of: {values}"),
    # details of a verdict
    "not_judged": T("n/a：{cause}", "n/a: {cause}"),
    "no_rows": T("没有数据行", "no rows"),
    "rule_broken": T(
        "{rule}；{rows} 行中有 {bad} 行不符：{reasons}。", "{rule}; not so in {bad} of {rows} rows: {reasons}."
    ),
    "finding": T("{rule}：{reasons}。", "{rule}: {reasons}."),
    "counted": T("{count} × {reason}（{names}）", "{count} × {reason} ({names})"),
    "counted_alone": T("{count} × {reason}", "{count} × {reason}"),
    "other_kinds": T("另有 {count} 行属于其他 {kinds} 种原因", "{count} for {kinds} other reasons"),
    "reason_of": T("{reason}（{name}）", "{reason} ({name})"),
    "row": T("{values}", "{values}"),
    "advised": T("{reason}处理办法：{remedy}", "{reason} Remedy: {remedy}"),
    "check_failed": T("{check} 未通过：{detail}", "{check} failed: {detail}"),
    "more_rows": T("… 另有 {count} 行", "… and {count} more"),
}
