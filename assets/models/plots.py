"""Plots of the models for the Dagster UI."""

import json

import polars as pl


def plot_learning_curves(curves: pl.DataFrame) -> str:
    """Return an SVG of the validation IC per epoch: a line per seed, a column per granularity, a dot at each kept epoch."""
    import vl_convert

    place = {
        "x": {"field": "epoch", "type": "ordinal", "axis": {"labelAngle": 0, "labelOverlap": True}},
        "y": {"field": "valid_ic", "type": "quantitative", "title": "validation IC", "scale": {"zero": False}},
        "color": {"field": "seed", "type": "nominal"},
    }
    lines = {"mark": {"type": "line"}, "encoding": place}
    kept = {
        "transform": [{"filter": "datum.kept"}],
        "mark": {"type": "point", "filled": True, "size": 60},
        "encoding": place,
    }
    order = curves["granularity"].unique(maintain_order=True).to_list()
    chart = {
        "data": {"values": curves.select("granularity", "seed", "epoch", "valid_ic", "kept").to_dicts()},
        "facet": {"column": {"field": "granularity", "type": "nominal", "sort": order, "title": None}},
        "spec": {"width": 280, "height": 220, "layer": [lines, kept]},
    }
    return vl_convert.vegalite_to_svg(json.dumps(chart))
