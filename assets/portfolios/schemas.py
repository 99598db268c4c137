"""Schemas of the stage's tables and of their side files."""

import polars as pl

PORTFOLIO = {
    "week": pl.Date,
    "date": pl.Date,
    "symbol": pl.String,
    "weight": pl.Float64,
    "drifted_weight": pl.Float64,
    "benchmark_weight": pl.Float64,
    "score": pl.Float64,
    "industry": pl.String,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "state": pl.String,
}
PORTFOLIO_RETURNS = {
    "date": pl.Date,
    "portfolio": pl.String,
    "gross": pl.Float64,
    "cost": pl.Float64,
    "net": pl.Float64,
    "benchmark": pl.Float64,
    "turnover": pl.Float64,
}
# solve.parquet's lists `constraints` and `relaxations`: one entry per constraint row
ROWS = {
    "constraint": pl.String,
    "group": pl.String,
    "row": pl.String,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "value": pl.Float64,
    "residual": pl.Float64,
    "slack": pl.Float64,
    "shadow_price": pl.Float64,
    "forced_by": pl.String,
}
# days.parquet: the portfolio's daily returns
DAYS = {
    "date": pl.Date,
    "gross": pl.Float64,
    "cost": pl.Float64,
    "net": pl.Float64,
    "turnover": pl.Float64,
    "cash": pl.Float64,
}
EXECUTIONS = {
    "date": pl.Date,
    "symbol": pl.String,
    "vwap": pl.Float64,
    "holding": pl.Float64,
    "target": pl.Float64,
    "order": pl.Float64,
    "filled": pl.Float64,
    "topped_up": pl.Float64,
    "state": pl.String,  # tradable, or why the stock may not be bought
    "blocked": pl.String,
    "cut": pl.String,
}
COMPONENTS = ("selection", "style", "industry", "cash", "cost", "unfilled", "delisting", "benchmark_basis")
# `value` is a part of the week's excess; null with a `reason` where it can't be computed
ATTRIBUTION = {
    "week": pl.Date,
    "date": pl.Date,
    "portfolio": pl.String,
    "component": pl.String,
    "item": pl.String,
    "value": pl.Float64,
    "reason": pl.String,
}
# legs.parquet beside it: value = exposure × factor_return × the growth of a leg's money to the end of the week, where known
ATTRIBUTION_LEGS = {
    "portfolio": pl.String,
    "leg": pl.String,
    "component": pl.String,
    "item": pl.String,
    "exposure": pl.Float64,
    "factor_return": pl.Float64,
    "value": pl.Float64,
}
# names.parquet beside it: the parts of the week's excess that belong to one stock
ATTRIBUTION_NAMES = {
    "portfolio": pl.String,
    "symbol": pl.String,
    "industry": pl.String,
    "selection": pl.Float64,
    "unfilled": pl.Float64,
    "delisting": pl.Float64,
}
# the portfolios on other scores and other signal days
PORTFOLIO_LINES = {
    "week": pl.Date,
    "date": pl.Date,
    "portfolio": pl.String,
    "line": pl.String,
    "gross": pl.Float64,
    "cost": pl.Float64,
    "net": pl.Float64,
    "benchmark": pl.Float64,
    "turnover": pl.Float64,
}
# states.parquet beside it: what each line passes to the next week, one row per stock
LINE_STATES = {
    "portfolio": pl.String,
    "line": pl.String,
    "date": pl.Date,
    "symbol": pl.String,
    "holding": pl.Float64,
    "target": pl.Float64,
    "upper": pl.Float64,
    "state": pl.String,
    "cash": pl.Float64,
    "nav": pl.Float64,
}
# solves.parquet beside it: one row per rebalance
LINE_SOLVES = {
    "portfolio": pl.String,
    "line": pl.String,
    "date": pl.Date,
    "status": pl.String,
    "objective": pl.Float64,
    "planned_turnover": pl.Float64,
    "residual": pl.Float64,
    "duality_gap": pl.Float64,
    "relaxed": pl.Float64,
}
