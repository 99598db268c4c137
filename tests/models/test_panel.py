import math

import numpy as np
import polars as pl
import pytest

from assets.models.panel import build_panel

FEATURES = ("a", "b", "c")


def build(market, days=None, **changes):
    chosen = {"days": days or market.days, "granularity": "30min", "features": FEATURES, "clip": 3.0} | changes
    return build_panel(market.bar_features.lazy(), market.securities.lazy(), **chosen)


def plain_standardise(market, day, bar, feature):
    """symbol → value, by loops over python floats."""
    members = set(market.securities.filter((pl.col("date") == day) & pl.col("in_universe"))["symbol"])
    rows = market.bar_features.filter((pl.col("date") == day) & (pl.col("bar") == bar))
    raw = dict(zip(rows["symbol"], rows[feature], strict=True))

    def moments(values):
        mean = sum(values) / len(values)
        return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))

    known = {s: v for s, v in raw.items() if v is not None}
    mean, std = moments([v for s, v in known.items() if s in members])
    clipped = {s: min(max(v, mean - 3 * std), mean + 3 * std) for s, v in known.items()}
    mean, std = moments([v for s, v in clipped.items() if s in members])
    return {s: (clipped[s] - mean) / std if s in clipped else 0.0 for s in raw}


def test_values_are_those_of_plain_loops(make_market):
    market = make_market(days=11, names=25, missing=0.1)  # more days than one chunk
    market.bar_features = market.bar_features.with_columns(
        a=pl.when(pl.col("symbol") == "600003.SH").then(pl.col("a") * 50).otherwise("a")  # something to clip
    )
    panel = build(market)
    bars = sorted(market.bar_features["bar"].unique())
    assert panel.values.shape == (11, 8, 25, 3)
    for d, day in enumerate(market.days):
        for b, bar in enumerate(bars):
            for f, feature in enumerate(FEATURES):
                expected = plain_standardise(market, day, bar, feature)
                for n, symbol in enumerate(panel.symbols):
                    assert panel.values[d, b, n, f] == pytest.approx(expected.get(symbol, 0.0), abs=2e-6)
                    assert panel.has_bars[d, n] == (symbol in expected)


def test_the_sequence_is_a_view_that_ends_on_its_day(make_market):
    panel = build(make_market(days=9))
    sequence = panel.sequence(6, 4)
    assert np.shares_memory(sequence, panel.values)
    np.testing.assert_array_equal(sequence, np.concatenate(panel.values[3:7]))
    with pytest.raises(IndexError, match="begins before"):
        panel.sequence(2, 4)


def test_a_feature_null_for_the_whole_market_is_dropped_and_named(make_market):
    market = make_market(days=6)
    market.bar_features = market.bar_features.with_columns(b=pl.lit(None, dtype=pl.Float32))
    panel = build(market)
    assert (panel.features, panel.dropped) == (("a", "c"), ("b",))
    assert panel.values.shape[-1] == 2
    kept = build(market, keep_all=True)
    assert (kept.features, kept.dropped) == (FEATURES, ("b",))
    assert not kept.values[..., 1].any()
    np.testing.assert_array_equal(kept.values[..., [0, 2]], panel.values)
    np.testing.assert_array_equal(kept.known, panel.known)


def test_coverage_counts_days_and_known_entries_where_the_market_has_any(make_market):
    market = make_market(days=10, names=12, suspended=0.0, missing=0.0)
    days, gone = market.days, pl.col("symbol")
    rows = market.bar_features.with_columns(
        # null for everyone on one day: no fault of a name
        c=pl.when(pl.col("date") == days[7]).then(None).otherwise("c"),
        a=pl.when((gone == "600002.SH") & (pl.col("bar") < 700) & (pl.col("date") >= days[5]))
        .then(None)
        .otherwise("a"),
        b=pl.when((gone == "600002.SH") & (pl.col("bar") == 870)).then(None).otherwise("b"),
    )
    two, one = [days[5], days[6]], [days[6]]
    market.bar_features = rows.filter(
        ~((gone == "600000.SH") & pl.col("date").is_in(two)) & ~((gone == "600001.SH") & pl.col("date").is_in(one))
    )
    panel = build(market)
    covered = dict(zip(panel.symbols, panel.covered(9, 5, 0.8, 0.8), strict=True))
    assert not covered["600000.SH"]  # 3 of 5 days
    assert covered["600001.SH"]  # 4 of 5 days
    # 600002: 24 entries a day (16 on the day without c), of which 4 and 1 are null: 5·5 of 112 → .777
    assert not covered["600002.SH"]
    assert panel.covered(9, 5, 0.8, 0.77)[panel.symbols.index("600002.SH")]
    assert all(covered[s] for s in panel.symbols[3:])


def test_the_order_of_rows_and_what_lies_outside_the_window_change_nothing(make_market):
    market = make_market(days=12)
    panel = build(market, market.days[2:9])
    market.bar_features = market.bar_features.sample(fraction=1.0, shuffle=True, seed=1).sort(
        "date", maintain_order=True
    )
    market.securities = market.securities.sample(fraction=1.0, shuffle=True, seed=2)
    assert build(market, market.days[2:9]).digest() == panel.digest()
    assert build(market.until(market.days[8]), market.days[2:9]).digest() == panel.digest()
    market.bar_features = pl.concat(
        [market.bar_features, market.bar_features.with_columns(granularity=pl.lit(60, pl.Int32))]
    ).sort("date")
    assert build(market, market.days[2:9]).digest() == panel.digest()


def test_a_window_without_rows_is_empty(make_market):
    market = make_market(days=8)
    market.bar_features = market.bar_features.clear()
    panel = build(market)
    assert (panel.symbols, panel.features, panel.dropped) == ((), (), FEATURES)
