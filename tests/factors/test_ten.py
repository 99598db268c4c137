"""Tests that compare the ten factors with plain loops over days, and of the properties of the residuals (SPEC §3, §4)."""

import datetime as dt
import math
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import catalogue
from assets.factors.indicators import INDICATORS
from assets.factors.make_factors import make_factors
from assets.factors.reasons import NOBODY_IN_UNIVERSE, NOTHING_LEFT
from assets.factors.styles import STYLES
from assets.factors.ten import aggregate_days, orthogonalise_factors
from assets.factors.windows import NEEDS, window_days
from resources.calendar import Calendar
from resources.settings.factors import FactorsSettings
from tests.making import run_make
from tests.reasons import to_reasons

DAYS = [dt.date(2023, 1, 2) + dt.timedelta(days=n) for n in range(20)]
MEANS = {
    "skewness": "skewness",
    "downside_volatility_share": "downside_volatility_share",
    "buying_intention_share": "buying_intention_share",
    "buying_intention_strength": "buying_intention_strength",
    "closing_volume_share": "closing_volume_share",
    "outflow_per_trade": "outflow_per_trade",
}


def indicators(seed: int, names: int = 12, null: float = 0.2) -> pl.DataFrame:
    """A window of random `day_indicators`: missing rows, days without trades, nulls, a constant column, a stock of nulls."""
    rng = random.Random(seed)
    rows = []
    for day in DAYS:
        for n in range(names):
            if rng.random() < 0.1:
                continue
            row: dict = {"date": day, "symbol": f"{n:06d}.SZ", "traded": rng.random() > 0.1, "one_price": False}
            for name in INDICATORS:
                row[name] = None if rng.random() < null * n / names or not row["traded"] else rng.uniform(0.5, 1.5)
            row["large_net_buy"] = row["large_net_buy"] and rng.gauss(0, 1e6)
            if n == 1:
                row["large_net_buy"] = 5.1
            if n == 2:
                row |= dict.fromkeys(INDICATORS)
            if not row["traded"]:
                row["post_open_growth"] = 1.0
            rows.append(row)
    schema = {"date": pl.Date, "symbol": pl.String, "traded": pl.Boolean, "one_price": pl.Boolean}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(INDICATORS, pl.Float64)).sort("date", "symbol")


