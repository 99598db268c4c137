"""The CSI 500 portfolio through the real crash of summer 2015, on daily data with a plain 20-day momentum score.

Reference tables and styles are put together here by plain polars, independently of the stages that build them.
"""

import datetime as dt
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.bars.schemas import MINUTE_BARS
from assets.portfolios.schemas import PORTFOLIO
from assets.portfolios.week.make_portfolio import make_portfolio
from assets.portfolios.week.make_portfolio_returns import make_portfolio_returns
from assets.portfolios.week.record import unnest
from resources.calendar import Calendar
from resources.reasons import as_reason
from resources.settings.portfolios import PortfoliosSettings
from tests.making import run_make
from tests.reasons import to_reasons

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "reference_2010_2016"
pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no real data at ../shared/data/{REFERENCE.name}")

ANCHOR = dt.date(2015, 5, 18)
SOLVED = [dt.date(2015, 6, 29), dt.date(2015, 7, 6), dt.date(2015, 7, 13), dt.date(2015, 7, 20)]
STYLES = ("size", "value", "mid_cap", "turnover", "reversal", "volatility", "profitability", "growth")


class Summer:
    """The tables a week reads, for any week of the summer of 2015."""

    def __init__(self) -> None:
        self.calendar = Calendar.xshg()
        prices = pl.scan_parquet(REFERENCE / "daily_prices.parquet").filter(
            pl.col("date").is_between(dt.date(2015, 1, 5), dt.date(2015, 7, 31))
        )
        share = pl.when("is_st").then(5).otherwise(10)
        cents = (pl.col("pre_close") * 100).round().cast(pl.Int64)
        self.prices = (
            prices.with_columns(
                vwap=pl.col("amount") / pl.col("volume"),
                limit_up=((cents * (100 + share) + 50) // 100) / 100,
                limit_down=((cents * (100 - share) + 50) // 100) / 100,
            )
            .sort("symbol", "date")
            .collect()
        )
        self.instruments = pl.read_parquet(REFERENCE / "instruments.parquet")
        self.industries = pl.read_parquet(REFERENCE / "industries.parquet").sort("start_date")
        self.weights = pl.read_parquet(REFERENCE / "index_weights.parquet")
        self.index_prices = pl.read_parquet(REFERENCE / "index_prices.parquet")
        self.fundamentals = pl.read_parquet(REFERENCE / "fundamentals.parquet").sort("announce_date", "period")

    def securities(self, day: dt.date) -> pl.DataFrame:
        known = self.prices.filter(pl.col("date") <= day)
        last = known.group_by("symbol").agg(pl.col("close", "total_shares", "is_st").last())
        today = known.filter(pl.col("date") == day).select("symbol", "limit_up", "limit_down", traded=pl.lit(True))
        listed = self.instruments.filter(
            (pl.col("list_date") <= day) & (pl.col("delist_date").is_null() | (pl.col("delist_date") > day))
        )
        position = self.calendar.index(day)
        industry = self.industries.filter(pl.col("start_date") <= day).group_by("symbol").agg(pl.col("industry").last())
        return (
            listed.with_columns(
                listed_days=pl.col("list_date").map_elements(
                    lambda d: position - self.calendar.index(self.calendar.next_day(d - dt.timedelta(days=1))) + 1,
                    return_dtype=pl.Int64,
                ),
                date=pl.lit(day),
            )
            .join(last, on="symbol", how="left")  # listed, even where it has not traded since the prices begin
            .join(today, on="symbol", how="left")
            .join(industry, on="symbol", how="left")
            .with_columns(pl.col("traded").fill_null(False), pl.col("industry").fill_null("unknown"))
        )

    def indices(self, day: dt.date) -> pl.DataFrame:
        members = self.weights.filter(pl.col("date") <= day)
        members = members.filter(pl.col("date") == members["date"].max())
        closes = self.index_prices.filter(pl.col("date") == day).select("index", index_close="close")
        frame = members.rename({"date": "published_date"}).join(closes, on="index", how="full", coalesce=True)
        return frame.with_columns(date=pl.lit(day))

    def styles(self, day: dt.date, securities: pl.DataFrame) -> pl.DataFrame:
        """z-scores over names that traded; growth and profitability are left null, as if not delivered."""
        window = self.calendar.days(self.calendar.offset(day, -19), day)
        stats = (
            self.prices.filter(pl.col("date").is_in(window))
            .with_columns(
                growth=pl.col("close") / pl.col("pre_close"),
                turned=pl.col("amount") / (pl.col("close") * pl.col("float_shares")),
            )
            .group_by("symbol")
            .agg(
                pl.len().alias("n"),
                reversal=pl.col("growth").product() - 1,
                volatility=pl.col("growth").std(ddof=0),
                turnover=pl.col("turned").mean().log(),
            )
            .filter(pl.col("n") >= 15)
        )
        equity = (
            self.fundamentals.filter((pl.col("announce_date") <= day) & pl.col("equity").is_not_null())
            .group_by("symbol", maintain_order=True)
            .agg(pl.col("equity").last())
        )
        frame = (
            securities.join(stats, on="symbol", how="left")
            .join(equity, on="symbol", how="left")
            .with_columns(total_mv=pl.col("close") * pl.col("total_shares"))
            .with_columns(size=pl.col("total_mv").log(), value=pl.col("equity") / pl.col("total_mv"))
        )

        def z(name: str) -> pl.Expr:
            inside = pl.col(name).filter(pl.col("traded"))
            low, high = inside.mean() - 3 * inside.std(ddof=0), inside.mean() + 3 * inside.std(ddof=0)
            clipped = pl.col(name).clip(low, high)
            kept = clipped.filter(pl.col("traded"))
            return ((clipped - kept.mean()) / kept.std(ddof=0)).fill_null(0.0).alias(name)

        frame = frame.with_columns(z(name) for name in ("size", "value", "turnover", "reversal", "volatility"))
        cube = pl.col("size") ** 3
        slope = (cube * pl.col("size")).sum() / (pl.col("size") ** 2).sum()
        nothing = {name: pl.lit(None, pl.Float64) for name in ("profitability", "growth")}
        return frame.with_columns(mid_cap=cube - slope * pl.col("size"), **nothing).select("date", "symbol", *STYLES)

    def factors(self, styles: pl.DataFrame, securities: pl.DataFrame) -> pl.DataFrame:
        scored = securities.filter(pl.col("traded") & ~pl.col("is_st") & (pl.col("listed_days") >= 120))
        return (
            styles.join(scored.select("symbol"), on="symbol", how="semi")
            .filter(pl.col("reversal") != 0)
            .select("date", "symbol", factor=pl.lit("improved_reversal"), value=pl.col("reversal"))
        )


@pytest.fixture(scope="module")
def summer() -> Summer:
    return Summer()


def make_week(summer: Summer, table: str, week: dt.date, made: dict) -> None:
    calendar = summer.calendar
    date, days = calendar.signal_day(week), calendar.week_days(week)
    securities = {day: summer.securities(day) for day in days}
    styles = summer.styles(date, securities[date])
    previous = made.get(calendar.offset_week(week, -1))
    made[week] = run_make(
        make_portfolio,
        table=table,
        **{table: previous.frame if previous else pl.DataFrame(schema=PORTFOLIO)},
        scores=pl.DataFrame(schema={"date": pl.Date, "symbol": pl.String, "factor": pl.String, "value": float}),
        factors=summer.factors(styles, securities[date]),
        styles=styles,
        daily_prices=summer.prices.filter(pl.col("date") <= date),
        securities=pl.concat(securities.values()),
        indices=summer.indices(date),
        minute_bars=pl.DataFrame(schema=MINUTE_BARS),
        week=week,
        date=date,
        calendar=calendar,
        files=lambda table, partition, file: made[partition].files[file],
        unavailable=to_reasons({"styles": {"growth": "no fundamentals", "profitability": "no fundamentals"}}),
        settings=PortfoliosSettings(alpha="improved_reversal"),
    )


@pytest.fixture(scope="module")
def weeks(summer: Summer) -> dict:
    made: dict = {}
    for week in summer.calendar.weeks(ANCHOR, SOLVED[-1]):
        make_week(summer, "csi500_portfolio", week, made)
    return made


def file(made, name: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(made.files[name]))


def test_every_week_is_solved_and_only_suspended_holdings_force_industries(weeks: dict) -> None:
    statuses: list[str] = []
    for week in SOLVED:
        solve = file(weeks[week], "solve.parquet").row(0, named=True)
        gave = unnest(solve, "relaxations")
        elastic = gave.filter(pl.col("group") != "hard")
        print(
            week,
            solve["status"],
            f"turnover {solve['turnover']:.4f}",
            f"frozen {solve['frozen_weight']:.3f}",
            f"off neutral {solve['industry_violation']:.4f}",
        )
        for row in elastic.iter_rows(named=True):
            print("   ", row["constraint"], row["row"], f"{row['value']:+.4%}", row["forced_by"])
        assert abs(solve["duality_gap"]) <= 1e-8
        assert 0 <= solve["residual"] <= 1e-8
        statuses.append(solve["status"])
        if solve["status"] == "optimal":  # which holdings are locked in hangs on which of equal first builds was taken
            continue
        industries = elastic.filter(pl.col("group") == "industry")
        assert 2 <= industries.height <= 8
        assert elastic.height == industries.height  # wider size, style or turnover bounds would not have helped
        assert 1e-4 < industries["slack"].sum() < 0.04
        assert industries["forced_by"].str.contains("suspended").all()
        assert solve["industry_violation"] == pytest.approx(industries["slack"].sum(), abs=1e-8)
        assert solve["conflicts"]
        for conflict in solve["conflicts"]:  # every set: industries that can't be neutral, and the names that forbid it
            held = [member for member in conflict["members"] if member["kind"] == "state"]
            assert {member["constraint"] for member in held} == {"suspended"}
            assert {m["constraint"] for m in conflict["members"] if m["kind"] == "constraint"} == {"industry"}
            assert 1e-8 < conflict["violation"] <= solve["industry_violation"] + 1e-8
        assert not weeks[week].notes["constraints_not_applied"].keys() ^ {"growth", "profitability"}
    assert "relaxed" in statuses
    assert set(statuses) <= {"optimal", "relaxed"}


def test_stored_weights_keep_every_bound(weeks: dict, summer: Summer) -> None:
    for week, made in weeks.items():
        frame, rows = made.frame, unnest(file(made, "solve.parquet").row(0, named=True), "constraints")
        assert frame["weight"].sum() == pytest.approx(1.0, abs=1e-8)
        assert (frame["weight"] >= frame["lower"] - 1e-9).all()
        assert (frame["weight"] <= frame["upper"] + 1e-9).all()
        assert frame["benchmark_weight"].sum() == pytest.approx(1.0, abs=1e-9)
        frozen = frame.filter(pl.col("state") == "suspended")
        assert (frozen["weight"] - frozen["drifted_weight"]).abs().max() <= 1e-9
        slack = dict(rows.filter(pl.col("group") == "industry").select("row", "slack").iter_rows())
        active = frame.group_by("industry").agg((pl.col("weight") - pl.col("benchmark_weight")).sum().alias("active"))
        for industry, value in active.iter_rows():
            assert abs(value) <= slack[industry] + 1e-8
        date = summer.calendar.signal_day(week)
        z = frame.join(summer.styles(date, summer.securities(date)), on="symbol", how="left", maintain_order="left")
        deviation = (frame["weight"] - frame["benchmark_weight"]).to_numpy()
        limits = {"size": 0.0, "value": 0.0, "mid_cap": 0.8, "turnover": 0.8, "reversal": 0.8, "volatility": 0.8}
        given = dict(rows.select("constraint", "slack").iter_rows())
        for style, limit in limits.items():
            assert abs(deviation @ z[style].fill_null(0.0).to_numpy()) <= limit + given[style] + 1e-8


def test_nothing_locked_or_suspended_was_traded(weeks: dict, summer: Summer) -> None:
    blocked, not_buyable = 0, dict.fromkeys(("st", "new", "no_score", "suspended_at_signal"), 0)
    for week in list(weeks)[1:]:
        day = summer.calendar.week_days(week)[0]
        orders = file(weeks[week], "executions.parquet").join(
            summer.prices.filter(pl.col("date") == day), on="symbol", how="left"
        )
        bought, sold = orders.filter(pl.col("filled") > 0), orders.filter(pl.col("filled") < 0)
        assert bought["close"].null_count() == sold["close"].null_count() == 0
        assert (bought["low"] < bought["limit_up"]).all()
        assert (sold["high"] > sold["limit_down"]).all()
        blocked += orders.filter(pl.col("blocked") != "").height
        assert (orders.filter(pl.col("state") != "tradable")["filled"] <= 0).all()
        for state in orders.filter(pl.col("blocked") == "not_buyable")["state"]:
            not_buyable[state] += 1
    print(f"not buyable: {not_buyable}")
    assert not_buyable["suspended_at_signal"] > 0  # resumed on the trade day below their frozen weight
    print(f"{blocked} orders were blocked over {len(weeks) - 1} trade days")
    assert blocked > 50  # most of them in the crash


def test_returns_join_to_the_net_asset_value(weeks: dict, summer: Summer) -> None:
    empty = pl.DataFrame(schema=PORTFOLIO).lazy()
    nav = 1.0
    for week, made in weeks.items():
        days = summer.calendar.week_days(week)
        before = summer.calendar.previous_day(days[0])
        result = run_make(
            make_portfolio_returns,
            csi500_portfolio=made.frame,
            csi1000_portfolio=empty,
            daily_prices=summer.prices,
            securities=pl.DataFrame(schema={"date": pl.Date, "symbol": pl.String}),  # the index has every close
            indices=pl.concat([summer.indices(day) for day in [before, *days]]),
            week=week,
            calendar=summer.calendar,
            files=lambda table, partition, name: weeks[partition].files[name],
            unavailable=to_reasons({"csi1000_portfolio": {"weight": "no weights"}}),
            settings=PortfoliosSettings(alpha="improved_reversal"),
        )
        assert result.unavailable == {"csi1000": as_reason("no weights")}
        assert result.frame.height == (0 if week == ANCHOR else len(days))
        nav *= float(np.prod(1 + result.frame["net"].to_numpy())) if result.frame.height else 1.0
        assert file(made, "solve.parquet")["nav"][0] == pytest.approx(nav, abs=1e-12)
    closes = summer.index_prices.filter(pl.col("index") == "000905.SH").sort("date")
    last = result.frame.sort("date").row(-1, named=True)
    two = closes.filter(pl.col("date") <= last["date"]).tail(2)["close"].to_list()
    assert last["benchmark"] == pytest.approx(two[1] / two[0] - 1, abs=1e-15)


def test_no_published_weights_means_no_portfolio(summer: Summer) -> None:
    made: dict = {}
    make_week(summer, "csi1000_portfolio", SOLVED[0], made)
    assert made[SOLVED[0]].frame.is_empty()
    assert "no weights of 000852.SH" in str(made[SOLVED[0]].unavailable["weight"])
