"""Words of the section on restatements and of the page of the log, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "restatements": T("更正记录", "Restatements"),
    "restated_later": T(
        "数据重新交付、设置或程序变更后，本期会重新生成，已发布的数字可能因此更正。每一版都按发布时的原样保存，不会删除："
        "本期为湖中的 _issues/{folder}_<版次>/ 文件夹。",
        "If data is delivered again, or settings or code change, this issue is made again, and published figures may be restated. "
        "Every issue is kept as it was published and is never removed: those of this week are the folders _issues/{folder}_<number>/ of "
        "the lake.",
    ),
    "log_is_apart": T(
        "更正记录列出自发布以来哪些数字由何值改为何值、何时、何因。它不印在报告内，因为同样的数据须得到逐字节相同的报告："
        "见 _issues/restatements.html 与 _issues/restatements.parquet。",
        "The restatement log lists which figures have moved since they were published, from which value to which, when and why. It is not "
        "printed in the report, since equal data must lead to a report with equal bytes: see _issues/restatements.html and "
        "_issues/restatements.parquet.",
    ),
    "open_log": T("打开更正记录", "Open the restatement log"),
    "log_title": T("更正记录", "Restatement log"),
    "log_lead": T(
        "每次更正列出原因，以及表 1、表 2 中与前一版印出的数值不同的数字。收益以百分点计差。每一版都按发布时的原样保存。",
        "Each restatement has its cause and the figures of Tables 1 and 2 whose printed values differ from those of the issue before. "
        "Differences of returns are in percentage points. Every issue is kept as it was published.",
    ),
    "log_nothing": T("没有更正。", "Nothing has been restated."),
    "log_week": T("{first} 至 {last} 一周", "Week of {first} to {last}"),
    "log_issue": T(
        "第 {issue} 版取代第 {replaces} 版，{published} UTC 发布",
        "Issue {issue} replaces issue {replaces}, published {published} UTC",
    ),
    "log_unchanged": T(
        "第 {issue} 版重新核对，{published} UTC：报告不变",
        "Issue {issue} was made again at {published} UTC and is unchanged",
    ),
    "log_cause": T("原因：{cause}。", "Cause: {cause}."),
    "log_none_moved": T("没有已发布的数字变动。", "No published figure moved."),
    "log_none_printed": T("印出的数字没有变动。", "No printed figure moved."),
    "log_beyond_print": T(
        "另有 {count} 个数字的变动小于印出的位数，或属于未印出的列，见 restatements.parquet。",
        "{count} further figures moved by less than is printed, or in columns that are not printed: see restatements.parquet.",
    ),
    "log_more": T(
        "另有 {count} 个印出的数字变动，见 restatements.parquet。",
        "{count} further printed figures moved: see restatements.parquet.",
    ),
    "log_open": T("第 {issue} 版", "issue {issue}"),
    "log_table": T("表", "table"),
    "log_row": T("行", "row"),
    "log_column": T("列", "column"),
    "log_before": T("原值", "before"),
    "log_after": T("更正后", "after"),
    "log_difference": T("差", "difference"),
    "log_table1": T("表 1", "Table 1"),
    "log_table2": T("表 2", "Table 2"),
    "excess": T("超额", "excess"),
    "month_wins": T("月度胜数", "months won"),
    "month_count": T("月数", "months"),
    "week_wins": T("周度胜数", "weeks won"),
    "week_count": T("周数", "weeks"),
    "of_comparison": T("{comparison} · {period}", "{comparison}, {period}"),
}
