"""Plots of the models for the Dagster UI."""

import polars as pl


def plot_learning_curves(curves: pl.DataFrame) -> str:
    """Return an SVG of the validation IC per epoch: a line per seed, a column per granularity, a dot at each kept epoch."""
    import altair as alt
    import vl_convert

    base = alt.Chart().encode(
        x=alt.X("epoch:O", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("valid_ic:Q", title="validation IC", scale=alt.Scale(zero=False)),
        color="seed:N",
    )
    lines = base.mark_line()
    kept = base.transform_filter("datum.kept").mark_point(filled=True, size=60)
    columns = alt.layer(lines, kept, data=curves.select("granularity", "seed", "epoch", "valid_ic", "kept"))
    order = curves["granularity"].unique(maintain_order=True).to_list()
    chart = columns.properties(width=280, height=220).facet(column=alt.Column("granularity:N", sort=order, title=None))
    return vl_convert.vegalite_to_svg(chart.to_json())
