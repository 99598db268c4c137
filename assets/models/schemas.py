"""The columns of the tables of this stage, and the names of the files beside them.

The module imports nothing heavy, because the declarations in assets.py import it.
"""

import polars as pl

CURVES: dict[str, type[pl.DataType]] = {
    "week": pl.Date,
    "trained_week": pl.Date,
    "granularity": pl.String,
    "seed": pl.Int32,
    "epoch": pl.Int32,
    "train_loss": pl.Float64,
    "valid_loss": pl.Float64,
    "valid_ic": pl.Float64,
    "kept": pl.Boolean,
}
MEASURE = "valid_loss"  # the column whose reason explains why a week has no model
CARD = "card.json"
CHECKPOINT = "checkpoint.safetensors"

SCORES: dict[str, type[pl.DataType]] = {
    "week": pl.Date,
    "date": pl.Date,
    "symbol": pl.String,
    "factor": pl.String,
    "raw": pl.Float64,
    "value": pl.Float64,
}
# The file beside the scores: the score of each network for each scored stock.
SEEDS = "seeds.parquet"
SEED_SCORES: dict[str, type[pl.DataType]] = {
    "factor": pl.String,
    "symbol": pl.String,
    "granularity": pl.String,
    "seed": pl.Int32,
    "value": pl.Float64,
}
