"""Tests of the orthogonal layer and of the panel of exposures, against the formula and plain loops."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space

from assets.factors.styles import SCHEMA, STYLES
from assets.models.networks import LOSSES, build_network, pearson
from assets.models.orthogonal import NOTHING_LEFT, Exposures, arrange_exposures, orthogonal_layer
from resources.settings.models import EVERY_STYLE, ModelSettings
from tests.models.plain_networks import weighted_correlation, weighted_residual

CPU = torch.device("cpu")
RIDGE = ModelSettings().ridge


def plain_layer(p, columns, weight, ridge):
    """The formula, applied twice."""
    return weighted_residual(weighted_residual(p, columns, weight, ridge), columns, weight, ridge)


def on_device(columns, weight):
    return Exposures(torch.from_numpy(np.asarray(columns, float)), torch.from_numpy(np.asarray(weight, float)))


def cross_section(rng, names, industries=0, styles=3, spread=1.2):
    """(p, columns, weight) of a date: dummies of the industries with a stock, then styles; weight √total_mv."""
    group = rng.integers(0, max(industries, 1), names)
    dummies = (group[:, None] == np.unique(group)).astype(float)
    root = np.sqrt(np.exp(rng.normal(23, spread, names)))
    return rng.normal(size=names), np.hstack([dummies, rng.normal(size=(names, styles))]), root / root.mean()


def assert_orthogonal(e, columns, weight):
    """Weighted correlations as in SPEC §5.2; for a constant column, which has none, the weighted mean of e."""
    for column in columns.T:
        correlation = weighted_correlation(e, column, weight)
        if correlation is None:
            correlation = (weight @ (e * column)) / math.sqrt((weight @ e**2) * (weight @ column**2) or 1.0)
        assert abs(correlation) <= 1e-5


# --- the layer ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("names", "industries", "styles"), [(4500, 31, 6), (60, 8, 6), (40, 0, 2), (30, 12, 0)])
def test_the_layer_equals_weighted_least_squares(names, industries, styles):
    p, columns, weight = cross_section(np.random.default_rng(names), names, industries, styles)
    for ridge in (1e-6, 0.5, 1e3):
        e = orthogonal_layer(torch.from_numpy(p), on_device(columns, weight), ridge).numpy()
        np.testing.assert_allclose(e, plain_layer(p, columns, weight, ridge), rtol=0, atol=1e-10)
    e = orthogonal_layer(torch.from_numpy(p), on_device(columns, weight), RIDGE).numpy()
    once = weighted_residual(p, columns, weight, RIDGE)
    smallest = np.linalg.svd(np.sqrt(weight)[:, None] * columns, compute_uv=False)[-1] ** 2
    root = np.sqrt(weight)
    assert np.linalg.norm(root * (e - once)) <= RIDGE / smallest * np.linalg.norm(
        root * p
    )  # the part that the ridge leaves


def test_a_tiny_ridge_gives_the_residuals_of_the_regression():
    p, columns, weight = cross_section(np.random.default_rng(0), 200, 10, 6)
    root = np.sqrt(weight)
    b, *_ = np.linalg.lstsq(root[:, None] * columns, root * p, rcond=None)
    e = orthogonal_layer(torch.from_numpy(p), on_device(columns, weight), 1e-12)
    np.testing.assert_allclose(e.numpy(), p - columns @ b, rtol=0, atol=1e-10)


@st.composite
def hard_cases(draw):
    """Cross-sections with the difficulties of real ones.

    Industries of one stock, repeated or dependent columns, a constant style, capitalisations four powers of ten apart, few
    stocks, outputs far from zero or of any scale.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = draw(st.integers(2, 120))
    p, columns, weight = cross_section(
        rng, names, draw(st.integers(0, 31)), draw(st.integers(0, 6)), draw(st.floats(0, 1.5))
    )
    if draw(st.booleans()):
        columns = np.hstack([columns, np.ones((names, 1))])  # the sum of the dummies
    if draw(st.booleans()):
        columns = np.hstack([columns, columns[:, rng.integers(0, columns.shape[1], 2)]])
    if draw(st.booleans()):
        columns = np.hstack([columns, np.full((names, 1), rng.normal())])
    if draw(st.booleans()):
        columns = np.hstack([columns, np.zeros((names, 1))])
    p = p * draw(st.sampled_from([1e-3, 1.0, 1e3])) + draw(st.sampled_from([0.0, 1.0, -30.0]))
    if draw(st.booleans()):
        p = p + columns @ rng.normal(size=columns.shape[1])  # mostly explained
    return p, columns, weight


