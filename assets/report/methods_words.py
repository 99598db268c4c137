"""How scores are made and what was left out, in Chinese and English. Text alone; every number comes from the settings."""

from collections.abc import Mapping

from assets.report.words import Bilingual

T = Bilingual

NETWORKS: Mapping[str, Bilingual] = {
    "gru": T("GRU", "GRU"),
    "residual_attention_lstm": T("叠加残差自注意力的 LSTM", "LSTM with residual self-attention"),
    "attention_gru": T("双向注意力 GRU", "bidirectional attention GRU"),
}
GRANULARITIES: Mapping[str, Bilingual] = {
    "daily": T("日", "daily"),
    "60min": T("60 分钟", "60-minute"),
    "30min": T("30 分钟", "30-minute"),
}
LABELS_OF_RETURNS: Mapping[str, Bilingual] = {
    "excess": T("未来 {horizon} 日超额收益", "{horizon}-day excess return"),
    "risk_adjusted": T("风险调整后的未来 {horizon} 日超额收益", "risk-adjusted {horizon}-day excess return"),
    "gaussian_rank": T("未来 {horizon} 日收益的高斯化排名", "Gaussian rank of the {horizon}-day return"),
}

WORDS: Mapping[str, Bilingual] = {
    "network": T(
        "以 {days} 日的{granularities}特征序列为输入的{layers}层{network}（{hidden} 个隐藏单元，其后全连接层 {head}），标签为{label}；"
        "以 {train} 个交易日训练、{valid} 个交易日验证，得分为 {networks} 个网络（{seeds} 个随机种子）的均值。",
        "A {network} of {layers} layer(s) and {hidden} units, with dense layers of {head}, on {days} days of {granularities} "
        "features; label: {label}. Trained on {train} trading days and validated on {valid}; the score is the mean of {networks} "
        "network(s), from {seeds} seed(s).",
    ),
    "linear": T("无", "none"),
    "flat_days": T(
        "收盘价不变的分钟占比超过 {limit} 的交易日不计入。",
        "Days with more than {limit} of unchanged minutes do not count.",
    ),
    "ten": T("因子已对{styles}做截面正交。", "It is orthogonalised, date by date, to {styles}."),
    "ten_without": T(
        "本周信号日无数据的{styles}未包含在内。",
        "{styles} had no data on this week's signal day and had no part in it.",
    ),
    "inside": T(
        "网络内置正交层，训练与预测时均剔除{styles}的影响。",
        "An orthogonal layer inside the network removes {styles} in training and in use.",
    ),
    "after": T("得分平均后，对{styles}做截面正交。", "The mean of the scores is then orthogonalised to {styles}."),
    "neither": T("得分不做正交处理。", "The scores are not orthogonalised."),
    "join": T("、", ", "),
    # what was left out, by code; {item} and {value} are named here
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
        "the {item} network does without {count} feature(s) that have no data: {value}",
    ),
    "style_days": T(
        "正交层在 {value} 个训练或验证日未包含{item}",
        "the orthogonal layer did without {item} on {value} training or validation days",
    ),
    "index_closes": T(
        "{item}的基准缺少指数收盘价，以漂移后的成份股权重代替",
        "{item}: no index closes, so the drifted members stand in as its benchmark",
    ),
    "other": T("{code} · {item}：{value}", "{code} · {item}: {value}"),
    "line": T(
        "{table}：{text}（{count} 个分区，{first} 至 {last}）",
        "{table}: {text} ({count} partitions, {first} to {last})",
    ),
    "more_features": T("等", " …"),
}
