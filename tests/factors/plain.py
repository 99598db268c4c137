"""Random minute bars with every unusual kind of day, and the day indicators of SPEC §3 as plain loops, for comparison.

The module shares no code with assets/: the formulas are implemented again from the specification, one symbol and one bar at a time.
"""

import datetime as dt
import math
import random

import polars as pl

DATE = dt.date(2023, 2, 1)
GRID = [*range(570, 690), *range(780, 897)]
SLOTS = [565, *GRID, 897]
SCHEMA = {
    "date": pl.Date, "symbol": pl.String, "minute": pl.Int32,
    "open": pl.Float64, "high": pl.Float64, "low": pl.Float64, "close": pl.Float64,
    "volume": pl.Int64, "amount": pl.Float64, "trades": pl.Int64,
    "buy_amount": pl.Float64, "sell_amount": pl.Float64, "large_buy_amount": pl.Float64, "large_sell_amount": pl.Float64,
    "net_bid_change": pl.Float64, "spread": pl.Float64, "imbalance": pl.Float64, "imbalance_5": pl.Float64,
    "at_limit_up": pl.Boolean, "at_limit_down": pl.Boolean,
}  # fmt: skip
DAILY_SCHEMA = {
    "date": pl.Date, "symbol": pl.String, "pre_close": pl.Float64, "open": pl.Float64, "high": pl.Float64,
    "low": pl.Float64, "close": pl.Float64, "volume": pl.Int64, "amount": pl.Float64,
    "float_shares": pl.Int64, "total_shares": pl.Int64, "vwap": pl.Float64,
}  # fmt: skip
KINDS = (
    "normal", "sparse", "no_trades", "no_trades_unknown_price", "one_price", "locked_open", "late_start",
    "late_start_unknown_price", "no_auctions", "few_trades", "only_falls", "no_quotes", "no_threshold", "closes_only",
    "no_trade_counts", "equal_sizes", "steady_intention", "set_aside",
    "closes_only_no_auction",
)  # fmt: skip
CLOSES_ONLY_NULL = [name for name in SCHEMA if name not in ("date", "symbol", "minute", "close")]


