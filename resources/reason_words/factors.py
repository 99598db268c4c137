"""The words of the reasons of styles and factors."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "nobody_in_securities": T("securities 在 {date} 没有数据", "securities of {date} is empty"),
    "too_few_days": T(
        "需要最近 {window} 个交易日中的 {needed} 日，daily_prices 只有 {held} 日",
        "needs {needed} of the last {window} trading days; daily_prices has {held} of them",
    ),
    "no_style_value": T("{date} 全市场股票均无{style}数据", "no stock of U(t) has a value of {style} on {date}"),
    "no_universe": T("securities 在 {date} 没有全市场股票", "securities of {date} has no stock in U(t)"),
    "few_book_values": T(
        "{date} 全市场 {names} 只股票中只有 {known} 只已知净资产为正",
        "{known} of {names} stocks of U(t) had a known positive book equity on {date}",
    ),
    "one_sided": T(
        "{formed} 分组的组合在 {date} 缺少一侧", "the portfolios formed on {formed} lack one side on {date}"
    ),
    "volatility_is_r2": T(
        "波动为日收益率对全市场三因子回归的 R²", "R² of the daily returns on three Fama–French factors of U(t)"
    ),
    "volatility_is_deviation": T(
        "波动以日收益率的标准差代替三因子回归的 R²：{cause}",
        "standard deviation of the daily returns, in place of the R² on three factors: {cause}",
    ),
    "no_official_close": T(
        "{symbols} 只股票没有官方收盘价，post_open_growth 采用末根分钟线的收盘价",
        "{symbols} symbols have no official close: post_open_growth uses the close of the last bar",
    ),
    "nobody_in_universe": T("{date} 全市场没有股票", "no stock is in U(t) on {date}"),
    "nothing_left": T("剔除行业与风格后没有剩余", "the regression on industries and styles leaves no residual"),
    "too_few_valid_days": T(
        "没有股票有 {needed} 个有效交易日：截至 {date} 的 {window} 日中，{columns} 只在 {known} 日有数据",
        "no stock has {needed} valid days: {columns} known on {known} of the {window} days up to {date}",
    ),
}
