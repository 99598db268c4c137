"""Simulates a small order-driven market in plain Python: a day of a few stocks with both auctions, cancels, market orders and
after-hours prints, as the exchange's own events.

The vendors' files of these events are written in synthetic_tapes.py. The module shares no code with the sample market or the
pipeline.
"""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

BUY, SELL = 1, -1
MINUTE = 60_000
CENT = 100  # prices are whole 1/10 000 yuan, in steps of a cent
Kind = Literal["arrival", "rest", "trade", "cancel"]


@dataclass
class Event:
    """One event of the exchange.

    An arrival is an order with its whole quantity, a rest is the part that stays in the book. The side of a trade is its aggressor's, 0
    in an auction; the side of any other event is the order's, whose number is in `buy` or `sell`.
    """

    time: int
    kind: Kind
    code: int
    side: int
    price: int
    volume: int
    buy: int = 0
    sell: int = 0
    order_kind: str = "limit"
    channel: int = 0
    event: int = 0  # the channel's joint number
    index: int = 0  # the number among trades only or orders only


@dataclass
class _Order:
    number: int
    side: int
    price: int
    left: int


@dataclass
class _Stock:
    code: int
    exchange: str
    rng: random.Random
    orders: int = 0
    resumed: bool = False
    events: list[Event] = field(default_factory=list)
    book: dict[int, dict[int, deque[_Order]]] = field(default_factory=lambda: {BUY: {}, SELL: {}})

    def best(self, side: int) -> int | None:
        prices = [price for price, queue in self.book[side].items() if queue]
        return (max(prices) if side == BUY else min(prices)) if prices else None

    def log(self, time: int, kind: Kind, order: _Order, volume: int, price: int, order_kind: str = "limit") -> None:
        numbers = {"buy": order.number} if order.side == BUY else {"sell": order.number}
        self.events.append(Event(time, kind, self.code, order.side, price, volume, order_kind=order_kind, **numbers))

    def trade(self, time: int, taker: _Order, maker: _Order, volume: int, price: int, side: int) -> None:
        buy, sell = (taker, maker) if taker.side == BUY else (maker, taker)
        self.events.append(Event(time, "trade", self.code, side, price, volume, buy.number, sell.number))
        taker.left -= volume
        maker.left -= volume

    def submit(self, time: int, side: int, price: int, volume: int, match: bool, order_kind: str = "limit") -> None:
        self.orders += 1
        order = _Order(self.orders, side, price, volume)
        self.log(time, "arrival", order, volume, price if order_kind == "limit" else 0, order_kind)
        if order_kind == "own_best":
            order.price = self.best(side) or price
        while match and order.left and order_kind != "own_best" and (best := self.best(-side)) is not None:
            if order_kind == "limit" and (best - price) * side > 0:
                break
            maker = self.book[-side][best][0]
            self.trade(time, order, maker, min(order.left, maker.left), best, side)
            if not maker.left:
                self.book[-side][best].popleft()
        if not order.left:
            return
        if order_kind == "market":
            self.log(time, "cancel", order, order.left, 0)
            return
        self.book[side].setdefault(order.price, deque()).append(order)
        self.log(time, "rest", order, order.left, order.price)

    def cancel(self, time: int) -> None:
        live = [order for side in (BUY, SELL) for queue in self.book[side].values() for order in queue]
        if live:
            order = self.rng.choice(live)
            self.book[order.side][order.price].remove(order)
            self.log(time, "cancel", order, order.left, order.price)

    def auction(self, time: int) -> None:
        bids, asks = (
            sorted((o for q in self.book[s].values() for o in q), key=lambda o: (-s * o.price, o.number))
            for s in (BUY, SELL)
        )
        prices = sorted({order.price for order in (*bids, *asks)})
        volume = {
            p: min(sum(o.left for o in bids if o.price >= p), sum(o.left for o in asks if o.price <= p)) for p in prices
        }
        if not prices or not max(volume.values()):
            return
        price = max(prices, key=lambda p: volume[p])
        todo = volume[price]
        while todo:
            bid, ask = bids[0], asks[0]
            filled = min(todo, bid.left, ask.left)
            self.trade(time, bid, ask, filled, price, 0)
            todo -= filled
            for queue in (bids, asks):
                if not queue[0].left:
                    gone = queue.pop(0)
                    self.book[gone.side][gone.price].remove(gone)


