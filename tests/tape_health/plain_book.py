"""A small exchange in plain Python (a dict of price → queue a side) that writes the tape a vendor would deliver of it.

Here: matching by price and time, both exchanges' rows, true snapshots, the rule of a call auction by looking at every price.
Not here: anything of the project's own replay.
"""

from dataclasses import dataclass, field

import polars as pl

from assets.ticks.canonical import ORDERS, QUOTES, TRADES

BUY, SELL = 1, -1
OPENING = 33_300_000  # 09:15
MORNING = 34_200_000


def auction(buys: dict[int, int], sells: dict[int, int], reference: int, middle: bool) -> tuple[int, int]:
    """(price, volume) by the rule's own words, at every price that an order names; 0, 0 where nothing can trade."""
    fits = []
    for price in sorted({*buys, *sells}):
        at_buy = sum(q for p, q in buys.items() if p >= price)
        at_sell = sum(q for p, q in sells.items() if p <= price)
        volume = min(at_buy, at_sell)
        better = max(sum(q for p, q in buys.items() if p > price), sum(q for p, q in sells.items() if p < price))
        if volume > 0 and better <= volume:
            fits.append((-volume, abs(at_buy - at_sell), price))
    if not fits:
        return 0, 0
    best = min(fits)[:2]
    equal = [price for *rank, price in fits if tuple(rank) == best]
    price = (equal[0] + equal[-1]) // 2 if middle else sorted((equal[0], reference, equal[-1]))[1]
    return price, -best[0]


@dataclass
class Exchange:
    """whole: Shenzhen's way of writing orders, else Shanghai's. Every act may be followed by `snapshot`."""

    symbol: str
    whole: bool
    pre_close: int = 1_000
    time: int = MORNING
    queues: dict[int, dict[int, list[list[int]]]] = field(default_factory=lambda: {BUY: {}, SELL: {}})
    rows: list[dict] = field(default_factory=list)
    quotes: list[dict] = field(default_factory=list)
    arrivals: int = 0
    volume: int = 0
    last: int = 0

    def side_of(self, number: int) -> tuple[int, int] | None:
        """(side, price) at which an order rests."""
        for side, prices in self.queues.items():
            for price, queue in prices.items():
                if any(own == number for own, _ in queue):
                    return side, price
        return None

    def best(self, side: int) -> int | None:
        prices = self.queues[side]
        return (max if side == BUY else min)(prices) if prices else None

    def depth(self, side: int) -> dict[int, int]:
        return {price: sum(left for _, left in queue) for price, queue in self.queues[side].items()}

    def _write(self, table: str, **row: int | str) -> int:
        self.rows.append({"table": table, "symbol": self.symbol, "time": self.time, "event": len(self.rows) + 1, **row})
        return len(self.rows)

    def _order(self, number: int, side: int, price: int, quantity: int, kind: str) -> None:
        self._write("orders", order=number, side=side, price=price, quantity=quantity, kind=kind)

    def _fill(self, number: int, side: int, price: int, quantity: int) -> int:
        """Trade an order of `side` against the best of the other; what is left of it."""
        queue = self.queues[-side][price]
        other, left = queue[0]
        traded = min(left, quantity)
        queue[0][1] -= traded
        if queue[0][1] == 0:
            del queue[0]
        if not queue:
            del self.queues[-side][price]
        pair = {side: number, -side: other}
        self._write("trades", price=price, volume=traded, bid_order=pair[BUY], ask_order=pair[SELL], side=side)
        self.volume += traded
        self.last = price
        return quantity - traded

    def submit(self, side: int, price: int, quantity: int, kind: str = "limit", match: bool = True) -> int:
        """kind: limit, own_best, market (any price, the rest withdrawn) or market_rests (at the other side's best
        price, where the rest then rests)."""
        self.arrivals += 1
        number = len(self.rows) + 1 if self.whole else self.arrivals
        if kind == "own_best":
            price = self.best(side) or 0
        elif kind == "market_rests":
            price = self.best(-side) or 0  # the other side's best price is its limit
        if self.whole:
            self._order(number, side, price if kind == "limit" else 0, quantity, kind.removesuffix("_rests"))
        while match and quantity and (best := self.best(-side)) is not None:
            if kind != "market" and side * (price - best) < 0:
                break
            quantity = self._fill(number, side, best, quantity)
        if quantity and (kind == "market" or price == 0):
            self._order(number, side, 0, quantity, "cancel")
        elif quantity:
            self.queues[side].setdefault(price, []).append([number, quantity])
            if not self.whole:
                self._order(number, side, price, quantity, "limit")
        return number

    def cancel(self, number: int) -> None:
        found = self.side_of(number)
        if found is None:
            return
        side, price = found
        queue = self.queues[side][price]
        left = next(left for own, left in queue if own == number)
        self.queues[side][price] = [order for order in queue if order[0] != number]
        if not self.queues[side][price]:
            del self.queues[side][price]
        self._order(number, side, 0 if self.whole else price, left, "cancel")

    def match_auction(self) -> None:
        price, volume = self.auction()
        while volume:
            sides = {}
            for side in (BUY, SELL):
                best = self.best(side)
                sides[side] = (best, self.queues[side][best][0])
            traded = min(volume, *(order[1] for _, order in sides.values()))
            for side, (best, order) in sides.items():
                order[1] -= traded
                if order[1] == 0:
                    del self.queues[side][best][0]
                if not self.queues[side][best]:
                    del self.queues[side][best]
            pair = {side: order[0] for side, (_, order) in sides.items()}
            self._write("trades", price=price, volume=traded, bid_order=pair[BUY], ask_order=pair[SELL], side=0)
            self.volume += traded
            self.last = price
            volume -= traded

    def auction(self) -> tuple[int, int]:
        return auction(self.depth(BUY), self.depth(SELL), self.last or self.pre_close, not self.whole)

    def snapshot(self, call: bool = False) -> None:
        quote = {"symbol": self.symbol, "time": self.time, "volume": self.volume, "pre_close": self.pre_close}
        if call:
            price, volume = self.auction()
            if price:
                quote |= {
                    f"{side}_{what}_1": x
                    for side in ("bid", "ask")
                    for what, x in (("price", price), ("volume", volume))
                }
        else:
            for name, side in (("bid", BUY), ("ask", SELL)):
                levels = sorted(self.depth(side).items(), reverse=side == BUY)[:10]
                for i, (price, volume) in enumerate(levels, 1):
                    quote |= {f"{name}_price_{i}": price, f"{name}_volume_{i}": volume}
        self.quotes.append(quote)


def tables(exchanges: list[Exchange], numbered: bool = True) -> dict[str, pl.LazyFrame]:
    """trades, orders and quotes as the lake keeps them. numbered: with the joint numbering."""
    out = {}
    for name, schema in (("trades", TRADES), ("orders", ORDERS)):
        rows = [
            {**row, "channel": 1, "seq": row["event"], "event": row["event"] if numbered else None}
            for exchange in exchanges
            for row in exchange.rows
            if row["table"] == name
        ]
        out[name] = pl.DataFrame(rows, schema=schema).sort("symbol", "channel", "seq").lazy()
    quotes = [quote for exchange in exchanges for quote in exchange.quotes]
    out["quotes"] = pl.DataFrame(quotes, schema=QUOTES).sort("symbol", "time", maintain_order=True).lazy()
    return out
