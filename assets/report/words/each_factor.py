"""Words of the chapters of the factors, in Chinese and English: the definition of each factor and of its score.

Every number in them comes from the settings. Source of the descriptions: SPEC §3, §5.2.
"""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "each_factor": T("各因子详情", "Factor by factor"),
    "sign_negative": T(
        "因子取负号，使取值越高越看好。", "The factor is multiplied by −1, so that a higher value is better."
    ),
    "factor_rebalance_month": T(
        "每月最后一个交易日收盘计算信号，次日以均价调仓，选股范围为全市场，多头、空头各取因子值最高、最低的 {share}，等权。",
        "The signal is taken at the close of the month's last trading day and traded the next day at its VWAP; of the full "
        "market the top and bottom {share} are held long and short, equally weighted.",
    ),
    "factor_rebalance_week": T(
        "每周最后一个交易日收盘计算信号，次日以均价调仓，选股范围为全市场，多头、空头各取因子值最高、最低的 {share}，等权。",
        "The signal is taken at the close of the week's last trading day and traded the next day at its VWAP; of the full "
        "market the top and bottom {share} are held long and short, equally weighted.",
    ),
    "sources": T("参见选股因子系列研究{numbers}。", "See numbers {numbers} of the series 选股因子系列研究."),
    "this_week": T(
        "本周多空收益 {ls_week}，多头超额 {le_week}；今年以来分别为 {ls_ytd} 和 {le_ytd}。",
        "This week long–short returned {ls_week} and the long side {le_week} over the market; YTD {ls_ytd} and {le_ytd}.",
    ),
    "figure_strength": T("{name}：多空与多头超额相对强弱", "{name}: relative strength"),
    "figure_bars": T("{name}：区间多空收益", "{name}: long–short return by period"),
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
        "{styles} had no data on this week's signal day and could not be included.",
    ),
    "inside": T(
        "网络内置正交层，训练与预测时均剔除{styles}的影响。",
        "An orthogonal layer inside the network removes {styles} in training and in prediction.",
    ),
    "after": T("得分平均后，对{styles}做截面正交。", "The mean of the scores is then orthogonalised to {styles}."),
    "neither": T("得分不做正交处理。", "The scores are not orthogonalised."),
}

# factor → what it measures. {window}: trading days of the look-back; {share}: of the bars that count as large trades. What a
# network is follows from its settings (sections/methods.py).
DESCRIPTIONS: Mapping[str, Bilingual] = {
    "skewness": T(
        "以一分钟对数收益率计算每日的非中心化偏度，取过去 {window} 个交易日的均值。",
        "Uncentred skewness of one-minute log returns, averaged over {window} trading days.",
    ),
    "downside_volatility_share": T(
        "每日一分钟负收益的平方和占全部收益平方和的比例，取过去 {window} 个交易日的均值。",
        "Share of the day's squared one-minute returns that comes from negative ones, averaged over {window} trading days.",
    ),
    "buying_intention_share": T(
        "开盘后半小时内买入意愿（主动净买入与净委买变化之和）占成交额的比例，取过去 {window} 个交易日的均值。",
        "Buying intention (net active buying plus net bid change) over the amount traded in the opening half hour, averaged "
        "over {window} trading days.",
    ),
    "buying_intention_strength": T(
        "开盘后半小时内各分钟买入意愿的均值与标准差之比，取过去 {window} 个交易日的均值。",
        "Mean over standard deviation of the one-minute buying intention in the opening half hour, averaged over {window} "
        "trading days.",
    ),
    "large_order_net_buy_share": T(
        "过去 {window} 个交易日开盘后半小时大单净买入额之和与成交额之和的比。",
        "Net buying of large orders over the amount traded in the opening half hour, pooled over {window} trading days.",
    ),
    "large_order_net_buy_strength": T(
        "开盘后半小时大单净买入额在过去 {window} 个交易日间的均值与标准差之比。",
        "Mean over standard deviation, across {window} trading days, of large orders' net buying in the opening half hour.",
    ),
    "improved_reversal": T(
        "剔除隔夜与开盘后半小时，过去 {window} 个交易日每日 10 点至收盘涨跌幅的累计值。",
        "Returns from 10:00 to the close, compounded over {window} trading days: overnight and the opening half hour are "
        "left out.",
    ),
    "closing_volume_share": T(
        "收盘前半小时（含收盘集合竞价）成交量占全天的比例，取过去 {window} 个交易日的均值。",
        "Share of the day's volume in the closing half hour and auction, averaged over {window} trading days.",
    ),
    "outflow_per_trade": T(
        "下跌分钟的平均单笔成交额与全天平均单笔成交额之比，取过去 {window} 个交易日的均值。",
        "Amount per trade in falling minutes over that of the whole day, averaged over {window} trading days.",
    ),
    "large_trade_gain": T(
        "每日平均单笔成交额最高的 {share} 分钟的涨跌幅，在过去 {window} 个交易日内累计。",
        "Returns of the {share} of minutes with the highest amount per trade, compounded over {window} trading days.",
    ),
}

NETWORKS: Mapping[str, Bilingual] = {
    "gru": T("GRU", "GRU"),
    "residual_attention_lstm": T("叠加残差自注意力的 LSTM", "LSTM with residual self-attention"),
    "attention_gru": T("双向注意力 GRU", "bidirectional attention GRU"),
}

LABELS_OF_RETURNS: Mapping[str, Bilingual] = {
    "excess": T("未来 {horizon} 日超额收益", "{horizon}-day excess return"),
    "risk_adjusted": T("风险调整后的未来 {horizon} 日超额收益", "risk-adjusted {horizon}-day excess return"),
    "gaussian_rank": T("未来 {horizon} 日收益的高斯化排名", "Gaussian rank of the {horizon}-day return"),
}
