"""Tests that a training that is killed at any point and run again has the same result as an uninterrupted one."""

import contextlib
import dataclasses
import datetime as dt
import functools
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.models import resume, training
from assets.models.device import repeatable
from assets.models.panel import FeaturePanel
from assets.models.training import make_samples, train_network, train_networks
from resources.settings.models import ModelSettings

CPU = torch.device("cpu")
NETWORKS = {
    "gru": {"layers": 2, "dropout": 0.3, "chunk_names": 7},
    "residual_attention_lstm": {"layers": 2, "dropout": 0.2, "batch_names": 9},
    "attention_gru": {"head": (4, 3), "loss": "mse", "batch_names": 0},
}


class Killed(BaseException):
    """A simulated kill: an exception that no handler of the tested code catches."""


def row_of(network: str, **changes) -> ModelSettings:
    values = {
        "network": network, "hidden": 4, "sequence_days": 3, "epochs": 4, "patience": 2, "seeds": (0, 1), "device": "cpu",
        "threads": 2, "learning_rate": 0.02,
    }  # fmt: skip
    return ModelSettings.model_validate(values | NETWORKS[network] | changes)


def samples_of(panel, labels, row):
    whole = make_samples(panel, labels.astype(np.float32), row, CPU)
    return whole.of(panel.days[0], panel.days[7]), whole.of(panel.days[8], panel.days[-1])


def panel_of(values):
    days, bars, names, features = values.shape
    whole, entries = np.ones((days, names), dtype=bool), bars * features
    dates = [dt.date(2022, 1, 1) + dt.timedelta(days=day) for day in range(days)]
    return FeaturePanel(
        tuple(dates), tuple(map(str, range(names))), tuple(map(str, range(features))), (), values.astype(np.float32), whole,
        np.full((days, names), entries), np.full(days, entries), whole,
    )  # fmt: skip


@pytest.fixture
def noise():
    rng = np.random.default_rng(0)
    return panel_of(rng.normal(size=(11, 2, 20, 3))), rng.normal(size=(11, 20))


def same(found, expected) -> bool:
    """Whether weights, curves and chunks are equal to the bit."""
    return found.keys() == expected.keys() and all(
        found[seed].curve == one.curve
        and found[seed].chunk == one.chunk
        and found[seed].weights.keys() == one.weights.keys()
        and all(torch.equal(value, found[seed].weights[name]) for name, value in one.weights.items())
        for seed, one in expected.items()
    )


class Bomb:
    """Counts the points at which a process may be killed, and raises at the one with the given number."""

    def __init__(self, monkeypatch, at: int | None = None):
        self.at, self.passed = at, 0
        for module, name in (
            (training, "add_gradients"), (training, "evaluate"), (resume.os, "fsync"), (resume.os, "replace"),
            (resume, "save"), (training, "write_state"),
        ):  # fmt: skip
            monkeypatch.setattr(module, name, self.around(getattr(module, name)))

    def around(self, function):
        def armed(*args, **kwargs):
            self.strike()
            result = function(*args, **kwargs)
            self.strike()
            return result

        return armed

    def strike(self):
        self.passed += 1
        if self.passed == self.at:
            raise Killed


@functools.cache
def uninterrupted(network):
    """The settings, their samples, the result of an uninterrupted training, and the number of points for a kill."""
    rng = np.random.default_rng(0)
    row = row_of(network, threads=1)
    train, valid = samples_of(panel_of(rng.normal(size=(11, 2, 20, 3))), rng.normal(size=(11, 20)), row)
    expected = train_networks(train, valid, row)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as work:
        counting = Bomb(patch)
        assert same(train_networks(train, valid, row, work=Path(work)), expected)
    return row, train, valid, expected, counting.passed


