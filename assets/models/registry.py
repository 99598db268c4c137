"""The registry: one table of all models of a lake, from their cards, without reading weights or importing torch.

The table has one row per model and week, trained or carried forward. This module does not find the cards (orchestration/models.py)
or write them (checkpoint.py).
"""

import datetime as dt
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

REGISTRY: dict[str, type[pl.DataType]] = {
    "model": pl.String,
    "week": pl.Date,
    "state": pl.String,  # "trained", or "carried" where the checkpoint is that of trained_week
    "trained_week": pl.Date,
    "first_train": pl.Date,
    "last_train": pl.Date,
    "first_valid": pl.Date,
    "last_valid": pl.Date,
    "seeds": pl.Int32,
    "networks": pl.Int32,  # seeds × granularities
    "valid_ic": pl.Float64,  # of the kept epochs: mean over granularities, then over seeds
    "valid_ic_std": pl.Float64,  # over seeds, ddof 1; null with one seed
    "epochs": pl.Float64,  # number of epochs until the training stopped, mean over networks
    "kept_epoch": pl.Float64,  # the epoch whose weights are kept, mean over networks
    "seconds": pl.Float64,  # duration of the training; null where carried
    "device": pl.String,
    "checkpoint": pl.String,  # the digest of the file
}


def list_models(cards: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> pl.DataFrame:
    """Return the table REGISTRY of pairs (card, notes of the manifest beside it), one row per pair in their order."""
    return pl.DataFrame([_row(card, notes) for card, notes in cards], schema=REGISTRY, orient="row")


def _row(card: Mapping[str, Any], notes: Mapping[str, Any]) -> dict[str, Any]:
    kept = [row for row in card["curves"] if row["kept"]]
    of_seed: dict[int, list[float]] = {}
    for row in kept:
        of_seed.setdefault(row["seed"], []).append(row["valid_ic"])
    ics = [statistics.fmean(values) for values in of_seed.values()]
    networks = len(card["seeds"]) * len(card["granularities"])
    carried = card["week"] != card["trained_week"]
    return {
        "model": card["model"],
        "week": dt.date.fromisoformat(card["week"]),
        "state": "carried" if carried else "trained",
        "trained_week": dt.date.fromisoformat(card["trained_week"]),
        **{name: dt.date.fromisoformat(card["window"][name]) for name in REGISTRY if name in card["window"]},
        "seeds": len(card["seeds"]),
        "networks": networks,
        "valid_ic": statistics.fmean(ics) if ics else None,
        "valid_ic_std": statistics.stdev(ics) if len(ics) > 1 else None,
        "epochs": len(card["curves"]) / networks,
        "kept_epoch": statistics.fmean(row["epoch"] for row in kept) if kept else None,
        "seconds": None if carried else notes.get("training_seconds"),
        "device": card["device"],
        "checkpoint": card["checkpoint"],
    }
