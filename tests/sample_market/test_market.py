"""Tests of a whole sample market: files, books, sums, events, stylised facts and the planted alpha."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sample_market import __main__ as command
from sample_market import delivery
from sample_market import generate as module
from sample_market.folder import FolderTakenError
from sample_market.generate import generate
from sample_market.plan import MarketPlan, make_plan
from sample_market.settings import MarketSettings, profile

SETTINGS = profile("tiny")
SMALL = profile("tiny", days=32, tick_days=8, sse_main=6, szse_main=6, star=2, chinext=2, csi500=4, csi1000=4)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "market"
    assert generate(SETTINGS, out)
    return out


@pytest.fixture(scope="module")
def plan() -> MarketPlan:
    return make_plan(SETTINGS)


@pytest.fixture(scope="module")
def daily(market: Path) -> pl.DataFrame:
    return pl.read_parquet(market / "reference" / "daily_prices.parquet")


@pytest.fixture(scope="module")
def bars(market: Path) -> pl.DataFrame:
    """Bars of all minute days; those of vendor days are from the truth."""
    paths = [*(market / "bars").glob("????????.parquet"), *(market / "truth" / "bars").glob("????????.parquet")]
    frames = [
        pl.read_parquet(p).select(pl.lit(p.stem).str.to_date("%Y%m%d").alias("date"), pl.all())
        for p in sorted(paths, key=lambda p: p.name)
    ]
    return pl.concat(frames)


@pytest.fixture(scope="module")
def tapes(market: Path) -> dict[str, dict[str, pl.DataFrame]]:
    """Day → kind of file → rows, prices in whole cents, times in ms."""
    return {folder.name: read_day(folder) for folder in sorted((market / "ticks").iterdir())}


def clock(column: str) -> pl.Expr:
    c = pl.col(column)
    part = [c.str.slice(a, n).cast(pl.Int64) for a, n in ((0, 2), (3, 2), (6, 2), (9, 3))]
    return ((part[0] * 60 + part[1]) * 60 + part[2]) * 1000 + part[3]


def cents(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.Float64) * 100).round().cast(pl.Int64)


def read_day(folder: Path) -> dict[str, pl.DataFrame]:
    def read(name: str) -> pl.DataFrame:
        return pl.read_csv(folder / name, infer_schema=False)

    def integers(*names: str) -> list[pl.Expr]:
        return [pl.col(n).cast(pl.Int64) for n in names]

    def quotes(name: str, suffix: str, volume: str, trades: str, amount: str, phase: str) -> pl.DataFrame:
        levels = [f"{s}{w}{k}" for s in ("Ask", "Bid") for w in ("Price", "Volume") for k in range(1, 11)]
        return read(name).select(
            symbol=pl.col("SecurityID") + suffix,
            time=clock("UpdateTime"),
            phase=pl.col(phase).str.strip_chars(),
            trades=pl.col(trades).cast(pl.Int64),
            volume=pl.col(volume).cast(pl.Int64),
            amount=cents(amount),
            last=cents("LastPrice"),
            open=cents("OpenPrice"),
            high=cents("HighPrice"),
            low=cents("LowPrice"),
            bid_total=pl.col("TotalBidVol" if suffix == ".SH" else "TotalBidQty").cast(pl.Int64),
            ask_total=pl.col("TotalAskVol" if suffix == ".SH" else "TotalOfferQty").cast(pl.Int64),
            **{n: cents(n) if "Price" in n else pl.col(n).cast(pl.Int64) for n in levels},
        )

    day = folder.name
    return {
        "sse_trades": read(f"{day}_Transaction.csv").select(
            *integers("TradeIndex", "TradeChan", "TradVolume", "TradeBuyNo", "TradeSellNo", "BizIndex"),
            symbol=pl.col("SecurityID") + ".SH",
            time=clock("TradTime"),
            price=cents("TradPrice"),
            money=cents("TradeMoney"),
            flag="TradeBSFlag",
        ),
        "sse_orders": read("mdl_4_19_0.csv").select(
            *integers("OrderIndex", "OrderChannel", "OrderNO", "Balance", "BizIndex"),
            symbol=pl.col("SecurityID") + ".SH",
            time=clock("OrderTime"),
            kind="OrderType",
            side="OrderBSFlag",
            price=cents("OrderPrice"),
        ),
        "szse_orders": read("mdl_6_33_0.csv").select(
            *integers("ChannelNo", "ApplSeqNum", "OrderQty", "Side", "OrdType"),
            symbol=pl.col("SecurityID") + ".SZ",
            time=clock("TransactTime"),
            price=cents("Price"),
        ),
        "szse_trades": read("mdl_6_36_0.csv").select(
            *integers("ChannelNo", "ApplSeqNum", "BidApplSeqNum", "OfferApplSeqNum", "LastQty", "ExecType"),
            symbol=pl.col("SecurityID") + ".SZ",
            time=clock("TransactTime"),
            price=cents("LastPx"),
        ),
        "sse_quotes": quotes(f"{day}_MarketData.csv", ".SH", "TradVolume", "TradNumber", "Turnover", "InstruStatus"),
        "szse_quotes": quotes("mdl_6_28_0.csv", ".SZ", "Volume", "TurnNum", "Turnover", "TradingPhaseCode"),
    }


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


# ---- the folder


@pytest.mark.slow
def test_equal_seeds_give_equal_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    generate(SMALL, tmp_path / "a", workers=2)
    generate(SMALL, tmp_path / "b", workers=1)
    generate(SMALL.model_copy(update={"seed": 7}), tmp_path / "c", workers=2)
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert a == b
    assert a.keys() == c.keys()
    assert all(a[name] != c[name] for name in a)


def test_layout_and_an_existing_market_is_not_made_again(
    market: Path, plan: MarketPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {p.name for p in market.iterdir()}
    assert names == {"ticks", "bars", "reference", "restated", "truth", "market.json"}
    days = [f"{d:%Y%m%d}" for d in plan.days]
    assert sorted(p.name for p in (market / "ticks").iterdir()) == days[plan.first_tick :]
    early = days[plan.first_minute : plan.first_tick]
    assert {p.name for p in (market / "bars").iterdir()} == {
        f"{d}{end}" for d in early for end in (".parquet", ".order_sizes.parquet")
    }
    about = json.loads((market / "market.json").read_text())
    assert about["sample"] is True
    assert about["settings"]["seed"] == SETTINGS.seed
    assert not generate(SETTINGS, market)
    assert command.main(["--profile", "tiny", "--out", str(market)]) == 0
    assert "already holds" in capsys.readouterr().out


def test_an_interrupted_run_leaves_nothing_and_foreign_folders_are_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(module.reference, "fundamentals", fail)
        with pytest.raises(OSError, match="disk full"):
            generate(SMALL, tmp_path / "market")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(FolderTakenError, match="left unchanged"):
        generate(SMALL, tmp_path / "mine")
    assert command.main(["--profile", "tiny", "--out", str(tmp_path / "mine")]) == 2


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the simulation: a market has two files whose content is the seed."""

    def run(self: Any) -> None:
        (self.folder / "bars").mkdir()
        (self.folder / "bars" / "20231124.parquet").write_bytes(b"bars %d" % self.settings.seed)
        (self.folder / "reference.csv").write_text("x\n")

    monkeypatch.setattr(module._Market, "run", run)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_an_unchanged_market_is_replaced(stub: None, tmp_path: Path) -> None:
    out = tmp_path / "market"
    assert generate(SMALL, out)
    made = contents(out)
    assert not generate(SMALL, out)  # already holds this market
    (out / "reference.csv").unlink()  # a missing file does not prevent the replacement
    other = SMALL.model_copy(update={"seed": 7})
    assert generate(other, out)
    assert (out / "bars" / "20231124.parquet").read_bytes() == b"bars 7"
    assert generate(SMALL, out)
    assert contents(out) == made
    assert [path.name for path in tmp_path.iterdir()] == ["market"]


