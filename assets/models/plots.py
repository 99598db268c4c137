"""Pictures of the models for the UI. Display only: nothing is computed from them."""

import polars as pl


def plot_learning_curves(curves: pl.DataFrame) -> str:
    """SVG of the validation IC per epoch, one line per seed; the kept epochs are dots."""
    import altair as alt
    import vl_convert

    lines = (
        alt.Chart(curves).mark_line().encode(x="epoch:O", y=alt.Y("valid_ic:Q", title="validation IC"), color="seed:N")
    )
    kept = (
        alt.Chart(curves.filter(pl.col("kept")))
        .mark_point(filled=True, size=60)
        .encode(x="epoch:O", y="valid_ic:Q", color="seed:N")
    )
    return vl_convert.vegalite_to_svg((lines + kept).properties(width=420, height=220).to_json())