def symbol_day(rng: random.Random, symbol: str, kind: str, date: dt.date = DATE) -> tuple[list[dict], dict | None]:
    """Return the 239 rows of one symbol-day of a kind, and its row of daily_prices or None."""
    pre_close = round(rng.uniform(3, 60), 2)
    known_price = "unknown" not in kind
    price: float | None = pre_close if known_price else None
    empty_odds = {"sparse": 0.7, "few_trades": 0.985}.get(kind, 0.1)
    rows = []
    for slot, minute in enumerate(SLOTS):
        trades = 0 if rng.random() < empty_odds else rng.randint(1, 40)
        if kind.startswith("no_trades") or (minute in (565, 897) and kind == "no_auctions"):
            trades = 0
        if kind.startswith("late_start") and slot < 20:
            trades = 0
        row = dict.fromkeys(SCHEMA) | {"date": date, "symbol": symbol, "minute": minute, "trades": trades}
        row |= {"open": price, "high": price, "low": price, "close": price, "volume": 0, "amount": 0.0}
        row |= {"buy_amount": 0.0, "sell_amount": 0.0, "large_buy_amount": 0.0, "large_sell_amount": 0.0}
        row |= {"at_limit_up": False, "at_limit_down": False, "net_bid_change": 0.0}
        if trades:
            start = price if price is not None else pre_close
            steps = [0] if kind == "one_price" else [-2, -1, 0] if kind == "only_falls" else [-2, -1, 0, 0, 1, 2]
            path = [max(0.5, round(start + 0.01 * rng.choice(steps), 2)) for _ in range(3)]
            if kind == "one_price":
                path = [pre_close] * 3
            volume = 100 * trades if kind == "equal_sizes" else 100 * rng.randint(trades, 50 * trades)
            price = path[-1]
            amount = round(volume * (10.0 if kind == "equal_sizes" else sum(path) / 3), 2)
            row |= {"open": path[0], "high": max(path), "low": min(path), "close": price}
            row |= {"volume": volume, "amount": amount}
            active = 0 if minute in (565, 897) else 1
            bought = round(amount * rng.random(), 2) * active
            row |= {"buy_amount": bought, "sell_amount": round(amount - bought, 2) * active}
            row |= {"large_buy_amount": round(amount * rng.random(), 2)}
            row |= {"large_sell_amount": round(amount * rng.random(), 2)}
        if minute not in (565, 897) and rng.random() < 0.9:
            row["net_bid_change"] = round(rng.gauss(0, 1e5), 2)
            row |= {
                "spread": rng.uniform(1e-4, 1e-2),
                "imbalance": rng.uniform(-1, 1),
                "imbalance_5": rng.uniform(-1, 1),
            }
        if kind == "locked_open" and slot <= 20:
            row["at_limit_up" if slot % 2 else "at_limit_down"] = True
        if kind == "steady_intention" and 1 <= slot <= 30:
            row |= {"buy_amount": 0.3, "sell_amount": 0.1, "net_bid_change": 0.1}
        if kind == "no_quotes":
            row |= {"net_bid_change": None, "spread": None, "imbalance": None, "imbalance_5": None}
        if kind == "no_threshold":
            row |= {"large_buy_amount": None, "large_sell_amount": None}
        if kind.startswith("closes_only"):
            row |= dict.fromkeys(CLOSES_ONLY_NULL) | {"date": date, "symbol": symbol}
        if kind == "closes_only_no_auction" and slot == 0:
            row["close"] = None
        if kind == "no_trade_counts":
            row["trades"] = None
        rows.append(row)
    if kind.startswith("no_trades") or not known_price:
        return rows, None
    traded = [row for row in rows if (row["trades"] or row["volume"] or kind.startswith("closes_only"))]
    prices = [row[side] or row["close"] or pre_close for row in traded for side in ("high", "low")] or [pre_close]
    daily = {
        "date": date, "symbol": symbol, "pre_close": pre_close, "open": prices[0], "high": max(prices),
        "low": min(prices), "close": round((price or pre_close) * rng.choice((1.0, 1.001)), 2),
        "volume": sum(row["volume"] or 100 for row in traded), "amount": sum(row["amount"] or 1.0 for row in traded),
        "float_shares": 10**8, "total_shares": 2 * 10**8, "vwap": price,
    }  # fmt: skip
    if kind == "set_aside":  # the symbol traded, but its tape failed the reconciliation
        rows = [dict.fromkeys(SCHEMA) | {name: row[name] for name in ("date", "symbol", "minute")} for row in rows]
    return rows, daily