@pytest.mark.parametrize("network", NETWORKS)
@settings(max_examples=6, deadline=None)
@given(kills=st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_a_training_killed_at_any_point_has_the_same_result_when_run_again(network, kills):
    row, train, valid, expected, points = uninterrupted(network)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for share in kills:
            with pytest.MonkeyPatch.context() as patch:
                Bomb(patch, at=1 + int(share * (points - 1)))
                with contextlib.suppress(Killed):
                    train_networks(train, valid, row, work=work)
        assert same(train_networks(train, valid, row, work=work), expected)


def test_a_kill_while_a_state_is_written_leaves_the_old_or_the_new_state(noise, tmp_path):
    row = row_of("gru", seeds=(0,), epochs=3, patience=3)
    train_network(*samples_of(*noise, row), row, 0, work=tmp_path)
    new = read(tmp_path)
    old = dataclasses.replace(new, rows=new.rows[:2], weights=new.best)
    found = []
    for at in itertools.count(1):
        resume.write_state(old, tmp_path, 0, "x")
        with pytest.MonkeyPatch.context() as patch:
            bomb = Bomb(patch, at=at)
            with contextlib.suppress(Killed):
                resume.write_state(new, tmp_path, 0, "x")
        found.append(len(resume.read_state(tmp_path, 0, "x", pytest.fail).rows))
        if bomb.passed < at:
            break
    assert found == sorted(found)
    assert {*found} == {2, 3}
    assert len(found) > 10


def read(work: Path, seed: int = 0) -> resume.TrainingState:
    record = json.loads((work / f"{seed}.json").read_text())["state"]
    return resume.read_state(work, seed, record["training"], pytest.fail)


def test_finished_seeds_are_not_trained_again(noise, tmp_path, monkeypatch):
    row = row_of("gru", epochs=30, patience=2)
    train, valid = samples_of(*noise, row)
    first = train_networks(train, valid, row, work=tmp_path)
    assert all(len(one.curve) < 30 for one in first.values())  # they stopped early
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".json", ".safetensors", ".safetensors"]

    def train_nothing(*args):
        raise AssertionError("a batch was trained")

    monkeypatch.setattr(training, "add_gradients", train_nothing)
    again = train_networks(train, valid, row, work=tmp_path)
    assert same(again, first)
    assert [epoch.seconds for epoch in again[0].curve] == [epoch.seconds for epoch in first[0].curve]


def flip(path: Path, share: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(share * (len(data) - 1))] ^= 0x10
    path.write_bytes(data)