def plain_factor(key: str, days: list[dict], *, drop_flat: bool = False, min_days: int = 10) -> float | None:
    """Return one factor of one stock by SPEC §3, from its day rows in order."""
    sign = {f.key: f.sign for f in catalogue.FACTORS}[key]
    days = [day for day in days if day["traded"]]
    if drop_flat and key in ("outflow_per_trade", "large_trade_gain"):
        days = [day for day in days if not (day["flat_share"] is not None and day["flat_share"] > 0.25)]
    if key in MEANS:
        values = [day[MEANS[key]] for day in days if day[MEANS[key]] is not None]
        return None if len(values) < min_days else sign * math.fsum(values) / len(values)
    if key == "large_order_net_buy_share":
        both = [day for day in days if None not in (day["large_net_buy"], day["open_amount"])]
        if len(both) < min_days:
            return None
        return sign * math.fsum(d["large_net_buy"] for d in both) / math.fsum(d["open_amount"] for d in both)
    if key == "large_order_net_buy_strength":
        values = [day["large_net_buy"] for day in days if day["large_net_buy"] is not None]
        if len(values) < min_days or len(set(values)) == 1:
            return None
        mean = math.fsum(values) / len(values)
        return sign * mean / math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))
    column = {"improved_reversal": "post_open_growth", "large_trade_gain": "large_trade_growth"}[key]
    values = [day[column] for day in days if day[column] is not None]
    return None if len(values) < min_days else sign * (math.prod(values) - 1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("drop_flat", [False, True])
def test_equal_to_plain_loops(seed: int, drop_flat: bool) -> None:
    window = indicators(seed).with_columns(flat_share=pl.col("flat_share") - 0.9)
    section = FactorsSettings(drop_flat_days=drop_flat, min_days=10 if seed % 2 else 6)
    raw, lost = aggregate_days(window, section)
    for row in raw.iter_rows(named=True):
        days = window.filter(symbol=row["symbol"]).sort("date").to_dicts()
        for key in catalogue.TEN:
            expected = plain_factor(key, days, drop_flat=drop_flat, min_days=section.min_days)
            if expected is None:
                assert row[key] is None, (row["symbol"], key, row[key])
            else:
                assert row[key] == pytest.approx(expected, rel=1e-12, abs=1e-12), (row["symbol"], key)
    flat = window.filter("traded", pl.col("outflow_per_trade").is_not_null())
    assert lost["outflow_per_trade"] == pytest.approx(
        flat.select((pl.col("flat_share") > 0.25).fill_null(False).mean()).item()
    )


def test_constant_net_buying_has_no_strength_but_a_share() -> None:
    raw, _ = aggregate_days(indicators(0, null=0.0), FactorsSettings())
    row = raw.row(1, named=True)
    assert row["large_order_net_buy_strength"] is None
    assert row["large_order_net_buy_share"] is not None


def test_the_pooled_share_is_null_where_the_amount_is_zero() -> None:
    raw, _ = aggregate_days(indicators(0, null=0.0).with_columns(open_amount=pl.lit(0.0)), FactorsSettings())
    assert raw["large_order_net_buy_share"].null_count() == raw.height


def test_factors_need_the_minimum_number_of_days() -> None:
    window = indicators(1, null=0.0)
    assert (
        aggregate_days(window.filter(pl.col("date") > DAYS[11]), FactorsSettings())[0]
        .drop("symbol")
        .null_count()
        .row(0)
        == (12,) * 10
    )
    short = FactorsSettings(window=5, min_days=3)
    assert aggregate_days(window.filter(pl.col("date") > DAYS[14]), short)[0]["skewness"].drop_nulls().len() >= 10


def test_window_is_a_setting_cut_at_the_start_of_history() -> None:
    calendar = Calendar(DAYS)
    assert window_days.keys(calendar, DAYS[19], FactorsSettings(), DAYS[0]) == DAYS
    assert window_days.keys(calendar, DAYS[19], FactorsSettings(window=5, min_days=5), DAYS[0]) == DAYS[15:]
    assert window_days.keys(calendar, DAYS[19], FactorsSettings(), DAYS[12]) == DAYS[12:]


def test_every_factor_declares_the_columns_that_it_needs() -> None:
    assert tuple(NEEDS) == catalogue.TEN
    assert {need.split(".")[1] for needs in NEEDS.values() for need in needs} <= {
        *INDICATORS,
        "total_mv",
        "in_universe",
    }


# --- orthogonalisation -----------------------------------------------------------------------------------------------


def universe(seed: int, names: int = 120, industries: int = 5) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "symbol": [f"{n:06d}.SZ" for n in range(names)],
            "in_universe": rng.random(names) > 0.1,
            "industry": [["unknown", *(f"industry {k}" for k in range(industries))][k] for k in rng.integers(0, industries + 1, names)],
            "total_mv": np.exp(rng.normal(23, 1, names)),
            **{style: rng.normal(size=names) for style in STYLES},
        }
    )  # fmt: skip
    some = pl.int_range(pl.len()) % 17 == 3
    return frame.with_columns(
        pl.when(some).then(None).otherwise("total_mv").alias("total_mv"), pl.when(some).then(0.0).otherwise("value").alias("value")
    )  # fmt: skip


