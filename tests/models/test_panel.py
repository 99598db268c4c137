"""Tests that compare panels with plain loops, and of coverage, storage and the days that a value depends on."""

import math
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.factors.cross_section import standardise
from assets.features.assets import bar_features, daily_features
from assets.models.panel import PanelStore, build_panel, features_of, hash_day, to_float16
from resources.errors import LakeError

FEATURES = ("a", "b", "c")
often = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def build(market, days=None, **changes):
    chosen = {"days": days or market.days, "granularity": "30min", "features": FEATURES, "clip": 3.0} | changes
    store = PanelStore(chosen.pop("storage", "float32"), chosen.pop("folder", None))
    rows = daily(market) if chosen["granularity"] == "daily" else market.bar_features
    return build_panel(rows.lazy(), market.securities.lazy(), store=store, **chosen)


def daily(market):
    """Rows like those of daily_features: the rows of the first bar."""
    return market.bar_features.filter(pl.col("bar") == market.bar_features["bar"].min()).drop("granularity", "bar")


def hours(market):
    """The same market with 60-minute bars and 30-minute bars, in the order of the table."""
    some = market.bar_features.filter(pl.col("bar").is_in([570, 630, 780, 840]))
    doubled = some.with_columns(pl.col(FEATURES) * 2 + 1, granularity=pl.lit(60, pl.Int32))
    both = pl.concat([market.bar_features, doubled])
    return replace(market, bar_features=both.sort("date", "symbol", "granularity", "bar"))


def plain_standardise(market, day, bar, feature, granularity=30, clip=3.0):
    """symbol → value, by loops over Python floats."""
    members = set(market.securities.filter((pl.col("date") == day) & pl.col("in_universe"))["symbol"])
    rows = market.bar_features.filter(
        (pl.col("date") == day) & (pl.col("bar") == bar) & (pl.col("granularity") == granularity)
    )
    raw = dict(zip(rows["symbol"], rows[feature], strict=True))

    def moments(values):
        mean = math.fsum(values) / len(values)
        return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))

    known = {s: v for s, v in raw.items() if v is not None}
    if not members & known.keys():
        return dict.fromkeys(raw, 0.0)
    mean, std = moments([v for s, v in known.items() if s in members])
    clipped = {s: min(max(v, mean - clip * std), mean + clip * std) for s, v in known.items()}
    mean, std = moments([v for s, v in clipped.items() if s in members])
    return {s: (clipped[s] - mean) / std if s in clipped and std > 1e-9 * abs(mean) else 0.0 for s in raw}


def assert_as_by_loops(panel, market, granularity=30, clip=3.0, bars=None):
    bars = bars or sorted(market.bar_features.filter(pl.col("granularity") == granularity)["bar"].unique())
    assert panel.values.shape == (len(panel.days), len(bars), len(panel.symbols), len(panel.features))
    for d, day in enumerate(panel.days):
        for b, bar in enumerate(bars):
            for f, feature in enumerate(panel.features):
                expected = plain_standardise(market, day, bar, feature, granularity, clip)
                for n, symbol in enumerate(panel.symbols):
                    assert panel.values[d, b, n, f] == pytest.approx(expected.get(symbol, 0.0), abs=2e-6, rel=2e-6)
                    assert panel.has_bars[d, n] == (symbol in expected)


def assert_same(panel, other):
    """Whether two panels are equal to the bit, in memory or mapped."""
    for name in ("values", "has_bars", "known", "expected", "universe"):
        np.testing.assert_array_equal(getattr(panel, name), getattr(other, name))
    assert (panel.symbols, panel.features, panel.dropped) == (other.symbols, other.features, other.dropped)
    assert panel.digest() == other.digest()


def test_values_equal_plain_loops(make_market):
    market = make_market(days=11, names=25, missing=0.1)
    market.bar_features = market.bar_features.with_columns(
        a=pl.when(pl.col("symbol") == "600003.SH").then(pl.col("a") * 50).otherwise("a")  # something to clip
    )
    assert_as_by_loops(build(market), market)


