"""Words of the section on data health, in Chinese and English: tapes, checks, and left-out inputs."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "health": T("数据健康", "Data health"),
    "tapes": T("逐笔与行情核对（个股·日）", "Tapes reconciled (symbol-days)"),
    "tapes_of_week": T("本周合计：{counts}。", "The week: {counts}."),
    "tapes_of_day": T("{day}：{counts}。", "{day}: {counts}."),
    "tapes_counted": T("{verdict} {count}", "{count} {verdict}"),
    "tapes_books": T("仅盘口剔除 {count}", "{count} of them without their book"),
    "tape_row": T("{day} · {symbol} · {verdict}：{reason}", "{day} · {symbol} · {verdict}: {reason}"),
    "more_tapes": T("另有 {count} 条，见 tape_health 表。", "{count} more: see the table tape_health."),
    "no_tapes": T("本周没有分钟数据。", "The week has no minute data."),
    "table5_title": T("各数据表检查结果", "Verdicts of the checks, by table"),
    "table5_lead": T(
        "截至本周共检查 {partitions} 个分区、{checks} 次：警告 {warnings} 次，拒绝下游使用的分区 {refused} 个。",
        "Up to this week {checks} checks judged {partitions} partitions: {warnings} warnings, {refused} partitions refused.",
    ),
    "table5_docs": T(
        "各检查的规则与最近的检查结果可由命令 python -m orchestration.gates --docs 生成网页查看。",
        "The command python -m orchestration.gates --docs writes the rules of the checks and their latest verdicts as web pages.",
    ),
    "data_table": T("数据表", "table"),
    "partitions": T("分区数", "partitions"),
    "rows": T("行数", "rows"),
    "checks": T("检查次数", "checks"),
    "warnings": T("警告", "warnings"),
    "refused": T("拒绝分区", "refused partitions"),
    "alarm": T("异常明细", "Failed checks"),
    "alarm_row": T(
        "{kind} · {table} · {check}：{count} 个分区（{first} 至 {last}），最近一次：{detail}",
        "{kind} · {table} · {check}: {count} partitions ({first} to {last}), last: {detail}",
    ),
    "no_alarm": T("全部检查通过。", "Every check passed."),
    "critical": T("严重", "critical"),
    "warning": T("警告", "warning"),
    "absent_title": T("不可得的数据项", "Data that is not available"),
    "absent_row": T("{table} · {items}：{reason}", "{table} · {items}: {reason}"),
    "none_absent": T("各输入表的数据项齐全。", "Nothing is missing from the inputs."),
    "left_out_title": T("计算中未能包含的内容", "What was left out of the computation"),
    "none_left_out": T("计算未遗漏任何内容。", "Nothing was left out."),
}

# what was left out, by code; {item} and {value} are named here
LEFT_OUT: Mapping[str, Bilingual] = {
    "styles": T(
        "正交化未包含{item}：该风格全市场无数据",
        "{item} is left out of the orthogonalisation: null for the whole market",
    ),
    "model_styles": T(
        "{item}的得分未对{value}正交：该风格全市场无数据",
        "the score of {item} is not orthogonal to {value}: null for the whole market",
    ),
    "industries": T(
        "正交化未包含行业：全市场无行业数据", "industries are left out of the orthogonalisation: no name has one"
    ),
    "flat_days_lost": T(
        "{item}因剔除价格不变分钟过多的交易日，损失有效股票日的 {low}–{high}",
        "{item} lost {low}–{high} of its valid stock-days to the rule on unchanged minutes",
    ),
    "volatility_factors": T(
        "波动以 {window} 日收益率的标准差代替三因子回归的 R²：{value}",
        "volatility is the standard deviation of {window} daily returns in place of the R² on three factors: {value}",
    ),
    "features": T(
        "{item}网络未使用 {count} 列无数据的特征：{value}",
        "the {item} network does not use {count} feature(s) that have no data: {value}",
    ),
    "style_days": T(
        "正交层在 {value} 个训练或验证日未包含{item}",
        "the orthogonal layer did not include {item} on {value} training or validation days",
    ),
    "index_closes": T(
        "{item}的基准缺少指数收盘价，以漂移后的成份股权重代替",
        "{item}: index closes are missing, so that drifted member weights replace the benchmark",
    ),
    "other": T("{code} · {item}：{value}", "{code} · {item}: {value}"),
    "line": T(
        "{table}：{text}（{count} 个分区，{first} 至 {last}）",
        "{table}: {text} ({count} partitions, {first} to {last})",
    ),
    "more_features": T("等", " …"),
}

VERDICTS: Mapping[str, Bilingual] = {
    "ok": T("正常", "ok"),
    "repaired": T("已修复", "repaired"),
    "set aside": T("剔除", "set aside"),
    "missing": T("缺失", "missing"),
}