DAMAGES = {
    "a bit of the state": lambda work: flip(work / "0.json", 0.5),
    "a bit of the tensors": lambda work: flip(next(work.glob("0.*.safetensors")), 0.9),
    "half a state": lambda work: (work / "0.json").write_bytes((work / "0.json").read_bytes()[:100]),
    "an empty state": lambda work: (work / "0.json").write_bytes(b""),
    "other JSON": lambda work: (work / "0.json").write_text("[1, 2]"),
    "a number": lambda work: (work / "0.json").write_text("7"),
    "no text": lambda work: (work / "0.json").write_bytes(b"\xff\xfe\x00"),
    "half the tensors": lambda work: next(work.glob("0.*.safetensors")).write_bytes(b"x" * 40),
    "no tensors": lambda work: next(work.glob("0.*.safetensors")).unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_renamed_and_training_starts_again(damage, noise, tmp_path):
    row = row_of("gru")
    train, valid = samples_of(*noise, row)
    expected = train_networks(train, valid, row, work=tmp_path)
    DAMAGES[damage](tmp_path)
    lines = []
    assert same(train_networks(train, valid, row, work=tmp_path, progress=lines.append), expected)
    (line,) = (line for line in lines if "it is renamed" in line)
    assert "0.json" in line
    assert line.startswith("seed 0 ")
    assert (tmp_path / "0.json.set-aside").exists()
    lines.clear()
    assert same(train_networks(train, valid, row, work=tmp_path, progress=lines.append), expected)
    assert all("resumes after epoch" in line for line in lines)


CHANGES = {"learning_rate": 0.03, "dropout": 0.1, "epochs": 5, "precision": "bfloat16", "chunk_names": 6}


@pytest.mark.parametrize("name", CHANGES)
def test_the_state_of_another_training_is_renamed(name, noise, tmp_path):
    row = row_of("gru")
    train, valid = samples_of(*noise, row)
    train_networks(train, valid, row, work=tmp_path)
    other = row.model_copy(update={name: CHANGES[name]})
    lines = []
    found = train_networks(train, valid, other, work=tmp_path, progress=lines.append)
    assert sum("another training" in line and "starts again" in line for line in lines) == 2
    assert same(found, train_networks(train, valid, other))


def test_other_data_or_initial_weights_are_another_training(noise, tmp_path):
    row = row_of("gru")
    panel, labels = noise
    first = train_networks(*samples_of(panel, labels, row), row, work=tmp_path)
    labels[4, 2] += 1e-3
    train, valid = samples_of(panel, labels, row)
    lines = []
    train_networks(train, valid, row, work=tmp_path, progress=lines.append)
    assert sum("another training" in line for line in lines) == 2
    initial = {seed: one.weights for seed, one in first.items()}
    warm = train_networks(train, valid, row, work=tmp_path, progress=lines.append, initial=initial)
    assert sum("another training" in line for line in lines) == 4
    assert same(train_networks(train, valid, row, work=tmp_path, initial=initial), warm)


def test_threads_and_other_seeds_may_differ_when_a_training_is_resumed(noise, tmp_path):
    row = row_of("gru")
    train, valid = samples_of(*noise, row)
    train_networks(train, valid, row, work=tmp_path)
    lines = []
    more = row.model_copy(update={"seeds": (1, 0, 2), "threads": 1})
    found = train_networks(train, valid, more, work=tmp_path, progress=lines.append)
    assert sum("resumes after epoch" in line for line in lines) == 2
    assert same(found, train_networks(train, valid, more))


# --- a real kill --------------------------------------------------------------------------------------------------------


def train_for_long(work: Path | None):
    rng = np.random.default_rng(0)
    row = row_of("gru", epochs=25, patience=25)
    train, valid = samples_of(panel_of(rng.normal(size=(11, 2, 20, 3))), rng.normal(size=(11, 20)), row)
    with repeatable():
        return train_networks(train, valid, row, work=work)


@pytest.mark.slow
def test_a_process_killed_by_signal_9_is_resumed(tmp_path):
    """A process that runs this file is killed at an arbitrary moment, and this process resumes its training."""
    expected = train_for_long(None)
    process = subprocess.Popen([sys.executable, __file__, str(tmp_path)], env=os.environ | {"PYTHONPATH": os.getcwd()})
    try:
        while epochs_in(tmp_path) < 4:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 4 <= epochs_in(tmp_path) < 25
    assert same(train_for_long(tmp_path), expected)


def epochs_in(work: Path) -> int:
    """The epochs of the seed with most of them."""
    names = [file.name.split(".") for file in work.glob("*.safetensors")]
    return max((int(epoch) for _, epoch, _ in names), default=0)


if __name__ == "__main__":
    train_for_long(Path(sys.argv[1]))


def first_products() -> bool:
    """Whether a resumed training equals an uninterrupted one where the products are large enough for two threads."""
    rng = np.random.default_rng(0)
    row = row_of("gru", layers=1, hidden=50, seeds=(0,), chunk_names=0, epochs=2, sequence_days=2)
    train, valid = samples_of(panel_of(rng.normal(size=(11, 2, 115, 5))), rng.normal(size=(11, 115)), row)
    with repeatable(), tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        expected = train_networks(train, valid, row)
        written = training.write_state

        def killed_after(state, *arguments):
            written(state, *arguments)
            raise Killed

        patched.setattr(training, "write_state", killed_after)
        with pytest.raises(Killed):
            train_networks(train, valid, row, work=Path(folder))
        patched.setattr(training, "write_state", written)
        return same(train_networks(train, valid, row, work=Path(folder)), expected)


def test_the_first_products_of_a_thread_are_rounded_like_all_others():
    """In a process of its own, because the tests' workers have one thread, and libraries read their number when they are imported."""
    done = subprocess.run(
        [sys.executable, "-c", "from tests.models.test_resume import first_products; print(first_products())"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        env=os.environ | {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    )  # fmt: skip
    assert done.stdout.split()[-1] == "True", done.stdout
