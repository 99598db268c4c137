"""Tests of the registry on cards and manifests of a small lake, and of the command that prints it."""

import datetime as dt
import json
import statistics
from dataclasses import replace

import polars as pl
import pytest
import torch

from assets.features.names import BAR_FEATURES
from assets.models.device import describe
from assets.models.registry import REGISTRY, list_models
from assets.models.schemas import CARD
from orchestration import models as command
from resources.gate import Verdict
from resources.lake import Lake
from resources.manifest import Manifest
from resources.parquet import encode
from resources.reasons import TEXT
from tests.models.model_lake import BARS, TABLES, short_settings, widen
from tests.models.model_lake import Lake as Weeks

MODELS = ("gru_50_1", "multi_granularity_5d")


def write(lake, table, week, made, checks=None):
    manifest = Manifest(
        table=table.name, key=str(week), version="v", content="c", inputs={}, landing={}, settings="s", code="c",
        rows=made.frame.height, files=dict.fromkeys(made.files, "d"), checks=checks or {},
        unavailable=dict(made.unavailable), notes=dict(made.notes), seconds=1.0,
    )  # fmt: skip
    lake.write(table, week, encode(made.frame), made.files, manifest)


@pytest.fixture
def weeks(make_market, tmp_path):
    market = widen(make_market(days=35, features=BAR_FEATURES, bars=BARS, names=16))
    return Weeks(market, short_settings({"epochs": 2}), tmp_path / "weeks").run(models=MODELS, scores=False)


@pytest.fixture
def lake(weeks, tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    for (name, week), made in weeks.models.items():
        write(lake, TABLES[name], week, made)
    return lake


def test_every_model_and_week_is_a_row(weeks, lake):
    found, remarks = command.read_models(lake, TABLES)
    assert found.schema == pl.Schema(REGISTRY)
    assert found.select("model", "week").rows() == [(name, week) for name in MODELS for week in weeks.weeks[3:]]
    assert found["state"].to_list() == ["trained", "carried"] * 4
    assert found["trained_week"].to_list() == [weeks.weeks[n] for n in (3, 3, 5, 5)] * 2
    assert found.select("seeds", "networks").unique(maintain_order=True).rows() == [(2, 2), (2, 6)]
    for row in found.iter_rows(named=True):
        made = weeks.models[row["model"], row["week"]]
        card = json.loads(made.files[CARD])
        kept = made.frame.filter("kept")
        of_seed = kept.group_by("seed").agg(pl.col("valid_ic").mean())["valid_ic"].to_list()
        assert row["valid_ic"] == pytest.approx(statistics.fmean(of_seed))
        assert row["valid_ic_std"] == pytest.approx(statistics.stdev(of_seed))
        assert row["epochs"] == made.frame.height / row["networks"]
        assert row["kept_epoch"] == pytest.approx(kept["epoch"].mean())
        assert row["first_train"] == dt.date.fromisoformat(card["window"]["first_train"])
        assert row["last_valid"] == dt.date.fromisoformat(card["window"]["last_valid"])
        assert row["checkpoint"] == card["checkpoint"]
        assert row["device"] == describe(torch.device("cpu"))
        trained_here = row["state"] == "trained"
        assert row["seconds"] == (made.notes["training_seconds"] if trained_here else None)
    assert [remark.split(":")[0] for remark in remarks] == list(MODELS)
    assert remarks[0].startswith(f"gru_50_1: 3 weeks without a model, the last {weeks.weeks[2]}: ")
    assert "are missing" in remarks[0]


def test_one_seed_has_no_std_and_a_week_without_a_card_no_row(weeks):
    card = json.loads(weeks.models["gru_50_1", weeks.weeks[3]].files[CARD])
    card |= {"seeds": [0], "curves": [row for row in card["curves"] if row["seed"] == 0]}
    row = list_models([(card, {})]).row(0, named=True)
    assert row["valid_ic_std"] is None
    assert row["seconds"] is None
    assert row["networks"] == 1
    assert list_models([]).schema == pl.Schema(REGISTRY)


def test_the_command_prints_the_table_and_writes_it(weeks, lake, tmp_path, capsys):
    for name in ("models.csv", "models.parquet"):
        assert command.main(["--lake", lake.store.url, "--out", str(tmp_path / name)]) == 0
    output = capsys.readouterr().out
    assert f"carried from {weeks.weeks[5]}" in output
    assert all(name in output for name in MODELS)
    assert "…" in output.split("\n")[2]  # the window, whole
    whole = pl.read_parquet(tmp_path / "models.parquet")
    assert whole.equals(command.read_models(lake, TABLES)[0])
    assert pl.read_csv(tmp_path / "models.csv").height == whole.height


def test_a_refused_model_is_reported_and_not_listed(weeks, lake):
    week = weeks.weeks[5]
    failed = {"validation_loss_finite": Verdict(False, True, TEXT(text="1 of 4 rows break it"))}
    write(lake, TABLES["gru_50_1"], week, weeks.models["gru_50_1", week], failed)
    lake.forget()
    found, remarks = command.read_models(lake, TABLES)
    assert week not in found.filter(pl.col("model") == "gru_50_1")["week"].to_list()
    assert any("refused" in remark and "1 of 4 rows" in remark for remark in remarks)


def test_a_card_of_an_earlier_version_is_reported(weeks, lake):
    week = weeks.weeks[5]
    made = weeks.models["gru_50_1", week]
    card = json.loads(made.files[CARD])
    del card["granularities"]
    write(lake, TABLES["gru_50_1"], week, replace(made, files={CARD: json.dumps(card).encode()}))
    found, remarks = command.read_models(lake, TABLES)
    assert week not in found.filter(pl.col("model") == "gru_50_1")["week"].to_list()
    assert any("1 weeks unreadable" in remark and "build it again" in remark for remark in remarks)


def test_an_empty_lake_and_an_unknown_model_are_errors(tmp_path, capsys):
    assert command.main(["--lake", str(tmp_path / "none")]) == 1
    assert "holds no model" in capsys.readouterr().err
    assert command.main(["--lake", str(tmp_path / "none"), "--out", "models.txt"]) == 1
    assert "must end in .csv or .parquet" in capsys.readouterr().err


def test_a_missing_card_is_a_remark_that_names_its_week(weeks, lake, tmp_path, capsys):
    week = weeks.weeks[3]
    (tmp_path / "lake" / "gru_50_1" / f"week={week}" / CARD).unlink()
    assert command.main(["--lake", lake.store.url]) == 0
    assert f"gru_50_1: 1 weeks damaged, the last {week}: files are missing" in capsys.readouterr().out