def test_a_market_behind_a_link_is_replaced_behind_the_link(stub: None, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "market").symlink_to(tmp_path / "disk")
    assert generate(SMALL, tmp_path / "market")
    assert generate(SMALL.model_copy(update={"seed": 7}), tmp_path / "market")
    assert (tmp_path / "market").is_symlink()
    assert (tmp_path / "disk" / "market.json").is_file()


def _add(out: Path) -> None:
    (out / "bars" / "20231127.parquet").write_bytes(b"mine")


def _alter(out: Path) -> None:
    (out / "bars" / "20231124.parquet").write_bytes(b"bars 20231125")  # of the same size


def _hide(out: Path) -> None:
    (out / "ticks" / "20231124").mkdir(parents=True)
    (out / "ticks" / "20231124" / ".notes").write_bytes(b"mine")


def _link(out: Path) -> None:
    (out.parent / "elsewhere").mkdir()
    (out / "ticks").symlink_to(out.parent / "elsewhere")


def _link_a_file(out: Path) -> None:
    data = (out / "reference.csv").read_bytes()
    (out / "reference.csv").unlink()
    (out.parent / "mine.csv").write_bytes(data)
    (out / "reference.csv").symlink_to(out.parent / "mine.csv")


def _earlier_version(out: Path) -> None:
    about = json.loads((out / "market.json").read_text())
    del about["files"]
    (out / "market.json").write_text(json.dumps(about))


def _own_market(out: Path) -> None:
    (out / "market.json").write_text('{"name": "the desk\'s market"}')


