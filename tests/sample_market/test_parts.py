"""Tests that compare the sample market's engine, writer and rules with plain implementations on small inputs."""

from __future__ import annotations

import ast
import datetime as dt
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.rulebook import Rulebook
from sample_market import bars as mb
from sample_market import book as bk
from sample_market import delivery
from sample_market.plan import day_seed, limit_percents, limit_prices, make_plan
from sample_market.settings import profile

ROOT = Path(__file__).parents[2]


class Engine:
    """The compiled book with its arrays, for a test that sends orders by hand."""

    def __init__(self, size: int = 60, base: int = 1_000) -> None:
        book = bk.new_book(2_000, size)
        self.R, self.L, self.live, self.E, _, self.S = book
        self.L[:, :, : bk.TAIL + 1] = -1
        self.S[bk.BASE], self.S[bk.SIZE] = base, size
        self.S[bk.BEST], self.S[bk.BEST + 1] = -1, size

    def submit(self, side: int, price: int, shares: int, kind: int = bk.LIMIT, match: bool = True) -> None:
        bk.submit(self.R, self.L, self.live, self.S, self.E, 0, side, price, shares, kind, match)

    def trades(self) -> list[tuple[int, int, int, int]]:
        e = self.E[: self.S[bk.N_EVENTS]]
        e = e[e[:, bk.KIND] == bk.TRADE]
        return [tuple(int(v) for v in row) for row in e[:, [bk.BID, bk.ASK, bk.PRICE, bk.QTY]]]


def plain_submit(book: list[dict], trades: list, number: int, side: int, price: int, shares: int, market: bool) -> None:
    """Price-time priority on a list of resting orders."""
    seen: list[int] = []
    while shares > 0:
        others = [o for o in book if o["side"] != side]
        if not others:
            break
        best = min(others, key=lambda o: (o["price"] if side == 0 else -o["price"], o["number"]))
        if not market and (best["price"] > price if side == 0 else best["price"] < price):
            break
        if best["price"] not in seen:
            seen.append(best["price"])
        if market and len(seen) > 5:
            break
        fill = min(shares, best["shares"])
        pair = (number, best["number"]) if side == 0 else (best["number"], number)
        trades.append((*pair, best["price"] + 1_000, fill))
        best["shares"] -= fill
        shares -= fill
        if best["shares"] == 0:
            book.remove(best)
    if shares > 0 and not market:
        book.append({"number": number, "side": side, "price": price, "shares": shares})


orders = st.tuples(st.integers(0, 1), st.integers(0, 59), st.integers(1, 9), st.booleans(), st.integers(0, 5))


