"""The registry of models on the command line: every model and week of a lake, read from manifests and cards.

    python -m orchestration.models [--lake DIR] [--out models.csv]

This module finds the cards and prints the table. assets/models/registry.py decides the table's content.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from assets import catalogue
from assets.models.reasons import MODEL_ABSENT
from assets.models.registry import list_models
from assets.models.schemas import CARD, MEASURE
from orchestration.platform import Names
from orchestration.tables import load_tables
from resources.errors import NotReadyError, SettingsError, ZhoubaoError
from resources.gate import failed_as_reason
from resources.lake import Lake
from resources.reasons import Reason
from resources.table import Table

SUFFIXES = (".csv", ".parquet")


def read_models(lake: Lake, tables: Mapping[str, Table]) -> tuple[pl.DataFrame, list[str]]:
    """Read the registry of a lake.

    Returns:
        The registry (`list_models`), and one remark per model with weeks that are n/a, refused, damaged or written by an earlier version.
    """
    cards, remarks = [], []
    for model in catalogue.MODELS:
        left_out: dict[str, list[tuple[dt.date, str]]] = {
            "without a model": [], "refused": [], "damaged": [], "unreadable": []
        }  # fmt: skip
        for key in lake.keys(tables[model]):
            folder, manifest = lake.folder(tables[model], key), lake.manifest(tables[model], key)
            if manifest is None:
                if damage := lake.damage(tables[model], key):
                    left_out["damaged"].append((key, f"{damage}; build it again"))
                continue
            if manifest.refusals:
                left_out["refused"].append((key, str(failed_as_reason(manifest.refusals))))
            elif CARD not in manifest.files:
                left_out["without a model"].append((key, _why_absent(manifest.unavailable.get(MEASURE))))
            elif "granularities" not in (card := json.loads(lake.store.read_bytes(f"{folder}/{CARD}") or b"{}")):
                left_out["unreadable"].append((key, "an earlier version of this code wrote its card; build it again"))
            else:
                cards.append((card, manifest.notes))
        remarks += [
            f"{model}: {len(weeks)} weeks {state}, the last {weeks[-1][0]}: {weeks[-1][1]}"
            for state, weeks in left_out.items()
            if weeks
        ]
    return list_models(cards), remarks


def _why_absent(reason: Reason | None) -> str:
    """The reason why a week has no model, without the model's name."""
    if reason is None:
        return "the manifest states no reason"
    return str(reason.parameters["cause"] if reason.code == MODEL_ABSENT.name else reason)


def show(models: pl.DataFrame) -> str:
    """Format the registry for the terminal, one row per model and week. A model that is carried forward shows its training week."""
    frame = models.select(
        "model",
        "week",
        trained=pl.when(pl.col("state") == "carried")
        .then(pl.format("carried from {}", "trained_week"))
        .otherwise(pl.lit("here")),
        train=pl.format("{} … {}", "first_train", "last_train"),
        valid=pl.format("{} … {}", "first_valid", "last_valid"),
        seeds=pl.col("seeds"),
        networks=pl.col("networks"),
        valid_ic=pl.col("valid_ic").round(4),
        std=pl.col("valid_ic_std").round(4),
        epochs=pl.col("epochs").round(1),
        kept=pl.col("kept_epoch").round(1),
        seconds=pl.col("seconds").round(1),
        device=pl.col("device"),
        checkpoint=pl.col("checkpoint").str.head(12),
    )
    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN", tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True, tbl_cols=-1,
        tbl_rows=-1, tbl_width_chars=400, fmt_str_lengths=80,
    ):  # fmt: skip
        return str(frame)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 after an error, which is printed to stderr."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.models", description=__doc__.split("\n")[0])
    parser.add_argument("--lake", help="a folder or an s3:// URL")
    parser.add_argument("--out", help="also write the table to this .csv or .parquet file")
    options = parser.parse_args(arguments)
    try:
        target = Path(options.out) if options.out else None
        if target is not None and target.suffix not in SUFFIXES:
            raise SettingsError(f"--out {target} must end in {' or '.join(SUFFIXES)}.")
        lake = Lake(Names.of(lake=options.lake).lake)
        models, remarks = read_models(lake, load_tables())
        if models.is_empty() and not remarks:
            raise NotReadyError(
                f"The lake {lake.store.url} holds no model. Build the models with `make report`, or name another lake."
            )
        print(show(models))
        print("\n".join(remarks))
        if target is not None:
            models.write_csv(target) if target.suffix == ".csv" else models.write_parquet(target)
            print(f"written: {target}")
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