def _broken(out: Path) -> None:
    (out / "market.json").write_bytes("{".encode("utf-16"))


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (_add, "1 that the generator did not make, such as bars/20231127.parquet"),
        (_alter, "1 that were changed since, such as bars/20231124.parquet"),
        (_hide, "1 that the generator did not make, such as ticks/20231124/.notes"),
        (_link, "1 that the generator did not make, such as ticks"),
        (_link_a_file, "1 that were changed since, such as reference.csv"),
        (_earlier_version, "an earlier version without a list of its files"),
        (_own_market, "no market.json of the generator,"),
        (_broken, "no market.json of the generator,"),
    ],
)
def test_files_that_the_generator_did_not_make_are_never_replaced(
    stub: None, tmp_path: Path, tamper: Callable[[Path], None], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "market"
    assert generate(SMALL, out)
    tamper(out)
    before = contents(tmp_path)
    with pytest.raises(FolderTakenError, match=message):
        generate(SMALL.model_copy(update={"seed": 7}), out)
    assert command.main(["--profile", "tiny", "--out", str(out)]) == 2
    assert re.search(
        rf"sample market: {out} contains .*left unchanged: choose another folder with --out", capsys.readouterr().err
    )
    assert contents(tmp_path) == before


def test_a_file_added_while_a_market_is_made_is_kept(
    stub: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "market"
    assert generate(SMALL, out)
    run = module._Market.run

    def and_meanwhile(self: Any) -> None:
        run(self)
        _add(out)

    monkeypatch.setattr(module._Market, "run", and_meanwhile)
    with pytest.raises(FolderTakenError, match="did not make"):
        generate(SMALL.model_copy(update={"seed": 7}), out)
    assert (out / "bars" / "20231127.parquet").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["market"]


def test_a_file_in_place_of_the_folder_is_unchanged(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert command.main(["--profile", "tiny", "--out", str(tmp_path / "file")]) == 2
    assert (tmp_path / "file").read_text() == "x"


def test_command_refuses_bad_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--alpha", "-1", "--out", str(tmp_path / "m")]) == 2
    assert "--alpha" in capsys.readouterr().err


# ---- the tapes


def test_headers(market: Path) -> None:
    expected = {
        "Transaction.csv": delivery.SSE_TRADES,
        "mdl_4_19_0.csv": delivery.SSE_ORDERS,
        "MarketData.csv": delivery.SSE_SNAPSHOTS,
        "mdl_6_33_0.csv": delivery.SZSE_ORDERS,
        "mdl_6_36_0.csv": delivery.SZSE_TRADES,
        "mdl_6_28_0.csv": delivery.SZSE_SNAPSHOTS,
    }
    assert expected["MarketData.csv"].count(",") + 1 == 104
    assert expected["mdl_6_28_0.csv"].count(",") + 1 == 89
    for folder in (market / "ticks").iterdir():
        for path in folder.iterdir():
            with path.open() as file:
                header = file.readline().rstrip("\n")
                assert header == expected[path.name.removeprefix(f"{folder.name}_")]
                assert file.readline().count(",") == header.count(",")


def test_tapes_snapshots_and_daily_prices_have_equal_totals(
    tapes: dict[str, dict[str, pl.DataFrame]], daily: pl.DataFrame, plan: MarketPlan
) -> None:
    lost = plan.one("missing_channel")
    assert lost is not None
    short = {s for s, c in zip(plan.stocks.symbol, plan.stocks.channel, strict=True) if c == lost.value}
    for day, files in tapes.items():
        sse = files["sse_trades"].select("symbol", "time", "price", volume="TradVolume", index="TradeIndex")
        szse = files["szse_trades"].filter(pl.col("ExecType") == 70)
        szse = szse.select("symbol", "time", "price", volume="LastQty", index="ApplSeqNum")
        trades = pl.concat([sse, szse]).sort("symbol", "index")
        tape = trades.group_by("symbol").agg(
            volume=pl.col("volume").sum(),
            amount=(pl.col("price") * pl.col("volume")).sum(),
            trades=pl.len().cast(pl.Int64),
            open=pl.col("price").first(),
            high=pl.col("price").max(),
            low=pl.col("price").min(),
            close=pl.col("price").last(),
        )
        truth = daily.filter(pl.col("date") == pl.lit(day).str.to_date("%Y%m%d")).select(
            "symbol", "volume", *[cents(c).alias(c) for c in ("amount", "open", "high", "low", "close")]
        )
        assert set(truth["symbol"]) == set(tape["symbol"])
        last = pl.concat([files["sse_quotes"], files["szse_quotes"]]).group_by("symbol", maintain_order=True).last()
        if day == f"{plan.days[lost.first]:%Y%m%d}":
            cut = truth.join(tape, on="symbol").filter(pl.col("symbol").is_in(short))
            assert cut.height > 0
            assert (cut["volume_right"] < cut["volume"]).all(), "the lost channel's tapes are short"
            assert trades.filter(pl.col("symbol").is_in(short))["time"].max() < 13.5 * 3_600_000
            assert files["szse_quotes"].filter(pl.col("symbol").is_in(short))["time"].max() < 13.5 * 3_600_000
            tape, truth, last = (f.filter(~pl.col("symbol").is_in(short)) for f in (tape, truth, last))
        whole = truth.join(tape, on="symbol", how="full", coalesce=True)
        for column in ("volume", "amount", "open", "high", "low", "close"):
            assert (whole[column] == whole[f"{column}_right"]).all(), (day, column)
        seen = last.join(tape, on="symbol")
        assert seen.height == tape.height
        for column in ("volume", "amount", "trades", "open", "high", "low"):
            assert (seen[column] == seen[f"{column}_right"]).all(), (day, column)
        assert (seen["last"] == seen["close"]).all()
        assert (files["sse_trades"]["money"] == files["sse_trades"]["price"] * files["sse_trades"]["TradVolume"]).all()


def test_books_never_cross_and_snapshots_differ_from_the_previous_ones(
    tapes: dict[str, dict[str, pl.DataFrame]],
) -> None:
    for files in tapes.values():
        for name, phases in (("sse_quotes", ["TRADE"]), ("szse_quotes", ["T0"])):
            q = files[name]
            book = q.filter(pl.col("phase").is_in(phases))
            both = book.filter((pl.col("BidPrice1") > 0) & (pl.col("AskPrice1") > 0))
            assert both.height > 0.8 * book.height
            assert (both["BidPrice1"] < both["AskPrice1"]).all()
            assert (q["time"] % 3000).is_in([0]).all() or name == "sse_quotes"
            for k in range(1, 10):
                assert book.filter(pl.col(f"BidPrice{k}") <= pl.col(f"BidPrice{k + 1}")).height == 0
                assert book.filter(pl.col(f"AskPrice{k}") >= pl.col(f"AskPrice{k + 1}")).height == 0
            steps = q.with_columns(
                *[
                    (pl.col(c) - pl.col(c).shift(1).over("symbol")).alias(f"d_{c}")
                    for c in ("trades", "volume", "amount")
                ]
            )
            for c in ("trades", "volume", "amount"):
                assert (steps[f"d_{c}"].drop_nulls() >= 0).all()
            columns = [c for c in q.columns if c not in ("time", "symbol")]
            same = pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift(1).over("symbol")) for c in columns)
            repeats = q.filter(same & pl.col("phase").is_in(phases))
            assert set(repeats["time"]) <= {570 * 60_000, 780 * 60_000}, "only a session's first may repeat the last"
            early = q.filter(pl.col("time") < (9 * 60 + 25) * 60_000)
            assert (early["volume"] == 0).all()


def test_sse_order_stream(tapes: dict[str, dict[str, pl.DataFrame]]) -> None:
    for day, files in tapes.items():
        trades, orders = files["sse_trades"], files["sse_orders"]
        for channel in trades["TradeChan"].unique():
            t = trades.filter(pl.col("TradeChan") == channel)
            o = orders.filter(pl.col("OrderChannel") == channel)
            assert t["TradeIndex"].to_list() == list(range(1, t.height + 1))
            assert o["OrderIndex"].to_list() == list(range(1, o.height + 1))
            both = sorted(t["BizIndex"].to_list() + o["BizIndex"].to_list())
            assert both == list(range(1, len(both) + 1))
            assert t["time"].is_sorted()
            assert o["time"].is_sorted()
            # what remained of an order is filled passively, withdrawn, or still there at the close
            added = o.filter(pl.col("kind") == "A")
            assert added["OrderNO"].n_unique() == added.height
            row = {
                n: (b, biz, s) for n, b, biz, s in added.select("OrderNO", "Balance", "BizIndex", "side").iter_rows()
            }
            passive: dict[int, int] = defaultdict(int)
            hidden = 0
            for buy, sell, flag, volume, biz in t.select(
                "TradeBuyNo", "TradeSellNo", "flag", "TradVolume", "BizIndex"
            ).iter_rows():
                if flag in "BS":
                    assert (buy > sell) == (flag == "B"), (day, biz)
                for number in (buy, sell):
                    if number not in row:
                        hidden += 1
                    elif row[number][1] < biz:
                        passive[number] += volume
            assert hidden > 0, "orders filled at once leave no row"
            gone = o.filter(pl.col("kind") == "D")
            for number, left in gone.select("OrderNO", "Balance").iter_rows():
                assert row[number][0] == passive[number] + left
            assert all(passive[n] <= b for n, (b, _, _) in row.items())
        assert set(trades.filter(pl.col("flag") == "N")["time"] // 60_000) <= {565, 900}


def test_szse_streams(tapes: dict[str, dict[str, pl.DataFrame]], plan: MarketPlan) -> None:
    lost = plan.one("missing_channel")
    assert lost is not None
    for day, files in tapes.items():
        orders, trades = files["szse_orders"], files["szse_trades"]
        ends = {}
        for channel in orders["ChannelNo"].unique():
            o = orders.filter(pl.col("ChannelNo") == channel)
            t = trades.filter(pl.col("ChannelNo") == channel)
            seq = pl.concat([o.select("ApplSeqNum", "time"), t.select("ApplSeqNum", "time")]).sort("ApplSeqNum")
            assert seq["ApplSeqNum"].to_list() == list(range(1, seq.height + 1))
            assert seq["time"].is_sorted()
            ends[channel] = seq["time"].max()
            size = dict(o.select("ApplSeqNum", "OrderQty").iter_rows())
            filled: dict[int, int] = defaultdict(int)
            for seq_number, bid, ask, volume, kind, price in t.select(
                "ApplSeqNum", "BidApplSeqNum", "OfferApplSeqNum", "LastQty", "ExecType", "price"
            ).iter_rows():
                if kind == 70:
                    filled[bid] += volume
                    filled[ask] += volume
                    assert max(bid, ask) < seq_number
                else:
                    assert kind == 52
                    assert price == 0
                    assert min(bid, ask) == 0
                    number = max(bid, ask)
                    assert filled[number] + volume == size[number], "a cancel takes all that is left"
            assert all(filled[n] <= size[n] for n in filled)
        assert set(orders["Side"].unique()) == {49, 50}
        assert set(orders["OrdType"].unique()) == {49, 50, 85}
        assert ((orders["price"] == 0) == (orders["OrdType"] != 50)).all()
        cut = [c for c, end in ends.items() if end < 14 * 3_600_000]
        assert cut == ([lost.value] if day == f"{plan.days[lost.first]:%Y%m%d}" else [])


def test_prices_are_inside_the_limits(
    tapes: dict[str, dict[str, pl.DataFrame]], daily: pl.DataFrame, plan: MarketPlan
) -> None:
    board = dict(zip(plan.stocks.symbol, plan.stocks.board, strict=True))
    limited = daily.drop_nulls("limit_up")
    for symbol, pre, is_st, up, down in limited.select(
        "symbol", "pre_close", "is_st", "limit_up", "limit_down"
    ).iter_rows():
        percent = 20 if board[symbol] in ("star", "chinext") else 5 if is_st else 10
        cents_pre = round(pre * 100)
        assert round(up * 100) == math.floor(cents_pre * (100 + percent) / 100 + 0.5 + 1e-9)
        assert round(down * 100) == math.floor(cents_pre * (100 - percent) / 100 + 0.5 + 1e-9)
    assert (limited["high"] <= limited["limit_up"] + 1e-9).all()
    assert (limited["low"] >= limited["limit_down"] - 1e-9).all()
    for day, files in tapes.items():
        today = daily.filter(pl.col("date") == pl.lit(day).str.to_date("%Y%m%d")).drop_nulls("limit_up")
        orders = pl.concat(
            [files["sse_orders"].select("symbol", "price"), files["szse_orders"].select("symbol", "price")]
        ).filter(pl.col("price") > 0)
        joined = orders.join(today, on="symbol")
        assert (joined["price"] <= (joined["limit_up"] * 100).round()).all()
        assert (joined["price"] >= (joined["limit_down"] * 100).round()).all()


# ---- the reference tables and the events


def test_daily_prices_are_consistent(daily: pl.DataFrame, plan: MarketPlan) -> None:
    assert (daily["low"] <= daily[["open", "close"]].min_horizontal()).all()
    assert (daily["high"] >= daily[["open", "close"]].max_horizontal()).all()
    vwap = daily["amount"] / daily["volume"]
    assert (vwap >= daily["low"] - 1e-6).all()
    assert (vwap <= daily["high"] + 1e-6).all()
    assert daily["date"].unique().sort().to_list() == plan.days
    jumps = daily.sort("symbol", "date").with_columns(
        before=pl.col("close").shift(1).over("symbol"), shares=pl.col("total_shares").shift(1).over("symbol")
    )
    jumps = jumps.filter((pl.col("before") - pl.col("pre_close")).abs() > 1e-9)
    got = {(s, d) for s, d in jumps.select("symbol", "date").iter_rows()}
    ex = {(e.symbol, plan.days[e.first]): e for e in plan.events if e.kind in ("split", "dividend")}
    assert got == set(ex)
    for row in jumps.iter_rows(named=True):
        e = ex[row["symbol"], row["date"]]
        expected = row["before"] - e.value if e.kind == "dividend" else row["before"] / e.value
        assert row["pre_close"] == pytest.approx(expected, abs=0.0051)
        ratio = e.value if e.kind == "split" else 1.0
        assert row["total_shares"] == pytest.approx(row["shares"] * ratio, abs=1)


def test_events_happen(market: Path, daily: pl.DataFrame, bars: pl.DataFrame, plan: MarketPlan) -> None:
    events = pl.read_parquet(market / "truth" / "events.parquet")
    listed = pl.read_parquet(market / "reference" / "instruments.parquet")
    by_name = dict(zip(listed["symbol"], listed.iter_rows(named=True), strict=True))
    rows = {(s, d): r for s, d, r in zip(daily["symbol"], daily["date"], daily.iter_rows(named=True), strict=True)}
    for e in events.iter_rows(named=True):
        symbol, span = e["symbol"], [d for d in plan.days if e["first_date"] <= d <= e["last_date"]]
        if e["event"] == "suspension":
            assert len(span) >= 3
            assert not any((symbol, d) in rows for d in span)
            assert bars.filter((pl.col("symbol") == symbol) & pl.col("date").is_in(span)).is_empty()
        elif e["event"] == "limit_lock":
            for d in span:
                r = rows[symbol, d]
                limit = r["limit_up"] if e["value"] > 0 else r["limit_down"]
                assert r["open"] == r["high"] == r["low"] == r["close"] == limit
        elif e["event"] == "st":
            assert all(rows[symbol, d]["is_st"] for d in span)
        elif e["event"] == "listing":
            assert by_name[symbol]["list_date"] == span[0] == min(d for s, d in rows if s == symbol)
            assert rows[symbol, span[0]]["limit_up"] is None
        elif e["event"] == "delisting":
            assert span[0] == max(d for s, d in rows if s == symbol)
            assert by_name[symbol]["delist_date"] > span[0]
    assert (listed["list_date"] < plan.days[0]).sum() >= 0.9 * listed.height


def test_indices(market: Path, daily: pl.DataFrame, plan: MarketPlan) -> None:
    weights = pl.read_parquet(market / "reference" / "index_weights.parquet")
    prices = pl.read_parquet(market / "reference" / "index_prices.parquet")
    assert set(weights["index"]) == {"000905.SH", "000852.SH"}
    sums = weights.group_by("index", "date").agg(pl.col("weight").sum(), pl.len())
    assert ((sums["weight"] - 1).abs() < 1e-6).all()
    month_ends = {max(d for d in plan.days if (d.year, d.month) == m) for m in {(d.year, d.month) for d in plan.days}}
    review = plan.one("index_review")
    assert review is not None
    assert set(weights["date"]) == month_ends | {plan.days[0], plan.days[review.first]}
    dates = sorted(set(weights["date"]))
    for day in dates:
        a, b = (
            set(weights.filter((pl.col("date") == day) & (pl.col("index") == i))["symbol"])
            for i in ("000905.SH", "000852.SH")
        )
        assert not a & b
    # the index follows its drifted weights and price changes; it falls by dividends and is adjusted for splits
    dividends = {(e.symbol, plan.days[e.first]): e.value for e in plan.events if e.kind == "dividend"}
    change = {
        (s, d): c / (p + dividends.get((s, d), 0.0))
        for s, d, c, p in daily.select("symbol", "date", "close", "pre_close").iter_rows()
    }
    for index in ("000905.SH", "000852.SH"):
        level = dict(prices.filter(pl.col("index") == index).select("date", "close").iter_rows())
        held: dict[str, float] = {}
        for before, day in zip(plan.days, plan.days[1:], strict=False):
            new = weights.filter((pl.col("index") == index) & (pl.col("date") == before))
            if not new.is_empty():
                held = dict(new.select("symbol", "weight").iter_rows())
            moved = {s: w * change.get((s, day), 1.0) for s, w in held.items()}
            total = sum(moved.values()) / sum(held.values())
            assert level[day] / level[before] == pytest.approx(total, abs=1e-6)
            held = {s: w / sum(moved.values()) for s, w in moved.items()}


def test_fundamentals_reach_back_and_are_announced_late(market: Path, plan: MarketPlan) -> None:
    table = pl.read_parquet(market / "reference" / "fundamentals.parquet")
    assert (table["announce_date"] > table["period"]).all()
    assert table["announce_date"].max() <= plan.days[-1]
    assert table["period"].min().year == plan.days[plan.first_minute].year - 2
    assert (table["equity"] > 0).all()


def test_the_restated_day_only_changes_the_times_of_one_stock(
    market: Path, tapes: dict[str, dict[str, pl.DataFrame]], plan: MarketPlan
) -> None:
    event = plan.one("restated_day")
    assert event is not None
    day = f"{plan.days[event.first]:%Y%m%d}"
    assert [p.name for p in (market / "restated").iterdir()] == [day]
    new, old = read_day(market / "restated" / day), tapes[day]
    for kind in ("szse_orders", "szse_trades", "szse_quotes", "sse_quotes"):
        assert new[kind].equals(old[kind])
    for kind in ("sse_trades", "sse_orders"):
        key = ["symbol", "price", "TradVolume"] if kind == "sse_trades" else ["symbol", "price", "Balance"]
        one = pl.col("symbol") == event.symbol
        assert (
            new[kind]
            .filter(~one)
            .select("time", *key)
            .sort(pl.all())
            .equals(old[kind].filter(~one).select("time", *key).sort(pl.all()))
        )
        a, b = new[kind].filter(one), old[kind].filter(one)
        assert a.select(key).equals(b.select(key))
        moved = a["time"] - b["time"]
        assert moved.max() > 0
        assert moved.min() == 0


# ---- bars


def plain_bars(files: dict[str, pl.DataFrame], symbol: str, threshold: float | None) -> dict[int, dict[str, float]]:
    """Return the minute bars of SPEC §1 and §3 from the vendor's rows of one stock, in plain Python."""

    def bar(time: int) -> int:
        m = time // 60_000
        if m < 570:
            return 565
        if m < 780:
            return min(m, 689)
        return m if m < 897 else 905 if m >= 905 else 897

    if symbol.endswith(".SH"):
        t = files["sse_trades"].filter(pl.col("symbol") == symbol)
        side = {"B": 1, "S": -1, "N": 0}
        trades = [
            (time, p, v, b, a, side[f])
            for time, p, v, b, a, f in t.select(
                "time", "price", "TradVolume", "TradeBuyNo", "TradeSellNo", "flag"
            ).iter_rows()
        ]
    else:
        t = files["szse_trades"].filter((pl.col("symbol") == symbol) & (pl.col("ExecType") == 70))
        trades = []
        for time, p, v, b, a in t.select("time", "price", "LastQty", "BidApplSeqNum", "OfferApplSeqNum").iter_rows():
            auction = bar(time) in (565, 897)
            trades.append((time, p, v, b, a, 0 if auction else 1 if b > a else -1))
    buys: dict[int, int] = defaultdict(int)
    sells: dict[int, int] = defaultdict(int)
    for _, p, v, b, a, _ in trades:
        buys[b] += p * v
        sells[a] += p * v
    out: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for time, p, v, b, a, s in trades:
        row = out[bar(time)]
        row.setdefault("open", p)
        row["high"] = max(row.get("high", p), p)
        row["low"] = min(row.get("low", p), p)
        row["close"] = p
        row["volume"] += v
        row["amount"] += p * v
        row["trades"] += 1
        row["buy_amount"] += p * v * (s > 0)
        row["sell_amount"] += p * v * (s < 0)
        if threshold is not None:
            row["large_buy_amount"] += p * v * (buys[b] / 100 >= threshold)
            row["large_sell_amount"] += p * v * (sells[a] / 100 >= threshold)
    kind = "sse_quotes" if symbol.endswith(".SH") else "szse_quotes"
    previous = None
    session = None
    quotes: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    q = files[kind].filter((pl.col("symbol") == symbol) & pl.col("time").is_between(570 * 60_000, 897 * 60_000 - 1))
    for r in q.iter_rows(named=True):
        now = r["time"] >= 780 * 60_000
        if now != session:
            session, previous = now, None
        bp, bq, ap, aq = (r[n] or 0 for n in ("BidPrice1", "BidVolume1", "AskPrice1", "AskVolume1"))
        if bp == 0 or ap == 0:
            previous = None
            continue
        m = bar(r["time"])
        if previous is not None:
            bp0, bq0, ap0, aq0 = previous
            bid = bp * bq if bp > bp0 else -bp0 * bq0 if bp < bp0 else bp * (bq - bq0)
            ask = ap * aq if ap < ap0 else -ap0 * aq0 if ap > ap0 else ap * (aq - aq0)
            out[m]["net_bid_change"] += bid - ask
        previous = (bp, bq, ap, aq)
        b5 = sum(r[f"BidVolume{k}"] or 0 for k in range(1, 6))
        a5 = sum(r[f"AskVolume{k}"] or 0 for k in range(1, 6))
        quotes[m].append(((ap - bp) / ((ap + bp) / 2), (bq - aq) / (bq + aq), (b5 - a5) / (b5 + a5)))
    for m, rows in quotes.items():
        for k, name in enumerate(("spread", "imbalance", "imbalance_5")):
            out[m][name] = sum(x[k] for x in rows) / len(rows)
    return out


def test_bars_equal_a_plain_aggregation_of_the_files(
    market: Path, tapes: dict[str, dict[str, pl.DataFrame]], daily: pl.DataFrame, plan: MarketPlan
) -> None:
    days = [f"{d:%Y%m%d}" for d in plan.days]
    lost, stocks = plan.one("missing_channel"), plan.stocks
    assert lost is not None
    sizes = {
        p.name[:8]: pl.read_parquet(p)
        for p in [*market.glob("bars/*.order_sizes.parquet"), *market.glob("truth/bars/*.order_sizes.parquet")]
    }
    checked = set()
    locked = {(days[e.first], e.symbol) for e in plan.events if e.kind == "limit_lock" and e.first >= plan.first_tick}
    some = {(days[plan.first_tick + k], stocks.symbol[i]) for k in (0, 3, 9) for i in (0, 7, 12, 20, 29)}
    for day, symbol in sorted(locked | some):
        truth = pl.read_parquet(market / "truth" / "bars" / f"{day}.parquet").filter(pl.col("symbol") == symbol)
        if truth.is_empty() or day == days[lost.first]:
            continue
        k = days.index(day)
        pooled = pl.concat([sizes[d] for d in days[max(plan.first_minute, k - 20) : k]]).filter(
            pl.col("symbol") == symbol
        )
        n, s1, s2 = pooled["orders"].sum(), pooled["sum_ln"].sum(), pooled["sum_ln2"].sum()
        threshold = None
        if (pooled["orders"] > 0).sum() >= 5 and n >= 200:
            threshold = math.exp(s1 / n + math.sqrt(s2 / n - (s1 / n) ** 2))
        plain = plain_bars(tapes[day], symbol, threshold)
        official = daily.filter((pl.col("symbol") == symbol) & (pl.col("date") == plan.days[k])).row(0, named=True)
        last = round(official["pre_close"] * 100)
        grid = [565, *range(570, 690), *range(780, 897), 897]
        assert truth["minute"].to_list() == grid + ([905] if 905 in plain else [])
        for row in truth.iter_rows(named=True):
            want = plain.get(row["minute"], {})
            for name in ("open", "high", "low", "close"):
                assert round(row[name] * 100) == want.get(name, last), (day, symbol, row["minute"], name)
            last = want.get("close", last)
            assert row["volume"] == want.get("volume", 0)
            assert row["trades"] == want.get("trades", 0)
            for name in ("amount", "buy_amount", "sell_amount", "net_bid_change"):
                assert row[name] == pytest.approx(want.get(name, 0) / 100, abs=1e-6), (day, symbol, row["minute"], name)
            for name in ("large_buy_amount", "large_sell_amount"):
                assert row[name] == (None if threshold is None else pytest.approx(want.get(name, 0) / 100, abs=1e-6))
            for name in ("spread", "imbalance", "imbalance_5"):
                assert row[name] == (pytest.approx(want[name], rel=1e-12, abs=1e-12) if name in want else None)
            assert row["at_limit_up"] == (official["limit_up"] is not None and row["close"] == official["limit_up"])
            assert row["at_limit_down"] == (
                official["limit_down"] is not None and row["close"] == official["limit_down"]
            )
        checked.add(symbol[-2:])
    assert checked == {"SH", "SZ"}


def test_bars_schema_and_sums(bars: pl.DataFrame, daily: pl.DataFrame) -> None:
    floats = (
        "open",
        "high",
        "low",
        "close",
        "amount",
        "buy_amount",
        "sell_amount",
        "large_buy_amount",
        "large_sell_amount",
    )
    floats += ("net_bid_change", "spread", "imbalance", "imbalance_5")
    schema = {"date": pl.Date, "symbol": pl.String, "minute": pl.Int32, "volume": pl.Int64, "trades": pl.Int64}
    schema |= dict.fromkeys(floats, pl.Float64) | {"at_limit_up": pl.Boolean, "at_limit_down": pl.Boolean}
    assert dict(bars.schema) == schema
    sums = bars.group_by("date", "symbol").agg(
        pl.col("volume", "amount").sum(), pl.col("close").last(), rows=(pl.col("minute") != 905).sum()
    )
    both = daily.join(sums, on=["date", "symbol"], how="inner")
    assert both.height == sums.height == daily.filter(pl.col("date") >= bars["date"].min()).height
    assert (both["volume"] == both["volume_right"]).all()
    assert ((both["amount"] - both["amount_right"]).abs() < 0.005).all()
    assert (both["close"] == both["close_right"]).all()
    assert (both["rows"] == 239).all()


# ---- stylised facts


def test_intraday_u_and_activity(bars: pl.DataFrame) -> None:
    grid = bars.filter(pl.col("minute").is_between(570, 896))
    volume = dict(grid.group_by(pl.col("minute") // 30 * 30).agg(pl.col("volume").sum()).iter_rows())
    middle = volume[630] / 30
    assert volume[570] / 30 > 1.4 * middle
    assert volume[870] / 27 > 1.2 * middle
    perday = bars.group_by("date", "symbol").agg(pl.col("trades").sum(), empty=(pl.col("trades") == 0).mean())
    assert perday["trades"].median() >= 250
    assert perday["empty"].median() < 0.4
    auction = bars.filter(pl.col("minute").is_in([565, 897])).group_by("minute").agg((pl.col("trades") > 0).mean())
    assert (auction["trades"] > 0.95).all()


def test_fat_tails_clustering_and_heavy_orders(
    market: Path, bars: pl.DataFrame, tapes: dict[str, dict[str, pl.DataFrame]]
) -> None:
    r = (
        bars.filter(pl.col("minute").is_between(570, 896))
        .with_columns(r=(pl.col("close") / pl.col("close").shift(1).over("date", "symbol")).log())
        .drop_nulls("r")
    )
    stats = r.group_by("date", "symbol").agg(
        k=pl.col("r").kurtosis(fisher=False),
        sd=pl.col("r").std(),
    )
    stats = stats.filter(pl.col("sd") > 0)
    assert stats["k"].median() > 4.0
    # volatility clusters: a stock's realised volatility is correlated with that of the day before
    stats = stats.sort("symbol", "date").with_columns(v=pl.col("sd").log() - pl.col("sd").log().mean().over("symbol"))
    pairs = stats.with_columns(before=pl.col("v").shift(1).over("symbol")).drop_nulls("before")
    assert np.corrcoef(pairs["v"], pairs["before"])[0, 1] > 0.2
    # Hill's estimate of the tail exponent of order sizes, resting orders of one day
    sizes = next(iter(tapes.values()))["szse_orders"].filter(pl.col("OrdType") == 50)
    exponents = []
    for _, g in sizes.group_by("symbol"):
        x = np.sort(g["OrderQty"].to_numpy().astype(float))[::-1]
        k = len(x) // 20
        exponents.append(k / np.log(x[:k] / x[k]).sum())
    assert 1.0 < np.median(exponents) < 2.5


def test_order_flow_is_persistent_and_moves_prices(tapes: dict[str, dict[str, pl.DataFrame]]) -> None:
    persistence, impact = [], []
    for files in tapes.values():
        trades = files["sse_trades"].filter(pl.col("flag") != "N")
        for _, g in trades.group_by("symbol"):
            s = np.where(g["flag"].to_numpy() == "B", 1.0, -1.0)
            minute = g["time"].to_numpy() // 300_000
            net = np.bincount(minute - minute.min(), s)
            price = np.array([g["price"].to_numpy()[minute <= m][-1] for m in range(minute.min(), minute.max() + 1)])
            move = np.diff(np.log(price))
            if s.std() > 0 and move.std() > 0:
                persistence.append(np.corrcoef(s[1:], s[:-1])[0, 1])
                impact.append(np.corrcoef(net[1:], move)[0, 1])
    assert np.median(persistence) > 0.1
    assert np.median(impact) > 0.1


# ---- the planted alpha


def study(settings: MarketSettings, folder: Path) -> tuple[float, float]:
    """Return the mean weekly rank correlations of alpha with next week's return and with the week's flow after the open."""
    generate(settings, folder)
    alpha = pl.read_parquet(folder / "truth" / "alpha.parquet")
    daily = pl.read_parquet(folder / "reference" / "daily_prices.parquet")
    week = pl.col("date").dt.truncate("1w").alias("week")
    returns = daily.group_by("symbol", week).agg((pl.col("close") / pl.col("pre_close")).log().sum().alias("r"))
    weeks = returns["week"].unique().sort()
    nexts = pl.DataFrame({"week": weeks[:-1], "next": weeks[1:]})
    after = alpha.join(nexts, on="week").join(returns.rename({"week": "next"}), on=["next", "symbol"])
    flows = []
    for path in (folder / "bars").glob("????????.parquet"):
        opening = pl.read_parquet(path).filter(pl.col("minute").is_between(570, 599))
        net = (pl.col("buy_amount") - pl.col("sell_amount")).sum() / pl.col("amount").sum()
        day = pl.lit(path.stem).str.to_date("%Y%m%d").alias("date")
        flows.append(opening.group_by("symbol").agg(flow=net).with_columns(day))
    flow = pl.concat(flows).group_by("symbol", week).agg(pl.col("flow").mean())
    during = alpha.join(flow, on=["week", "symbol"])

    def mean_ic(frame: pl.DataFrame, column: str) -> float:
        ranks = frame.group_by("week").agg(pl.corr("alpha", column, method="spearman").alias("ic"))
        return float(ranks["ic"].mean())

    return mean_ic(after, "r"), mean_ic(during, "flow")


@pytest.mark.slow
def test_alpha_predicts_at_high_strength_and_not_at_zero(tmp_path: Path) -> None:
    wide = {
        "days": 40,
        "tick_days": 8,
        "sse_main": 24,
        "szse_main": 24,
        "star": 6,
        "chinext": 8,
        "csi500": 16,
        "csi1000": 20,
    }
    returns, flow = study(profile("tiny", alpha=2.0, **wide), tmp_path / "two")
    assert 0.25 < returns < 0.6
    assert flow > 0.25
    returns, flow = study(profile("tiny", alpha=0.0, **wide), tmp_path / "zero")
    # about 23 weeks of 62 stocks: the standard error of a mean RankIC is about .03
    assert abs(returns) < 0.09
    assert abs(flow) < 0.12