def raw_factors(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Factors that partly depend on styles and industries, with nulls."""
    rng = np.random.default_rng(seed + 1)
    industry = frame["industry"].rank("dense").to_numpy()
    columns = {}
    for n, key in enumerate(catalogue.TEN):
        y = industry * n / 3 + frame[STYLES[n % 8]].to_numpy() + rng.standard_t(3, frame.height)
        columns[key] = np.where(rng.random(frame.height) < 0.1, np.nan, y * 10.0 ** (n - 3))
    return pl.DataFrame({"symbol": frame["symbol"], **columns}).with_columns(pl.exclude("symbol").fill_nan(None))


def plain_orthogonalise(y: list[float | None], X: list[list[float]], industries: list[str]) -> list[float | None]:
    """Orthogonalise by SPEC §4 with least squares on dummies and styles."""
    used = [i for i, value in enumerate(y) if value is not None]

    def moments(values: list[float]) -> tuple[float, float]:
        mean = math.fsum(values) / len(values)
        return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))

    mean, std = moments([y[i] for i in used])  # type: ignore[misc]
    clipped = [min(max(y[i], mean - 3 * std), mean + 3 * std) for i in used]  # type: ignore[type-var]
    mean, std = moments(clipped)
    z = np.array([(v - mean) / std for v in clipped])
    kinds = sorted({industries[i] for i in used})
    design = np.array([[float(industries[i] == kind) for kind in kinds] + X[i] for i in used])
    residual = z - design @ np.linalg.lstsq(design, z, rcond=None)[0]
    mean, std = moments(list(residual))
    result: list[float | None] = [None] * len(y)
    for i, e in zip(used, residual, strict=True):
        result[i] = (e - mean) / std
    return result


@pytest.mark.parametrize("seed", range(3))
def test_orthogonalised_factors_equal_plain_least_squares(seed: int) -> None:
    names = universe(seed).filter("in_universe")
    raw = raw_factors(universe(seed), seed)
    frame, profile, notes = orthogonalise_factors(names, raw, FactorsSettings())
    assert frame.height == 10 * names.height
    assert notes == {}
    takes_part = [
        mv is not None and industry != "unknown" for mv, industry in names.select("total_mv", "industry").rows()
    ]
    own = names.select("symbol").join(raw, on="symbol", how="left", maintain_order="left")
    for key in catalogue.TEN:
        rows = frame.filter(factor=key)
        assert rows["symbol"].to_list() == names["symbol"].to_list()
        assert rows["raw"].equals(own[key].alias("raw"), null_equal=True)
        y = [value if part else None for value, part in zip(own[key], takes_part, strict=True)]
        expected = plain_orthogonalise(
            y, [list(row) for row in names.select(STYLES).rows()], names["industry"].to_list()
        )
        for symbol, found, value in zip(rows["symbol"], rows["value"], expected, strict=True):
            assert (found is None) == (value is None), symbol
            assert value is None or found == pytest.approx(value, abs=1e-10)
    assert profile["max_style_correlation"].max() < 1e-9


@given(seed=st.integers(0, 10**6), names=st.integers(40, 200))
@settings(max_examples=15, deadline=None)
def test_residuals_are_uncorrelated_with_styles_and_industries(seed: int, names: int) -> None:
    frame = universe(seed, names)
    long, profile, _ = orthogonalise_factors(frame.filter("in_universe"), raw_factors(frame, seed), FactorsSettings())
    joined = long.drop_nulls("value").rename({"value": "factor_value"}).join(frame, on="symbol")
    for _, rows in joined.group_by("factor"):
        value = rows["factor_value"].to_numpy()
        assert abs(value.mean()) < 1e-9
        assert value.std() == pytest.approx(1)
        for style in STYLES:
            assert abs(np.corrcoef(value, rows[style])[0, 1]) < 1e-9
        assert rows.group_by("industry").agg(pl.col("factor_value").mean().abs())["factor_value"].max() < 1e-9
    assert profile["coverage"].is_between(0, 1).all()
    assert profile["max_industry_mean"].max() < 1e-9


def made(days: pl.DataFrame, styles: pl.DataFrame, unavailable: dict | None = None, **changes: object):
    styles = styles.with_columns(date=pl.lit(DAYS[-1]))
    return run_make(
        make_factors,
        day_indicators=days,
        styles=styles,
        date=DAYS[-1],
        settings=FactorsSettings(**changes),
        unavailable=to_reasons(unavailable or {}),
    )


def market(seed: int, names: int = 60) -> tuple[pl.DataFrame, pl.DataFrame]:
    return indicators(seed, names, null=0.05), universe(seed, names, industries=3)


def test_a_style_without_values_is_left_out_and_noted() -> None:
    days, styles = market(0)
    without = styles.with_columns(pl.lit(None, pl.Float64).alias("growth"), pl.lit(None, pl.Float64).alias("value"))
    result = made(days, without)
    assert result.notes["left_out"]["styles"].keys() == {"value", "growth"}
    assert result.profile["max_style_correlation"].max() < 1e-9
    assert not result.frame.drop("date").equals(made(days, styles).frame.drop("date"))


def test_a_market_without_industries_has_factors_and_a_note() -> None:
    days, styles = market(1)
    result = made(days, styles.with_columns(industry=pl.lit("unknown")))
    assert "industries" in result.notes["left_out"]
    assert result.frame["value"].null_count() < result.frame.height / 2


def test_rows_are_the_universe_times_ten() -> None:
    days, styles = market(2)
    names = styles.filter("in_universe")["symbol"]
    frame = made(days, styles).frame
    assert frame.height == 10 * len(names)
    assert set(frame["symbol"]) == set(names)
    assert frame["date"].unique().to_list() == [DAYS[-1]]


def test_factors_that_cannot_be_computed_have_reasons() -> None:
    days, styles = market(3)
    short = days.filter(pl.col("date") > DAYS[14])
    result = made(short, styles)
    assert set(result.unavailable) == set(catalogue.TEN)
    assert "skewness known on 5 of the 20 days" in str(result.unavailable["skewness"])
    assert result.profile["coverage"].null_count() == 10
    # A reason that an input already has is not repeated.
    known = {"day_indicators": {"closing_volume_share": "volume not delivered"}}
    result = made(days.with_columns(closing_volume_share=pl.lit(None, pl.Float64)), styles, known)
    assert result.unavailable == {}
    # With fewer stocks than regressors every residual is 0 and the values are null.
    few = styles.filter("in_universe", pl.col("total_mv").is_not_null(), pl.col("industry") != "unknown")[:8]
    result = made(days, few)
    assert result.frame["value"].null_count() == result.frame.height
    assert result.unavailable["skewness"] == NOTHING_LEFT()


def test_no_universe_and_no_indicators_make_empty_tables() -> None:
    days, styles = market(4)
    nobody = made(days, styles.clear())
    assert nobody.frame.is_empty()
    assert nobody.unavailable == dict.fromkeys(catalogue.TEN, NOBODY_IN_UNIVERSE(date=DAYS[-1]))
    known = {"styles": {"in_universe": "no reference/instruments in the landing zone"}}
    assert (
        made(days, styles.clear(), known).unavailable == {}
    )  # the reason comes from styles, through every factor's needs
    assert all("styles.in_universe" in needs for needs in NEEDS.values())
    result = made(days.clear(), styles)
    assert result.frame["raw"].null_count() == result.frame.height > 0


def test_drop_flat_days_notes_the_share_of_days_lost() -> None:
    days, styles = market(5)
    assert "flat_days" not in made(days, styles).notes.get("left_out", {})
    lost = made(days, styles, drop_flat_days=True).notes["left_out"]["flat_days"]
    assert lost["outflow_per_trade"] > 0.9  # every random flat_share that is not null is above a quarter


def test_order_of_rows_and_names_does_not_matter() -> None:
    days, styles = market(6)
    shuffled = made(
        days.sample(fraction=1, shuffle=True, seed=1), styles.sample(fraction=1, shuffle=True, seed=2)
    ).frame
    assert shuffled.equals(made(days, styles).frame)