def market_day(seed: int, kinds: tuple[str, ...] = KINDS, date: dt.date = DATE) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `minute_bars` and `daily_prices` of one day with one symbol of each kind; the symbol contains the kind."""
    rng = random.Random(seed)
    bars, daily = [], []
    for number, kind in enumerate(kinds):
        rows, price = symbol_day(rng, f"{number:06d}.{kind}", kind, date)
        bars += rows
        daily += [price] if price else []
    return pl.DataFrame(bars, schema=SCHEMA).sort("symbol", "minute"), pl.DataFrame(daily, schema=DAILY_SCHEMA)


def returns_of(rows: list[dict], pre_close: float | None) -> list[float]:
    """Return the log returns of the 237 bars of G."""
    auction, grid = rows[0], rows[1:-1]
    first = grid[0]
    active = first["trades"] if first["trades"] is not None else first["volume"]
    if first["open"] is not None and (active is None or active > 0):
        previous = first["open"]
    elif auction["close"] is not None:
        previous = auction["close"]
    else:
        previous = pre_close
    result = []
    for row in grid:
        if row["close"] is None:
            result.append(0.0)
            continue
        if previous is None:
            previous = row["open"] if row["open"] is not None else row["close"]
        result.append(math.log(row["close"] / previous))
        previous = row["close"]
    return result


def total(values: list[float | None]) -> float | None:
    """Return the sum, None if a term is None."""
    return None if any(value is None for value in values) else math.fsum(values)


def ratio(a: float | None, b: float | None) -> float | None:
    """Return a / b, None if either is None or b is 0."""
    return None if a is None or b is None or b == 0 else a / b


def large_minutes(rows: list[dict], share: float = 0.3) -> list[int] | None:
    """Return the positions of the ⌊share · count⌋ rows with the highest amount per trade, the earlier of equal ones.

    None if no row has trades.
    """
    sized = [
        (-row["amount"] / row["trades"], i) for i, row in enumerate(rows) if row["trades"] and row["amount"] is not None
    ]
    if not sized:
        return None
    tenths = round(share * 10)
    return sorted(i for _, i in sorted(sized)[: tenths * len(sized) // 10])


def plain_indicators(rows: list[dict], daily: dict | None, *, daily_delivered: bool = True) -> dict:
    """Return the day indicators of one symbol-day by the formulas of SPEC §3."""
    grid, opening = rows[1:-1], [row for row in rows if 570 <= row["minute"] <= 599]
    r = returns_of(rows, daily["pre_close"] if daily else None)
    activity = [row["trades"] if row["trades"] is not None else row["volume"] for row in rows]
    if any(value is not None for value in activity):
        traded = any(value for value in activity)
    elif daily_delivered:
        traded = daily is not None and daily["volume"] > 0
    else:
        traded = any(row["close"] is not None for row in grid)
    active = [row for row, value in zip(rows, activity, strict=True) if value]
    if active and active[0]["high"] is not None:
        one_price = max(row["high"] for row in active) == min(row["low"] for row in active)
    elif daily:
        one_price = daily["high"] == daily["low"]
    else:
        one_price = len({row["close"] for row in grid}) == 1 and grid[0]["close"] is not None
    none = dict.fromkeys(
        ("skewness", "downside_volatility_share", "buying_intention_share", "buying_intention_strength",
         "large_net_buy", "open_amount", "closing_volume_share", "outflow_per_trade", "large_trade_growth", "flat_share")
    )  # fmt: skip
    if not traded:
        known = any(value is not None for value in activity) or daily_delivered
        return none | {"traded": False, "one_price": one_price, "post_open_growth": 1.0 if known else None}
    x = none | {"traded": True, "one_price": one_price, "post_open_growth": None}
    if all(row["close"] is None for row in grid):
        return x

    s2, s3 = math.fsum(v**2 for v in r), math.fsum(v**3 for v in r)
    if s2 > 0 and not one_price:
        x["skewness"] = math.sqrt(237) * s3 / s2**1.5
        x["downside_volatility_share"] = math.fsum(v**2 for v in r if v < 0) / s2

    kept = [row for row in opening if not (row["at_limit_up"] or row["at_limit_down"])]
    w = [
        None if None in (row["buy_amount"], row["net_bid_change"]) else row["buy_amount"] - row["sell_amount"] + row["net_bid_change"]
        for row in kept
    ]  # fmt: skip
    x["buying_intention_share"] = ratio(total(w), total([row["amount"] for row in kept]))
    if len(w) >= 15 and None not in w and max(w) > min(w):
        mean = math.fsum(w) / len(w)
        x["buying_intention_strength"] = mean / math.sqrt(math.fsum((v - mean) ** 2 for v in w) / len(w))
    buys, sells = (
        total([row["large_buy_amount"] for row in opening]),
        total([row["large_sell_amount"] for row in opening]),
    )
    x["large_net_buy"] = None if buys is None else buys - sells
    x["open_amount"] = total([row["amount"] for row in opening])

    official = daily["close"] if daily else rows[-1]["close"]
    x["post_open_growth"] = ratio(official, opening[-1]["close"])
    volumes = total([row["volume"] for row in rows])
    x["closing_volume_share"] = ratio(total([row["volume"] for row in rows if row["minute"] >= 870]), volumes)

    down = [row for row, v in zip(grid, r, strict=True) if v < 0]
    if not one_price:
        outflow = ratio(total([row["amount"] for row in down]), total([row["trades"] for row in down]))
        average = ratio(total([row["amount"] for row in grid]), total([row["trades"] for row in grid]))
        x["outflow_per_trade"] = ratio(outflow, average)
        chosen = large_minutes(grid)
        if chosen is not None:
            growth = 1.0
            for i in chosen:
                growth *= math.exp(r[i])
            x["large_trade_growth"] = growth
    x["flat_share"] = sum(v == 0 for v in r) / 237
    return x
