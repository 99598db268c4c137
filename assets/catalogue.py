"""The sixteen factors and two portfolios of the report: keys, names, signs, sources and networks.

This module holds constants and no computation. Source: SPEC §3 (factors 1–10), §5.2 (models 11–16), §6 (portfolios).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Factor:
    """One row of Table 1 of the report."""

    key: str
    number: int
    name_zh: str
    name_en: str
    sign: int  # +1 or −1: sign · raw statistic is high for stocks with a high expected return
    rebalance: Literal["month", "week"]
    kind: Literal["factor", "model"]
    source: str  # numbers of the research series 选股因子系列研究


def _factor(number: int, key: str, name_zh: str, name_en: str, sign: int, source: str) -> Factor:
    return Factor(key, number, name_zh, name_en, sign, "month", "factor", source)


def _model(number: int, key: str, name_zh: str, name_en: str, source: str) -> Factor:
    return Factor(key, number, name_zh, name_en, +1, "week", "model", source)


FACTORS: tuple[Factor, ...] = (
    _factor(1, "skewness", "日内高频偏度", "intraday skewness", -1, "19, 69"),
    _factor(2, "downside_volatility_share", "日内下行波动占比", "downside volatility share", +1, "25, 69"),
    _factor(3, "buying_intention_share", "开盘后买入意愿占比", "post-open buying-intention share", +1, "64, 69"),
    _factor(4, "buying_intention_strength", "开盘后买入意愿强度", "post-open buying-intention strength", +1, "64, 69"),
    _factor(5, "large_order_net_buy_share", "开盘后大单净买入占比", "post-open large-order net-buy share", +1, "72"),
    _factor(
        6, "large_order_net_buy_strength", "开盘后大单净买入强度", "post-open large-order net-buy strength", +1, "72"
    ),
    _factor(7, "improved_reversal", "改进反转", "improved reversal", -1, "69"),
    _factor(8, "closing_volume_share", "尾盘成交占比", "closing volume share", -1, "69"),
    _factor(9, "outflow_per_trade", "平均单笔流出金额占比", "average outflow per trade", +1, "46, 69"),
    _factor(10, "large_trade_gain", "大单推动涨幅", "large-trade-driven gain", -1, "69"),
    _model(11, "gru_50_1", "GRU(50,1)+NN(10)", "GRU(50,1)+NN(10)", "76, 77"),
    _model(12, "gru_50_2", "GRU(50,2)+NN(10)", "GRU(50,2)+NN(10)", "76, 77"),
    _model(13, "improved_gru", "改进GRU(50,2)+NN(10)", "improved GRU(50,2)+NN(10)", "77"),
    _model(14, "residual_attention_lstm", "残差注意力LSTM(48,2)+NN(10)", "residual-attention LSTM(48,2)+NN(10)", "79"),
    _model(15, "multi_granularity_5d", "多颗粒度模型(5日标签)", "multi-granularity, 5-day label", "87, 88"),
    _model(16, "multi_granularity_10d", "多颗粒度模型(10日标签)", "multi-granularity, 10-day label", "87, 88"),
)
BY_KEY: dict[str, Factor] = {factor.key: factor for factor in FACTORS}
TEN: tuple[str, ...] = tuple(factor.key for factor in FACTORS if factor.kind == "factor")
MODELS: tuple[str, ...] = tuple(factor.key for factor in FACTORS if factor.kind == "model")

NETWORKS: dict[str, str] = {
    "gru": "assets.models.networks:GRU",
    "residual_attention_lstm": "assets.models.networks:ResidualAttentionLSTM",
    "attention_gru": "assets.models.networks:AttentionGRU",
}
"""The project's own networks: the value of `models.<name>.network` → "module:class". The path is text, so that the code digest of
a model covers only the network that its settings choose."""


@dataclass(frozen=True)
class Portfolio:
    """One row of Table 2 of the report."""

    key: str
    index: str
    name_zh: str
    name_en: str

    @property
    def asset(self) -> str:
        """The name of the table that holds the portfolio."""
        return f"{self.key}_portfolio"


PORTFOLIOS: tuple[Portfolio, ...] = (
    Portfolio("csi500", "000905.SH", "中证500AI增强组合", "CSI 500 AI-enhanced portfolio"),
    Portfolio("csi1000", "000852.SH", "中证1000AI增强组合", "CSI 1000 AI-enhanced portfolio"),
)
