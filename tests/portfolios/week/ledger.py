"""A double-entry ledger in yuan and shares, in decimals: an independent computation of a portfolio's accounts.

It shares nothing with the package: orders, fills, fees, ex-rights and delistings are written here name by name. Every
entry debits one account and credits another, so the balances of all accounts sum to zero, exactly.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal, getcontext

getcontext().prec = 40
ONE, SMALLEST = Decimal(1), Decimal("1e-20")


def exact(number: float) -> Decimal:
    return Decimal(float(number))


@dataclass(frozen=True)
class Quote:
    """One stock on one day: prices in yuan, None where it did not trade; the shares that could be bought and sold."""

    listed: bool
    pre_close: float | None = None
    vwap: float | None = None
    close: float | None = None
    can_buy: bool = True
    can_sell: bool = True
    buy_volume: float = float("inf")
    sell_volume: float = float("inf")


@dataclass(frozen=True)
class Rules:
    buy_fee: float
    sell_fee: float
    participation: float | None = None
    lots: bool = False


class Ledger:
    def __init__(self, capital: float) -> None:
        self.accounts: dict[str, Decimal] = defaultdict(Decimal)
        self.shares: dict[str, Decimal] = defaultdict(Decimal)
        self.price: dict[str, Decimal] = {}
        self.post("cash", "capital", exact(capital))

    def post(self, debit: str, credit: str, amount: Decimal) -> None:
        amount = amount.quantize(SMALLEST)  # the same number on both sides, and few enough digits for exact sums
        self.accounts[debit] += amount
        self.accounts[credit] -= amount

    def stock(self, symbol: str) -> Decimal:
        return self.accounts[f"stock {symbol}"]

    @property
    def cash(self) -> Decimal:
        return self.accounts["cash"]

    @property
    def nav(self) -> Decimal:
        return self.cash + sum((self.stock(symbol) for symbol in self.shares), Decimal(0))

    def check(self) -> None:
        assert sum(self.accounts.values()) == 0
        assert self.cash >= 0
        for symbol, count in self.shares.items():
            assert count >= 0
            assert abs(self.stock(symbol) - count * self.price.get(symbol, ONE)) <= 100 * SMALLEST

    def day(self, quotes: dict[str, Quote], order: tuple[dict, dict, Rules] | None, recovery: float) -> None:
        """One trading day; order: target weights, largest weights for unspent cash, rules."""
        for symbol in list(self.shares):
            if self.shares[symbol] and not quotes[symbol].listed:
                self.pay_out(symbol, exact(recovery))
        for symbol, quote in quotes.items():
            if quote.listed and quote.vwap is not None:
                self.ex_rights(symbol, exact(quote.pre_close))
                self.mark(symbol, exact(quote.vwap))
        if order is not None:
            self.rebalance(quotes, *order)
        for symbol, quote in quotes.items():
            if quote.listed and quote.vwap is not None:
                self.mark(symbol, exact(quote.close))
        self.check()

    def pay_out(self, symbol: str, recovery: Decimal) -> None:
        value = self.stock(symbol)
        self.post("cash", f"stock {symbol}", value * recovery)
        self.post("loss on delisting", f"stock {symbol}", value - value * recovery)
        self.shares[symbol] = Decimal(0)

    def ex_rights(self, symbol: str, pre_close: Decimal) -> None:
        """Bonus shares, and dividends reinvested at the reference price: the value stays, the count changes."""
        if symbol in self.price:
            self.shares[symbol] *= self.price[symbol] / pre_close
        self.price[symbol] = pre_close

    def mark(self, symbol: str, price: Decimal) -> None:
        self.price[symbol] = price
        self.post(f"stock {symbol}", "gains", self.shares[symbol] * price - self.stock(symbol))

    def rebalance(self, quotes: dict, target: dict, upper: dict, rules: Rules) -> None:
        nav = self.nav
        wanted = {symbol: exact(target[symbol]) * nav - self.stock(symbol) for symbol in target}
        open_names = [
            symbol
            for symbol, quote in quotes.items()
            if quote.listed and quote.vwap is not None and abs(wanted[symbol]) > Decimal("1e-15") * nav
        ]
        for symbol in open_names:
            if wanted[symbol] < 0 and quotes[symbol].can_sell:
                self.sell(symbol, -wanted[symbol], quotes[symbol], rules)
        buys = {s: wanted[s] for s in open_names if wanted[s] > 0 and quotes[s].can_buy}
        most = {s: self.most(quotes[s].buy_volume, quotes[s], rules) for s in buys}
        buys = {s: min(amount, most[s]) for s, amount in buys.items()}
        if sum(buys.values(), Decimal(0)) == 0:
            return
        price_of_one = ONE + exact(rules.buy_fee)
        factor = min(ONE, self.cash / (sum(buys.values()) * price_of_one))
        amounts = {s: amount * factor for s, amount in buys.items()}
        if factor == 1:
            room = {s: min(exact(upper[s]) * nav - self.stock(s), most[s]) - amounts[s] for s in buys}
            room = {s: max(Decimal(0), r) for s, r in room.items()}
            left = self.cash / price_of_one - sum(amounts.values())
            self.spread(left, buys, room, amounts, Decimal("1e-15") * nav)
        for symbol, amount in amounts.items():
            count = amount / exact(quotes[symbol].vwap)
            if rules.lots:
                count = whole(symbol, count)
            self.buy(symbol, min(count * exact(quotes[symbol].vwap), self.cash / price_of_one), quotes[symbol], rules)

    def spread(self, left: Decimal, shares: dict, room: dict, amounts: dict, least: Decimal) -> None:
        """Spread unspent cash in proportion to the buys, each up to its room."""
        taking = {s for s in shares if shares[s] > 0 and room[s] > 0}
        while taking and left > least:
            total = sum(shares[s] for s in taking)
            offers = {s: left * shares[s] / total for s in taking}
            full = {s for s in taking if offers[s] >= room[s]}
            for symbol in full or taking:
                step = room[symbol] if full else offers[symbol]
                amounts[symbol] += step
                room[symbol] -= step
                left -= step
            taking = taking - full if full else set()

    def most(self, volume: float, quote: Quote, rules: Rules) -> Decimal:
        if rules.participation is None:
            return Decimal("Infinity")
        return exact(rules.participation) * exact(volume) * exact(quote.vwap)

    def sell(self, symbol: str, amount: Decimal, quote: Quote, rules: Rules) -> None:
        value = self.stock(symbol)
        amount = min(amount, self.most(quote.sell_volume, quote, rules))
        if rules.lots and amount < value:
            amount = whole(symbol, amount / exact(quote.vwap)) * exact(quote.vwap)
        self.post("cash", f"stock {symbol}", amount)
        self.post("fees", "cash", amount * exact(rules.sell_fee))
        self.shares[symbol] = Decimal(0) if amount == value else self.shares[symbol] - amount / exact(quote.vwap)

    def buy(self, symbol: str, amount: Decimal, quote: Quote, rules: Rules) -> None:
        self.post(f"stock {symbol}", "cash", amount)
        self.post("fees", "cash", amount * exact(rules.buy_fee))
        self.shares[symbol] += amount / exact(quote.vwap)


def whole(symbol: str, count: Decimal) -> Decimal:
    """Shares that can be ordered: lots of 100; on STAR 200 or more, one by one."""
    count += Decimal("1e-6")
    if symbol.startswith("68"):
        return Decimal(int(count)) if count >= 200 else Decimal(0)
    return Decimal(int(count) // 100 * 100)