@often
@given(
    seed=st.integers(0, 10_000),
    names=st.integers(1, 30),
    suspended=st.floats(0, 0.6),
    missing=st.floats(0, 0.9),
    clip=st.floats(0.5, 4),
    odd=st.sampled_from(["outlier", "constant", "far from zero"]),
)
def test_values_of_random_markets_equal_plain_loops(make_market, seed, names, suspended, missing, clip, odd):
    market = make_market(seed=seed, days=3, names=names, bars=(570, 840), suspended=suspended, missing=missing)
    rng, a = np.random.default_rng(seed), pl.col("a")
    market.securities = market.securities.with_columns(in_universe=pl.Series(rng.random(3 * names) < 0.7))
    if market.bar_features.is_empty():
        return
    market.bar_features = market.bar_features.with_columns(
        {"outlier": a.pow(9) * 1e6, "constant": a * 0 + 0.1, "far from zero": a * 1e-3 + 100}[odd].cast(pl.Float32)
    )
    assert_as_by_loops(build(market, clip=clip), market, clip=clip, bars=(570, 840))


def test_each_granularity_reads_its_own_rows(make_market):
    market = hours(make_market(days=5, names=14, missing=0.1))
    assert_as_by_loops(build(market), market)
    assert_as_by_loops(build(market, granularity="60min"), market, 60)
    assert_as_by_loops(build(market, granularity="daily"), market, bars=[570])


def test_the_features_of_a_granularity_are_columns_of_its_table():
    assert [len(features_of(g)) for g in ("daily", "60min", "30min")] == [26, 64, 63]
    assert features_of("60min")[:63] == features_of("30min")
    assert set(features_of("daily")) < daily_features.schema.keys()
    assert set(features_of("60min")) < bar_features.schema.keys()


def test_the_sequence_is_a_view_that_ends_on_its_day(make_market):
    panel = build(make_market(days=9))
    sequence = panel.sequence(6, 4)
    assert np.shares_memory(sequence, panel.values)
    np.testing.assert_array_equal(sequence, np.concatenate(panel.values[3:7]))
    with pytest.raises(IndexError, match="begins before"):
        panel.sequence(2, 4)


# --- null columns, coverage -------------------------------------------------------------------------------------------


def test_a_feature_that_is_null_for_the_whole_market_is_dropped(make_market):
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


def test_one_value_on_the_last_day_keeps_a_feature(make_market):
    market = make_market(days=6, suspended=0.0, missing=0.0)
    day, symbol = market.days[-1], "600002.SH"
    here = (pl.col("date") == day) & (pl.col("symbol") == symbol) & (pl.col("bar") == 780)
    market.bar_features = market.bar_features.with_columns(b=pl.when(here).then("b"))
    panel = build(market)
    assert panel.dropped == ()
    assert panel.expected.tolist() == [16] * 5 + [17]
    assert panel.known[-1, panel.symbols.index(symbol)] == 17
    assert build(market, market.days[:-1]).dropped == ("b",)
    # a value of a stock outside U(t) does not count, because nothing can be standardised by it
    market.securities = market.securities.with_columns(
        in_universe=~((pl.col("date") == day) & (pl.col("symbol") == symbol))
    )
    outside = build(market)
    assert (outside.dropped, outside.expected.tolist(), outside.known.max()) == (("b",), [16] * 6, 16)
    assert build(market, keep_all=True).known.max() == 16


def test_a_column_that_does_not_vary_is_zero(make_market):
    market = make_market(days=3, names=137, suspended=0.0, missing=0.0)
    market.bar_features = market.bar_features.with_columns(a=pl.lit(0.1), b=pl.lit(1e-30), c=pl.lit(-123456.7))
    assert not build(market).values.any()


def test_stocks_that_are_never_in_the_universe_are_left_out(make_market):
    market = make_market(days=6, names=9)
    market.securities = market.securities.with_columns(
        in_universe=pl.col("in_universe") & ~pl.col("symbol").is_in(["600002.SH", "600008.SH"])
    )
    panel = build(market)
    assert {*market.securities["symbol"]} - {*panel.symbols} == {"600002.SH", "600008.SH"}
    without = market.bar_features.filter(pl.col("symbol").is_in(panel.symbols))
    assert_same(build(replace(market, bar_features=without)), panel)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e7])