def _day_of(code: int, exchange: str, rng: random.Random, arrivals: int, halt: tuple[int, int] | None) -> list[Event]:
    stock = _Stock(code, exchange, rng)
    mid = rng.randrange(500, 3000) * CENT

    def send(time: int, match: bool) -> None:
        side = rng.choice((BUY, SELL))
        order_kind = "limit"
        if match and exchange == "SZ":
            order_kind = rng.choices(("limit", "market", "own_best"), (8, 1, 1))[0]
        volume = rng.randrange(1, 20) * 100 + (rng.randrange(100) if side == SELL and rng.random() < 0.2 else 0)
        stock.submit(time, side, mid + rng.randrange(-4, 5) * CENT, volume, match, order_kind)

    def times(count: int, *spans: tuple[int, int]) -> list[int]:
        drawn = [
            rng.randrange(first * MINUTE // 10, last * MINUTE // 10) * 10 for first, last in rng.choices(spans, k=count)
        ]
        return sorted(drawn)

    for time in times(arrivals // 4, (555, 565)):
        send(time, match=False)
    stock.auction(565 * MINUTE + (940 if exchange == "SH" else 0))
    begin, end = halt or (897, 897)
    for time in times(arrivals, (570, 690), (780, 897)):
        if halt is not None and time >= end * MINUTE and not stock.resumed:
            stock.resumed = True
            stock.auction(end * MINUTE + 20)
        halted = begin * MINUTE <= time < end * MINUTE
        if rng.random() < 0.25:
            stock.cancel(time)
        else:
            send(time, match=not halted)
    for time in times(arrivals // 6, (897, 900)):
        send(time, match=False)
    stock.auction(900 * MINUTE + (60 if exchange == "SH" else 0))
    last = next((event.price for event in reversed(stock.events) if event.kind == "trade"), mid)
    stock.book = {BUY: {}, SELL: {}}
    if code // 1000 in (300, 688):  # after-hours fixed-price trading
        for time in times(2, (905, 930)):
            side = rng.choice((BUY, SELL))
            for each in (side, -side):
                stock.submit(time, each, last, 100, match=True)
    return stock.events


def simulate(
    exchange: Literal["SH", "SZ"],
    codes: tuple[int, ...],
    seed: int,
    arrivals: int = 60,
    halt: tuple[int, int] | None = None,
) -> list[Event]:
    """Return the day's numbered events of all stocks in the exchange's order. halt: minutes of a break that an auction ends.

    Stocks are distributed over two channels. SSE numbers orders as they arrive, and all published events (trades, rests, cancels)
    jointly. SZSE has one numbering for arrivals, trades and cancels, and an order has the number of its arrival.
    """
    rng = random.Random(seed)
    merged = [event for code in codes for event in _day_of(code, exchange, rng, arrivals, halt)]
    merged.sort(key=lambda event: event.time)  # stable: events of a stock keep their order
    counters: dict[tuple[int, str], int] = {}

    def count(channel: int, what: str) -> int:
        counters[channel, what] = counters.get((channel, what), 0) + 1
        return counters[channel, what]

    published = ("trade", "rest", "cancel") if exchange == "SH" else ("arrival", "trade", "cancel")
    numbers: dict[tuple[int, int], int] = {}
    for event in merged:
        event.channel = 1 + event.code % 2
        if event.kind in published:
            event.event = count(event.channel, "events")
            event.index = count(event.channel, "trades" if event.kind == "trade" else "orders")
        if event.kind == "arrival":
            local = event.buy or event.sell
            own = count(event.channel, "arrivals") * 3 if exchange == "SH" else event.event
            numbers[event.code, local] = own
    for event in merged:
        event.buy = numbers[event.code, event.buy] if event.buy else 0
        event.sell = numbers[event.code, event.sell] if event.sell else 0
    return merged
