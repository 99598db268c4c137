"""Words of the section on risks, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "risk_text": T(
        "因子失效风险、流动性风险。因子历史表现不代表未来；市场环境变化、因子拥挤可能导致因子失效；"
        "个股停牌、涨跌停与成交不足可能使组合无法按设定价格成交。本报告由程序自动生成，不构成投资建议。",
        "Factors may stop working; liquidity may dry up. Past performance says nothing certain about the future; changing "
        "markets and crowding may end a factor's effect; suspensions, price limits and thin trading may keep a portfolio "
        "from trading at the assumed price. This report is made by a program and is no investment advice.",
    ),
}