def test_values_agree_with_the_cross_section_of_the_factors(make_market, offset):
    """SPEC §4 and §5.1 have the same rule; values far from zero have few varying digits in float32."""
    market = make_market(days=1, names=400, bars=(570,), missing=0.05)
    market.bar_features = market.bar_features.with_columns((pl.col(FEATURES) * 3 + offset).cast(pl.Float32))
    panel = build(market)
    rows = market.bar_features.filter(pl.col("symbol").is_in(panel.symbols)).sort("symbol")
    for f, feature in enumerate(FEATURES):
        expected = standardise(rows[feature].to_numpy(), 3.0, panel.universe[0, panel.has_bars[0]])
        made = panel.values[0, 0, panel.has_bars[0], f]
        np.testing.assert_allclose(made, np.nan_to_num(expected), rtol=1e-6, atol=1e-7)


def test_values_that_are_not_finite_are_null(make_market):
    market = make_market(days=4, names=12, missing=0.1)
    nulls = build(market)
    for odd in (math.nan, math.inf, -math.inf):
        filled = replace(market, bar_features=market.bar_features.with_columns(pl.col(FEATURES).fill_null(odd)))
        assert_same(build(filled), nulls)
        assert build(replace(filled, bar_features=filled.bar_features.with_columns(c=pl.lit(odd)))).dropped == ("c",)


def test_coverage_counts_days_and_known_entries_where_the_market_has_any(make_market):
    market = make_market(days=10, names=12, suspended=0.0, missing=0.0)
    days, gone = market.days, pl.col("symbol")
    rows = market.bar_features.with_columns(
        # null for all stocks on one day, which does not reduce the coverage of a stock
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


@often
@given(
    seed=st.integers(0, 10_000),
    suspended=st.floats(0, 0.5),
    missing=st.floats(0, 0.6),
    shares=st.tuples(st.sampled_from([0.0, 0.4, 0.8, 1.0]), st.sampled_from([0.0, 0.5, 0.8, 1.0])),
)
def test_coverage_equals_plain_loops(make_market, seed, suspended, missing, shares):
    market = make_market(seed=seed, days=7, names=8, bars=(570, 840), suspended=suspended, missing=missing)
    rng = np.random.default_rng(seed)
    gone = pl.Series(rng.random(market.bar_features.height) < 0.02)
    market.bar_features = market.bar_features.with_columns(
        b=pl.when((pl.col("date") == market.days[4]) | gone).then(None).otherwise("b")
    )
    panel = build(market)
    members = set(market.securities.filter("in_universe").select("date", "symbol").iter_rows())
    rows = {(r["date"], r["symbol"], r["bar"]): r for r in market.bar_features.iter_rows(named=True)}

    def counts(day, bar, feature):  # a member of U(t) has a value
        return any(
            d == day and (d, s) in members and b == bar and r[feature] is not None for (d, s, b), r in rows.items()
        )

    countable = {
        (d, b, f) for d in market.days for b in (570, 840) for f in panel.features if counts(d, b, f)
    }  # fmt: skip
    for position in (4, 6):
        covered = panel.covered(position, 5, *shares)
        for n, symbol in enumerate(panel.symbols):
            there = [d for d in market.days[position - 4 : position + 1] if (d, symbol, 570) in rows]
            entries = [(d, b, f) for d in there for b in (570, 840) for f in panel.features if (d, b, f) in countable]
            known = sum(rows[d, symbol, b][f] is not None for d, b, f in entries)
            enough = len(there) >= shares[0] * 5 and known >= shares[1] * len(entries) - 1e-9
            assert covered[n] == (enough and len(entries) > 0)


# --- the data that a day's values depend on ---------------------------------------------------------------------------


@often
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 4), length=st.integers(1, 6), shift=st.integers(0, 4))
def test_windows_have_equal_values_on_common_days_and_stocks(make_market, seed, cut, length, shift):
    """Stocks that are only in one window, and a feature that is unknown at first, change no bit of the other values."""
    market = make_market(seed=seed, days=12, names=15, bars=(570, 840), suspended=0.3, missing=0.1)
    market.bar_features = market.bar_features.with_columns(
        b=pl.when(pl.col("date") > market.days[cut]).then("b"),
        c=pl.when((pl.col("symbol") == "600001.SH") | (pl.col("date") > market.days[cut])).then("c"),
    )
    listed = pl.col("symbol").str.slice(3, 3).cast(pl.Int32) % 12  # each name is in U(t) in a part of the days
    at = pl.col("date").rank("dense").cast(pl.Int32)
    market.securities = market.securities.with_columns(in_universe=pl.col("in_universe") & ((at - listed).abs() < 6))
    windows = market.days[cut : cut + length + shift], market.days[cut + shift : cut + shift + length + 1]
    first, second = (build(market, window, keep_all=True) for window in windows)
    days = sorted(set(windows[0]) & set(windows[1]))
    names = sorted(set(first.symbols) & set(second.symbols))
    cells = []
    for panel in (first, second):
        where = np.ix_([panel.days.index(d) for d in days], [panel.symbols.index(n) for n in names])
        values = panel.values.swapaxes(1, 2)[where]
        cells.append(
            (values, panel.has_bars[where], panel.known[where], panel.universe[where], panel.expected[where[0][:, 0]])
        )
    for one, other in zip(*cells, strict=True):
        np.testing.assert_array_equal(one, other)


