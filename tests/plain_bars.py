"""SPEC §1 and §3 once more, in plain Python on lists of dicts: slow, direct, written from the text alone."""

import math

GRID = [*range(570, 690), *range(780, 897)]


def bar_of(ms: int) -> int:
    minute = ms // 60_000
    if minute < 570:
        return 565
    if minute >= 901:
        return 905
    if minute >= 897:
        return 897
    if 690 <= minute < 780:
        return 689
    return minute


def orders_of(trades: list[dict], side: str) -> dict:
    amounts: dict = {}
    for t in trades:
        if t[side] > 0:
            key = (t["channel"], t[side])
            amounts[key] = amounts.get(key, 0) + t["price"] * t["volume"]
    return {key: amount / 10_000 for key, amount in amounts.items()}


def order_sizes(trades: list[dict]) -> tuple[int, float, float]:
    logs = [math.log(a) for side in ("bid_order", "ask_order") for a in orders_of(trades, side).values()]
    return len(logs), math.fsum(logs), math.fsum(x * x for x in logs)


def threshold(days: list[tuple[int, float, float]], min_days: int = 5, min_orders: int = 200) -> float | None:
    used = [day for day in days if day[0] > 0]
    n = sum(day[0] for day in used)
    if len(used) < min_days or n < min_orders:
        return None
    mean = sum(day[1] for day in used) / n
    return math.exp(mean + math.sqrt(max(sum(day[2] for day in used) / n - mean**2, 0)))


def bars(trades: list[dict], pre_close: float | None, large: float | None) -> dict[int, dict]:
    """minute → values of one symbol-day. trades in (channel, seq) order."""
    big_bids = {key for key, a in orders_of(trades, "bid_order").items() if large is not None and a >= large}
    big_asks = {key for key, a in orders_of(trades, "ask_order").items() if large is not None and a >= large}
    result = {}
    last = pre_close
    for minute in [565, *GRID, 897, 905]:
        own = [t for t in trades if bar_of(t["time"]) == minute]
        if minute == 905 and not own:
            continue
        amount = lambda rows: sum(t["price"] * t["volume"] for t in rows) / 10_000  # noqa: E731
        prices = [t["price"] / 10_000 for t in own] or [last]
        result[minute] = {
            "open": prices[0],
            "high": None if prices[0] is None else max(prices),
            "low": None if prices[0] is None else min(prices),
            "close": prices[-1],
            "volume": sum(t["volume"] for t in own),
            "amount": amount(own),
            "trades": len(own),
            "buy_amount": amount([t for t in own if t["side"] == 1]),
            "sell_amount": amount([t for t in own if t["side"] == -1]),
            "large_buy_amount": None
            if large is None
            else amount([t for t in own if (t["channel"], t["bid_order"]) in big_bids]),
            "large_sell_amount": None
            if large is None
            else amount([t for t in own if (t["channel"], t["ask_order"]) in big_asks]),
        }
        last = prices[-1]
    return result


def book(quotes: list[dict]) -> dict[int, dict]:
    """minute → Q and the means, of one symbol's quotes in order. A level is a (price, volume) or None."""
    result = {
        minute: {"net_bid_change": 0.0, "spread": None, "imbalance": None, "imbalance_5": None}
        for minute in [565, *GRID, 897]
    }
    kept: dict[int, list] = {}
    for first, last in ((34_200_000, 46_800_000), (46_800_000, 53_820_000)):
        before = None
        for quote in (q for q in quotes if first <= q["time"] < last):
            bid, ask = quote["bid"][0], quote["ask"][0]
            if bid is None or ask is None:
                before = None
                continue
            minute = bar_of(quote["time"])
            if before is not None:
                (p, q), (p0, q0) = bid, before[0]
                change = p * q if p > p0 else p * (q - q0) if p == p0 else -p0 * q0
                (p, q), (p0, q0) = ask, before[1]
                change -= p * q if p < p0 else p * (q - q0) if p == p0 else -p0 * q0
                result[minute]["net_bid_change"] += change / 10_000
            before = (bid, ask)
            five = [sum(level[1] for level in quote[side][:5] if level) for side in ("bid", "ask")]
            kept.setdefault(minute, []).append(
                (
                    (ask[0] - bid[0]) / ((ask[0] + bid[0]) / 2),
                    (bid[1] - ask[1]) / (bid[1] + ask[1]),
                    (five[0] - five[1]) / (five[0] + five[1]),
                )
            )
    for minute, rows in kept.items():
        for k, name in enumerate(("spread", "imbalance", "imbalance_5")):
            result[minute][name] = sum(row[k] for row in rows) / len(rows)
    return result