@given(st.lists(orders, max_size=60))
@settings(max_examples=60, deadline=None)
def test_matching_is_by_price_then_time(sequence: list[tuple[int, int, int, bool, int]]) -> None:
    engine, book, trades = Engine(), [], []
    for number, (side, price, lots, market, drop) in enumerate(sequence):
        market = market and drop == 0
        engine.submit(side, price, lots * 100, bk.MARKET if market else bk.LIMIT)
        plain_submit(book, trades, number, side, price, lots * 100, market)
        if drop == 1 and book:
            gone = book[len(book) // 2]
            book.remove(gone)
            bk.cancel_order(engine.R, engine.L, engine.live, engine.S, engine.E, 0, gone["number"])
    assert engine.trades() == trades
    for side in range(2):
        rest = [o for o in book if o["side"] == side]
        assert engine.S[bk.LIVE + side] == len(rest)
        assert engine.S[bk.TOTAL_VOLUME + side] == sum(o["shares"] for o in rest)
        assert engine.S[bk.TOTAL_VALUE + side] == sum(o["shares"] * (o["price"] + 1_000) for o in rest)
        assert engine.S[bk.DEPTH + side] == len({o["price"] for o in rest})
    bids = [o["price"] for o in book if o["side"] == 0]
    asks = [o["price"] for o in book if o["side"] == 1]
    assert engine.S[bk.BEST] == max(bids, default=-1)
    assert engine.S[bk.BEST + 1] == min(asks, default=60)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(20, 40), st.integers(1, 9)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_auction_price_maximises_volume_and_leaves_no_cross(sequence: list[tuple[int, int, int]]) -> None:
    engine = Engine()
    for side, price, lots in sequence:
        engine.submit(side, price, lots * 100, match=False)

    def volume(price: int) -> int:
        buys = sum(q for s, p, q in sequence if s == 0 and p >= price)
        sells = sum(q for s, p, q in sequence if s == 1 and p <= price)
        return min(buys, sells) * 100

    best = max((volume(p) for p in range(60)), default=0)
    price, matched, _, _ = bk.auction_price(engine.L, engine.S, 1_030)
    if best == 0:
        assert price == -1 or matched == 0
        return
    assert matched == best == volume(price)
    bk.match_auction(engine.R, engine.L, engine.live, engine.S, engine.E, 0, 1_030)
    assert sum(q for *_, q in engine.trades()) == best
    assert {p for _, _, p, _ in engine.trades()} == {price + 1_000}
    assert engine.S[bk.BEST] < engine.S[bk.BEST + 1]


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20))
@settings(deadline=None)
def test_written_numbers_read_back(values: list[int]) -> None:
    clocks = [v % 86_400_000 for v in values]
    table = np.array([[v, v, v, c, v % 1_000_000, v % 3] for v, c in zip(values, clocks, strict=True)], np.int64)
    kinds = np.array([delivery.INT, delivery.CENTS, delivery.MILLI, delivery.CLOCK, delivery.CODE, delivery.WORD])
    out = np.empty(len(values) * 100, np.uint8)
    n = delivery.format_rows(table, kinds, delivery._WORD_BYTES, delivery._WORD_LENGTH, out)
    for line, v, c in zip(out[:n].tobytes().decode().splitlines(), values, clocks, strict=True):
        whole, cents, milli, clock, code, word = line.split(",")
        assert int(whole) == v
        assert round(float(cents) * 100) == v
        assert cents == (f"{v // 100}.{v % 100:02d}".rstrip("0").rstrip("."))
        assert milli == (f"{v // 1000}.{v % 1000:03d}".rstrip("0").rstrip("."))
        assert clock == f"{c // 3_600_000:02d}:{c // 60_000 % 60:02d}:{c // 1000 % 60:02d}.{c % 1000:03d}"
        assert code == f"{v % 1_000_000:06d}"
        assert word == delivery.WORDS[v % 3]


def test_negative_and_blank_cells() -> None:
    table = np.array([[-52, delivery.BLANK, 0]], np.int64)
    out = np.empty(50, np.uint8)
    kinds = np.array([delivery.CENTS, delivery.INT, delivery.CENTS])
    n = delivery.format_rows(table, kinds, delivery._WORD_BYTES, delivery._WORD_LENGTH, out)
    assert out[:n].tobytes() == b"-0.52,,0\n"


def test_threshold_is_one_std_above_the_mean_of_pooled_logs() -> None:
    rng = np.random.default_rng(1)
    logs = [[rng.normal(10, 1, size) for size in (50, 0, 70)] for _ in range(6)]
    counts = np.array([[[len(x), x.sum(), (x**2).sum()] for x in day] for day in logs])
    got = mb.thresholds(counts)
    for i in (0, 2):
        pooled = np.concatenate([day[i] for day in logs])
        assert got[i] == pytest.approx(np.exp(pooled.mean() + pooled.std()), rel=1e-12)
    assert np.isnan(got[1])
    assert np.isnan(mb.thresholds(counts[:4])).all(), "fewer than five days"


@pytest.mark.parametrize(
    ("pre", "up", "down", "expected"),
    [
        (1005, 10, 10, (1106, 905)),  # 11.055 and 9.045: half a cent up
        (1010, 5, 5, (1061, 960)),  # 10.605 and 9.595
        (1003, 20, 20, (1204, 802)),
        (1003, 0, 0, (0, 0)),
    ],
)
def test_limit_prices(pre: int, up: int, down: int, expected: tuple[int, int]) -> None:
    assert limit_prices(pre, up, down) == expected


def test_price_limits_by_board_treatment_age_and_date() -> None:
    """Compares with the rules of 2023 on every day of a market, and with those since July 2026 on another."""
    for last_day, treated in ((dt.date(2023, 11, 24), 5), (dt.date(2025, 11, 28), 5), (dt.date(2026, 9, 18), 10)):
        plan = make_plan(profile("tiny", last_day=last_day))
        s = plan.stocks
        for d in range(len(plan.days) - 10, len(plan.days)):
            up, down = limit_percents(plan, d, Rulebook.on(plan.days[d]))
            for i, board in enumerate(s.board):
                new = 0 <= d - s.listed[i] < 5
                wide = board in ("star", "chinext")
                assert up[i] == down[i] == (0 if new else 20 if wide else treated if plan.st[d, i] else 10)