def test_days_outside_the_window_change_nothing(make_market):
    market = make_market(days=12)
    panel = build(market, market.days[2:9])
    assert_same(build(market.until(market.days[8]), market.days[2:9]), panel)
    later = pl.col("date") > market.days[8]
    noise = market.bar_features.with_columns(pl.when(later).then(pl.col(f) * -7 + 3).otherwise(f) for f in FEATURES)
    assert_same(build(replace(market, bar_features=noise), market.days[2:9]), panel)
    longer = build(replace(market, bar_features=noise), market.days[2:11])
    np.testing.assert_array_equal(longer.values[:7], panel.values)
    assert longer.day_digests[:7] == panel.day_digests
    assert_same(build(hours(market), market.days[2:9]), panel)


def test_the_order_of_a_days_rows_and_their_row_groups_change_nothing(make_market, tmp_path):
    market = make_market(days=9)
    panel = build(market)
    mixed = market.bar_features.sample(fraction=1.0, shuffle=True, seed=1).sort("date", maintain_order=True)
    listed = market.securities.sample(fraction=1.0, shuffle=True, seed=2)
    assert_same(build(replace(market, bar_features=mixed, securities=listed)), panel)
    mixed.write_parquet(tmp_path / "rows.parquet", row_group_size=100)  # less than half a day, and across days
    for (day,), part in mixed.partition_by("date", as_dict=True).items():
        part.write_parquet(tmp_path / f"{day}.part")
    for files in (tmp_path / "rows.parquet", sorted(tmp_path.glob("*.part"))):
        assert_same(build(replace(market, bar_features=pl.scan_parquet(files))), panel)


def test_rows_out_of_the_order_of_days_are_refused(make_market):
    market = make_market(days=9)
    market.bar_features = market.bar_features.reverse()
    with pytest.raises(ValueError, match=f"Rows of {market.days[-2]} follow rows of {market.days[-1]}"):
        build(market)


def test_a_day_without_rows_is_zero_and_has_no_bars(make_market):
    market = make_market(days=5)
    panel = build(market)
    gap = build(replace(market, bar_features=market.bar_features.filter(pl.col("date") != market.days[2])))
    assert not gap.values[2].any()
    assert not gap.has_bars[2].any()
    assert gap.expected[2] == 0
    np.testing.assert_array_equal(gap.values[[0, 1, 3, 4]], panel.values[[0, 1, 3, 4]])
    assert gap.day_digests[2] == hash_day(np.zeros_like(panel.values[2]))


def test_a_window_without_values_has_no_features(make_market, tmp_path):
    market = make_market(days=4, names=7)
    market.bar_features = market.bar_features.with_columns(pl.lit(None, pl.Float32).alias(f) for f in FEATURES)
    panel = build(market, folder=tmp_path, storage="float16")
    assert (panel.features, panel.dropped, len(panel.symbols)) == ((), FEATURES, 7)
    assert panel.values.shape == (4, 8, 7, 0)
    assert not panel.covered(3, 3, 0.0, 0.0).any()


def test_a_window_without_members_is_empty(make_market):
    market = make_market(days=4, names=7)
    market.securities = market.securities.with_columns(in_universe=False)
    panel = build(market)
    assert (panel.symbols, panel.features, panel.dropped) == ((), (), FEATURES)


