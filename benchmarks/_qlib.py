"""The peer qlib of benchmarks.training, which runs in a separate environment with pyqlib.

    python _qlib.py FOLDER

Reads values.npy (days, stocks, features) and labels.npy (days, stocks) from the folder and answers each line of its input
with one line of JSON. It uses qlib's classes as qlib's own `fit` does, and imports nothing of this project.

    batches STEPS BATCH COUNT WORKERS       → seconds of COUNT batches of a TSDataSampler read by a DataLoader
    epoch STEPS BATCH FIRST_VALID WORKERS   → seconds of one epoch of GRU(64,2), training and validation, and its loss
"""

import itertools
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from qlib.contrib.model.pytorch_gru_ts import GRU
from qlib.data.dataset import TSDataSampler
from qlib.model.utils import ConcatDataset
from torch.utils.data import DataLoader


def table(folder: Path) -> pd.DataFrame:
    """Return the data in the form of qlib's data handlers: rows <datetime, instrument>, the label as the last column."""
    values, labels = np.load(folder / "values.npy"), np.load(folder / "labels.npy")
    days = pd.bdate_range("2010-01-01", periods=len(values))
    index = pd.MultiIndex.from_product(
        [days, [f"S{stock:04d}" for stock in range(values.shape[1])]], names=["datetime", "instrument"]
    )
    joined = np.concatenate([values, labels[..., None]], axis=-1)
    return pd.DataFrame(joined.reshape(len(index), -1), index=index)


def sampler(data: pd.DataFrame, first: int, end: int, steps: int) -> TSDataSampler:
    """Return qlib's sampler of sequences of `steps` days that end on the days first … end − 1."""
    days = data.index.levels[0]
    # The sampler empties its frame, so that it gets a copy. Without the history, windows before `first` would be padded.
    made = TSDataSampler(data.copy(), days[first], days[end - 1], steps, dtype=np.float32)
    made.config(fillna_type="ffill+bfill")
    return made


def loader(data: TSDataSampler, batch: int, workers: int, shuffle: bool) -> DataLoader[Any]:
    """Return the loader that qlib's `fit` uses."""
    return DataLoader(
        ConcatDataset(data, np.ones(len(data))), batch_size=batch, shuffle=shuffle, num_workers=workers, drop_last=True
    )


def batches(data: TSDataSampler, batch: int, count: int, workers: int) -> float:
    """Return the seconds of reading `count` batches."""
    began = time.perf_counter()
    for _ in itertools.islice(loader(data, batch, workers, shuffle=True), count):
        pass
    return time.perf_counter() - began


def epoch(train: TSDataSampler, valid: TSDataSampler, features: int, batch: int, workers: int) -> tuple[float, float]:
    """Return the seconds of one epoch of qlib's GRU(64,2), training and validation, and its validation loss."""
    model = GRU(d_feat=features, hidden_size=64, num_layers=2, dropout=0.0, lr=1e-3, batch_size=batch, GPU=-1, seed=0)
    began = time.perf_counter()
    model.train_epoch(loader(train, batch, workers, shuffle=True))
    loss, _ = model.test_epoch(loader(valid, batch, workers, shuffle=False))
    return time.perf_counter() - began, float(loss)


def main(folder: Path) -> None:
    """Answer each line of the input."""
    logging.disable(logging.INFO)
    data = table(folder)
    made: dict[tuple[int, int, int], TSDataSampler] = {}

    def part(first: int, end: int, steps: int) -> TSDataSampler:
        if (first, end, steps) not in made:
            made[first, end, steps] = sampler(data, first, end, steps)
        return made[first, end, steps]

    days = len(data.index.levels[0])
    for line in sys.stdin:
        what, *numbers = line.split()
        steps, batch, at, workers = map(int, numbers)
        if what == "batches":
            seconds, loss = batches(part(steps - 1, days, steps), batch, at, workers), None
        else:
            train, valid = part(steps - 1, at, steps), part(at, days, steps)
            seconds, loss = epoch(train, valid, data.shape[1] - 1, batch, workers)
        print(json.dumps({"seconds": seconds, "loss": loss, "threads": torch.get_num_threads()}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