@settings(max_examples=300, deadline=None)
@given(hard_cases(), st.sampled_from([torch.float64, torch.float32]))
def test_residuals_are_uncorrelated_with_every_column(case, dtype):
    p, columns, weight = case
    singular = np.linalg.svd(np.sqrt(weight)[:, None] * columns, compute_uv=False)
    # Cases with nearly dependent columns are left out: there a ridge cannot distinguish a direction from rounding.
    assume(not ((singular**2 > 1e-20) & (singular**2 < 1e-4)).any())
    e = orthogonal_layer(torch.from_numpy(p).to(dtype), on_device(columns, weight), RIDGE)
    assert e.dtype == dtype
    assert torch.isfinite(e).all()
    e = e.double().numpy()
    if dtype == torch.float32 and np.abs(e).max() < 1e-2 * np.abs(p).max():
        return  # the outputs were rounded to seven digits
    assert_orthogonal(e, columns, weight)
    if len(p) <= columns.shape[1]:
        assert (e == 0).all()
        return
    expected = plain_layer(torch.from_numpy(p).to(dtype).double().numpy(), columns, weight, RIDGE)
    np.testing.assert_allclose(e, expected, rtol=0, atol=2 * NOTHING_LEFT * np.abs(p).max() * math.sqrt(len(p)))


@pytest.mark.parametrize("names", [1, 2, 7, 15])
def test_residuals_of_fewer_stocks_than_columns_are_zero(names):
    """The residual is 0, instead of an effect of the ridge, and has no gradient."""
    rng = np.random.default_rng(names)
    p, columns, weight = cross_section(rng, names, 3, 15)
    outputs = torch.from_numpy(p).requires_grad_()
    e = orthogonal_layer(outputs, on_device(columns, weight), RIDGE)
    assert (e == 0).all()
    pearson(e, torch.from_numpy(rng.normal(size=names))).backward()
    assert (outputs.grad == 0).all()


def test_residuals_of_combinations_of_the_columns_are_zero():
    _, columns, weight = cross_section(np.random.default_rng(8), 80, 6, 5)
    p = torch.from_numpy(columns @ np.arange(1.0, 1 + columns.shape[1]))
    assert (orthogonal_layer(p, on_device(columns, weight), RIDGE) == 0).all()


def test_the_residual_has_the_type_of_the_outputs_but_at_least_float32():
    p, columns, weight = cross_section(np.random.default_rng(1), 300, 5, 3)
    exposures = on_device(columns, weight)
    for given_type, type_out in [
        (torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64),
    ]:  # fmt: skip
        half = torch.from_numpy(p).to(given_type)
        e = orthogonal_layer(half, exposures, RIDGE)
        assert e.dtype == type_out
        assert_orthogonal(e.double().numpy(), columns, weight)


@pytest.mark.parametrize("industries", [0, 4])
def test_gradients(industries):
    p, columns, weight = cross_section(np.random.default_rng(2), 25, industries, 3)
    exposures = on_device(columns, weight)
    outputs = torch.from_numpy(p).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: orthogonal_layer(x, exposures, RIDGE), (outputs,))
    label = torch.from_numpy(np.random.default_rng(3).normal(size=25))
    assert torch.autograd.gradcheck(lambda x: LOSSES["ic"](orthogonal_layer(x, exposures, RIDGE), label), (outputs,))
    LOSSES["ic"](orthogonal_layer(outputs, exposures, RIDGE), label).backward()
    # No step along a column changes the loss: the network does not learn the part that the layer removes.
    np.testing.assert_allclose(columns.T @ outputs.grad.numpy(), 0, atol=1e-7)


def test_the_residual_does_not_depend_on_the_order_of_stocks():
    rng = np.random.default_rng(4)
    p, columns, weight = cross_section(rng, 150, 9, 6)
    order = rng.permutation(150)
    e = orthogonal_layer(torch.from_numpy(p), on_device(columns, weight), RIDGE)
    other = orthogonal_layer(torch.from_numpy(p[order]), on_device(columns[order], weight[order]), RIDGE)
    np.testing.assert_allclose(other.numpy(), e.numpy()[order], rtol=0, atol=1e-12)