def test_a_window_without_rows_is_empty(make_market, tmp_path):
    market = make_market(days=8)
    market.bar_features = market.bar_features.clear()
    panel = build(market, folder=tmp_path, storage="float16")
    assert (panel.symbols, panel.features, panel.dropped) == ((), (), FEATURES)


# --- how the array is stored ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("granularity", ["daily", "60min", "30min"])
@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_a_mapped_array_is_equal_and_leaves_no_file(make_market, tmp_path, granularity, storage):
    market = hours(make_market(days=9))
    market.bar_features = market.bar_features.filter(pl.col("date") != market.days[3])  # a hole in the file
    in_memory = build(market, granularity=granularity, storage=storage)
    mapped = build(market, granularity=granularity, storage=storage, folder=tmp_path)
    assert isinstance(mapped.values, np.memmap)
    assert mapped.values.dtype == in_memory.values.dtype == storage
    assert_same(mapped, in_memory)
    assert not [*tmp_path.iterdir()]
    again = replace(mapped, day_digests=())  # hashed from the values, not while they were made
    assert again.digest() == replace(in_memory, day_digests=()).digest() == mapped.digest()


def test_the_digest_distinguishes_panels(make_market):
    market = make_market(days=6)
    panel = build(market)
    nudged = market.bar_features.with_columns(
        a=pl.when(pl.int_range(pl.len()) == 100).then(pl.col("a") + 1).otherwise("a")
    )
    others = [
        build(replace(market, bar_features=nudged)),
        build(market, storage="float16"),
        build(market, market.days[1:]),
        replace(panel, universe=~panel.universe),
        replace(panel, known=panel.known + 1),
        replace(panel, expected=panel.expected + 1),
    ]
    assert len({p.digest() for p in [panel, *others]}) == 7


def test_float16_rounds_by_less_than_a_thousandth(make_market):
    market = make_market(days=5, names=60, missing=0.1)
    exact, rounded = build(market), build(market, storage="float16")
    np.testing.assert_array_equal(rounded.values, exact.values.astype(np.float16))
    assert abs(exact.values).max() < 4
    assert abs(rounded.values.astype(np.float32) - exact.values).max() <= 2**-10
    np.testing.assert_array_equal(rounded.known, exact.known)


@pytest.mark.parametrize("outliers", [1, 2, 40])
def test_float16_can_store_the_largest_scores(make_market, outliers):
    """The largest z-score of n stocks is √(n − 1), of one stock that differs from n − 1 equal ones."""
    names = 3000
    market = make_market(days=1, names=names, bars=(570,), suspended=0.0, missing=0.0)
    market.securities = market.securities.with_columns(in_universe=pl.lit(True))
    market.bar_features = market.bar_features.with_columns(
        a=pl.when(pl.int_range(pl.len()) < outliers).then(3e38).otherwise(pl.col("a") * 1e-30).cast(pl.Float32)
    )
    exact, rounded = build(market), build(market, storage="float16")
    assert abs(exact.values).max() <= math.sqrt(names)
    if outliers == 1:
        assert exact.values.max() > 0.9 * math.sqrt(names)
    error = abs(rounded.values.astype(np.float64) - exact.values)
    assert np.isfinite(rounded.values).all()
    assert (error <= 2**-11 * np.maximum(abs(exact.values), 1)).all()


@settings(deadline=None)
@given(st.lists(st.floats(-65519, 65519, width=32), min_size=1, max_size=40))
def test_the_cast_to_float16_equals_that_of_numpy(values):
    given_ = np.array(
        [*values, 0.0, -0.0, 2**-14, 2**-24, 2**-25, 3 * 2**-26, 65504, 1 + 2**-11, 1 + 3 * 2**-11], np.float32
    )
    made = to_float16(given_, np.empty(given_.shape, np.float16))
    np.testing.assert_array_equal(made.view(np.uint16), given_.astype(np.float16).view(np.uint16))


def test_a_folder_without_free_space_is_an_error(make_market, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(LakeError, match=r'need .* GB there.*storage = "float16"'):
        build(make_market(days=5), folder=tmp_path)
