"""The columns of this stage's tables, for those who declare them and those who make them. Nothing else."""

import polars as pl

CURVES: dict[str, type[pl.DataType]] = {
    "week": pl.Date,
    "trained_week": pl.Date,
    "seed": pl.Int32,
    "epoch": pl.Int32,
    "train_loss": pl.Float64,
    "valid_loss": pl.Float64,
    "valid_ic": pl.Float64,
    "kept": pl.Boolean,
}
MEASURE = "valid_loss"  # the column whose reason says why a week has no model

SCORES: dict[str, type[pl.DataType]] = {
    "week": pl.Date,
    "date": pl.Date,
    "symbol": pl.String,
    "factor": pl.String,
    "raw": pl.Float64,
    "value": pl.Float64,
}