def test_each_ridge_has_its_own_basis():
    p, columns, weight = cross_section(np.random.default_rng(5), 50, 4, 3)
    exposures = on_device(columns, weight)
    for ridge in (1e-6, 10.0, 1e-6):
        e = orthogonal_layer(torch.from_numpy(p), exposures, ridge)
        np.testing.assert_allclose(e.numpy(), plain_layer(p, columns, weight, ridge), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", ["gru", "residual_attention_lstm"])
def test_a_network_with_the_layer_learns_the_part_that_the_columns_do_not_explain(kind):
    rng = np.random.default_rng(6)
    y, columns, weight = cross_section(rng, 40, 4, 3)
    exposures = on_device(columns, weight)
    label = torch.from_numpy(y + columns @ rng.normal(size=columns.shape[1])).float()
    row = ModelSettings(network=kind, hidden=24, dropout=0.0, orthogonal_layer=EVERY_STYLE, batch_names=0)
    network = build_network(row, 4, 0)
    x = torch.randn(6, 40, 4, generator=torch.Generator().manual_seed(6))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(200):
        optimiser.zero_grad()
        e = orthogonal_layer(network(x), exposures, RIDGE)
        LOSSES["ic"](e, label).backward()
        optimiser.step()
    assert_orthogonal(e.detach().double().numpy(), columns, weight)
    # The best outputs with XᵀWe = 0 are the projection of the label on their space, each centred as in the loss.
    allowed = null_space(columns.T * weight)
    allowed = allowed - allowed.mean(axis=0)
    centred = label.double().numpy() - label.double().numpy().mean()
    best = allowed @ np.linalg.lstsq(allowed, centred, rcond=None)[0]
    assert np.corrcoef(e.detach().double().numpy(), best)[0, 1] > 0.99
    assert pearson(e, label).item() == pytest.approx(np.corrcoef(best, centred)[0, 1], abs=0.01)


# --- the panel ----------------------------------------------------------------------------------------------------------

DAYS = tuple(dt.date(2023, 3, day) for day in (1, 2, 3, 6))
SYMBOLS = tuple(f"{n:06d}.SZ" for n in range(1, 41))


def make_table(rng, days=DAYS, symbols=SYMBOLS, industries=("bank", "food", "iron", "unknown")):
    """A table `styles` in random order, with stocks that lack values and stocks that are absent."""
    rows = []
    for day in days:
        for symbol in (*symbols, "688001.SH"):
            if rng.random() < 0.1:
                continue
            row = dict.fromkeys(SCHEMA)
            row |= {"date": day, "symbol": symbol, "industry": str(rng.choice(industries)), "in_universe": True}
            row |= {"total_mv": float(np.exp(rng.normal(23, 1)))} if rng.random() > 0.1 else {}
            row |= {style: float(rng.normal()) for style in STYLES if rng.random() > 0.05}
            if rng.random() < 0.1:
                row["industry"] = None
            rows.append(row)
    rng.shuffle(rows)
    return pl.DataFrame(rows, schema=SCHEMA)


def plain_exposures(table, day, symbols, columns):
    """({symbol: (industry, styles, √total_mv)} of usable stocks, the styles that are columns, whether there are industries)."""
    rows = [row for row in table.iter_rows(named=True) if row["date"] == day]
    wanted = [c for c in columns if c != "industry" and any(row[c] is not None for row in rows)]
    by_industry = "industry" in columns and any(row["industry"] not in (None, "unknown") for row in rows)
    found = {}
    for row in rows:
        if row["symbol"] not in symbols or row["total_mv"] is None:
            continue
        if by_industry and row["industry"] in (None, "unknown"):
            continue
        industry = row["industry"] if by_industry else "all"
        found[row["symbol"]] = (industry, [row[c] or 0.0 for c in wanted], math.sqrt(row["total_mv"]))
    return found, wanted, by_industry


def assert_same_exposures(table, columns, days=DAYS, symbols=SYMBOLS):
    panel = arrange_exposures(table.lazy(), days=days, symbols=symbols, columns=columns)
    for position, day in enumerate(days):
        found, wanted, by_industry = plain_exposures(table, day, symbols, columns)
        assert [s for s, usable in zip(symbols, panel.usable[position], strict=True) if usable] == sorted(found)
        missing = {c for c, when in panel.left_out.items() if day in when}
        assert missing == set(columns) - set(wanted) - ({"industry"} if by_industry else set())
        names = np.flatnonzero(panel.usable[position])[::2]  # a part of the stocks
        mine = [found[symbols[name]] for name in names]
        groups = sorted({industry for industry, *_ in mine})
        root = np.array([root for *_, root in mine])
        expected = [[float(industry == group) for group in groups] + styles for industry, styles, _ in mine]
        exposures = panel.of(position, names, CPU)
        assert exposures.columns.dtype == exposures.weight.dtype == torch.float64
        np.testing.assert_allclose(exposures.columns.numpy(), np.array(expected), rtol=0, atol=1e-12)
        np.testing.assert_allclose(exposures.weight.numpy(), root / root.mean(), rtol=0, atol=1e-12)
    return panel


@pytest.mark.parametrize("columns", [EVERY_STYLE, ("industry",), ("size", "value"), ("reversal", "industry", "size")])
@pytest.mark.parametrize("seed", [0, 1])
def test_exposures_equal_those_of_the_table(columns, seed):
    panel = assert_same_exposures(make_table(np.random.default_rng(seed)), columns)
    assert 10 < panel.usable[0].sum() < len(SYMBOLS)
    assert panel.left_out == {}


def test_a_style_without_any_value_on_a_day_is_left_out_on_that_day():
    table = make_table(np.random.default_rng(2)).with_columns(
        value=pl.when(pl.col("date") != DAYS[1]).then("value"), volatility=pl.lit(None, pl.Float64)
    )
    panel = assert_same_exposures(table, EVERY_STYLE)
    assert panel.left_out == {"value": (DAYS[1],), "volatility": DAYS}


@pytest.mark.parametrize("industry", [None, "unknown"])
def test_a_market_without_industries_has_one_column_of_ones(industry):
    table = make_table(np.random.default_rng(3)).with_columns(
        industry=pl.when(pl.col("date") == DAYS[2]).then(pl.lit(industry, pl.String)).otherwise("industry")
    )
    panel = assert_same_exposures(table, EVERY_STYLE)
    assert panel.left_out == {"industry": (DAYS[2],)}
    names = np.flatnonzero(panel.usable[2])
    exposures = panel.of(2, names, CPU)
    assert (exposures.columns[:, 0] == 1).all()
    e = orthogonal_layer(torch.randn(len(names)).double(), exposures, RIDGE).numpy()
    assert_orthogonal(e, exposures.columns.numpy(), exposures.weight.numpy())


def test_a_day_without_rows_has_no_usable_stock():
    table = make_table(np.random.default_rng(4)).filter(pl.col("date") != DAYS[0])
    panel = arrange_exposures(table.lazy(), days=DAYS, symbols=SYMBOLS, columns=("size",))
    assert not panel.usable[0].any()
    assert panel.usable[1].any()
    assert panel.left_out == {"size": (DAYS[0],)}
    assert panel.of(0, np.array([], dtype=np.int64), CPU).columns.shape[0] == 0


def test_stocks_without_exposures_are_refused():
    panel = arrange_exposures(
        make_table(np.random.default_rng(5)).lazy(), days=DAYS, symbols=SYMBOLS, columns=EVERY_STYLE
    )
    with pytest.raises(
        ValueError, match=r"of 40 stocks have no exposures on 2023-03-01; pass only stocks that `usable` marks"
    ):
        panel.of(0, np.arange(40), CPU)


def test_the_exposures_of_a_date_do_not_depend_on_other_dates():
    """The exposures of a day are equal to the bit when the other days are replaced by noise."""
    rng = np.random.default_rng(6)
    table, noise = make_table(rng), make_table(rng, industries=("a", "zinc", "unknown"))
    panel = arrange_exposures(table.lazy(), days=DAYS, symbols=SYMBOLS, columns=EVERY_STYLE)
    for position, day in enumerate(DAYS):
        own = pl.concat([table.filter(pl.col("date") == day), noise.filter(pl.col("date") != day)])
        other = arrange_exposures(own.lazy(), days=DAYS, symbols=SYMBOLS, columns=EVERY_STYLE)
        alone = arrange_exposures(table.lazy(), days=(day,), symbols=SYMBOLS, columns=EVERY_STYLE)
        names = np.flatnonzero(panel.usable[position])
        assert np.array_equal(other.usable[position], panel.usable[position])
        assert np.array_equal(alone.usable[0], panel.usable[position])
        expected = panel.of(position, names, CPU)
        for same in (other.of(position, names, CPU), alone.of(0, names, CPU)):
            assert torch.equal(same.columns, expected.columns)
            assert torch.equal(same.weight, expected.weight)


def test_exposures_of_a_day_are_cached_for_the_same_stocks():
    panel = arrange_exposures(
        make_table(np.random.default_rng(7)).lazy(), days=DAYS, symbols=SYMBOLS, columns=EVERY_STYLE
    )
    names = np.flatnonzero(panel.usable[1])
    first = panel.of(1, names, CPU)
    assert panel.of(1, names.copy(), CPU) is first
    part = panel.of(1, names[:7], CPU)
    assert part.weight.shape == (7,)
    assert part.weight.mean().item() == pytest.approx(1, abs=1e-12)
    assert torch.equal(panel.of(1, names, CPU).columns, first.columns)