def test_seed_of_a_stock_day_depends_on_each_part() -> None:
    a = profile("tiny")
    seeds = {
        day_seed(s, symbol, day)
        for s in (a, profile("tiny", seed=1))
        for symbol in ("600100.SH", "000100.SZ")
        for day in (dt.date(2023, 1, 3), dt.date(2023, 1, 4))
    }
    assert len(seeds) == 8
    assert all(0 <= s < 2**63 for s in seeds)


KINDS = ("suspension", "limit_lock", "st", "listing", "delisting", "split", "dividend", "index_review")


@pytest.mark.parametrize("name", ["sample", "tiny"])
def test_plan_schedules_every_event_inside_the_minute_days(name: str) -> None:
    plan = make_plan(profile(name))
    kinds = {e.kind for e in plan.events}
    assert kinds == {*KINDS, "missing_channel", "restated_day"}
    for e in plan.events:
        assert e.last >= plan.first_minute
        assert e.last < len(plan.days)
        if e.kind in ("missing_channel", "restated_day"):
            assert e.first >= plan.first_tick
    assert not plan.lock[plan.suspended].any()
    for kind in ("suspension", "limit_lock", "split", "dividend"):
        assert any(e.kind == kind and e.last >= plan.first_tick for e in plan.events), (
            f"no {kind} among the vendor days"
        )


def test_the_sample_has_the_required_size_and_calendar() -> None:
    s = profile("sample")
    plan = make_plan(s)
    assert s.names >= 120
    assert s.days == 200
    assert s.tick_days >= 40
    assert plan.first_minute >= 70
    minute_days = plan.days[plan.first_minute :]
    assert dt.date(2023, 9, 28) in minute_days
    assert dt.date(2023, 10, 9) in minute_days, "the October week without trading is inside"
    assert dt.date(2023, 5, 1) not in minute_days, "a Monday holiday is inside"
    assert plan.days[-1].weekday() == 4
    members = [set(lists[k][1]) for lists in plan.members.values() for k in (0, 1)]
    assert not members[0] & members[2]
    assert not members[1] & members[3]
    assert members[0] != members[1]
    assert members[2] != members[3]
    suspended = {e.symbol for e in plan.events if e.kind == "suspension"}
    named = {plan.stocks.symbol[i] for i in members[0]}, {plan.stocks.symbol[i] for i in members[2]}
    assert all(suspended & names for names in named), "members of both indices are suspended at times"
    lost = plan.one("missing_channel")
    assert lost is not None
    assert (plan.stocks.channel == lost.value).sum() <= 0.15 * len(plan.stocks)


def test_last_day_must_end_a_week() -> None:
    with pytest.raises(ValueError, match="not the last trading day of its week"):
        make_plan(profile("tiny", last_day=dt.date(2023, 11, 23)))
    with pytest.raises(ValueError, match="not a trading day of XSHG"):
        make_plan(profile("tiny", last_day=dt.date(2023, 11, 25)))


def test_unknown_profile_names_the_choices() -> None:
    with pytest.raises(ValueError, match="sample, tiny"):
        profile("huge")


def test_package_imports_nothing_heavy_and_nothing_of_the_pipeline() -> None:
    code = "import sys, sample_market; print([m for m in ('numba', 'polars', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for path in (ROOT / "sample_market").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            # the exchanges' days and rules are those of the pipeline
            names = [n for n in names if n not in ("resources.calendar", "resources.errors", "resources.rulebook")]
            assert not any(n.split(".")[0] in ("assets", "orchestration", "resources") for n in names), path.name


REAL = ROOT.parent / "shared" / "data" / "datayes" / "20230201"
REAL_HEADERS = {
    "20230201_Transaction.csv": delivery.SSE_TRADES,
    "mdl_4_19_0.csv": delivery.SSE_ORDERS,
    "20230201_MarketData.csv": delivery.SSE_SNAPSHOTS,
    "mdl_6_36_0.csv": delivery.SZSE_TRADES,
    "mdl_6_28_0.csv": delivery.SZSE_SNAPSHOTS,
}


@pytest.mark.skipif(not REAL.is_dir(), reason="real tapes absent: ../shared/data/datayes is not beside the repository")
@pytest.mark.parametrize("name", sorted(REAL_HEADERS))
def test_headers_equal_the_real_files(name: str) -> None:
    with (REAL / name).open() as file:
        assert file.readline().strip() == REAL_HEADERS[name]
