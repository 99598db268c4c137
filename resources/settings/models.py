"""Settings of the networks: one section per model, and the settings that all scores share."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from resources.named import PATH
from resources.settings.base import EXECUTION, Day, Section

Granularity = Literal["daily", "60min", "30min"]
Style = Literal["industry", "size", "mid_cap", "value", "turnover", "reversal", "volatility"]


class ModelSettings(Section):
    """One model: its networks, input, label, loss, window and training. Defaults are model 11, GRU(50,1)+NN(10).

    A model trains one network per seed and granularity.
    """

    network: Literal["gru", "residual_attention_lstm", "attention_gru"] | Annotated[str, Field(pattern=f"^{PATH}$")] = (
        Field(
            "gru",
            description="The class of assets/models/networks.py, or module:class of your own (docs/extending.md). SPEC §5.2",
        )
    )
    hidden: int = Field(50, ge=1, le=4096, description="Width of the recurrent state (per direction). SPEC §5.2")
    layers: int = Field(1, ge=1, le=32, description="Recurrent layers. SPEC §5.2")
    head: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        (10,), description="Hidden widths of the head, ReLU after each; (): linear. SPEC §5.2"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate before the head and between layers. SPEC §5.2")
    orthogonal_layer: tuple[Style, ...] = Field(
        (), description="Styles to which the network's output is made orthogonal, weighted by √total_mv. SPEC §5.2"
    )
    ridge: float = Field(1e-6, gt=0, le=1, description="ε of the orthogonal layer. SPEC §5.2")

    granularities: tuple[Granularity, ...] = Field(
        ("30min",),
        min_length=1,
        description="Bars of the input sequences, one network each; the score is their mean. SPEC §5.2",
    )
    sequence_days: int = Field(20, ge=1, le=1000, description="Trading days in an input sequence. SPEC §5.2")
    clip: float = Field(
        3.0, gt=0, le=100, description="Standard deviations at which features and scores are clipped. SPEC §5.1, §5.2"
    )
    coverage_days: float = Field(0.8, ge=0, le=1, description="Least share of the sequence's days with bars. SPEC §5.1")
    coverage_entries: float = Field(0.8, ge=0, le=1, description="Least share of entries that are known. SPEC §5.1")

    label: Literal["excess", "risk_adjusted", "gaussian_rank"] = Field(
        "excess", description="The kind of label. SPEC §5.2, Labels"
    )
    horizon: int = Field(
        5, ge=1, le=250, description="h of the label, in trading days; the purge follows from it. SPEC §5.2"
    )
    label_clip: float = Field(
        3.0, gt=0, le=100, description="Standard deviations at which the risk-adjusted label is clipped. SPEC §5.2"
    )
    risk_days: int = Field(60, ge=2, le=2500, description="Daily returns that the risk-adjusted label uses. SPEC §5.2")
    risk_coverage: float = Field(0.75, ge=0, le=1, description="Least share of them that must exist. SPEC §4")
    risk_floor: float = Field(0.005, gt=0, le=1, description="Least standard deviation of those returns. SPEC §5.2")
    loss: Literal["ic", "mse"] = Field("ic", description="−Pearson correlation per batch, or squared error. SPEC §5.2")

    train_days: int = Field(100, ge=1, le=10_000, description="Training days of a window. SPEC §5.2")
    valid_days: int = Field(20, ge=1, le=10_000, description="Validation days of a window. SPEC §5.2")
    retrain_every_weeks: int = Field(1, ge=1, le=520, description="Least trading weeks between trainings. SPEC §5.2")
    retrain_every_days: int = Field(1, ge=1, le=2500, description="Least trading days between trainings. SPEC §5.2")
    first_training: Day | None = Field(None, description="No training on signal days before this one. SPEC §5.2")

    epochs: int = Field(30, ge=1, le=100_000, description="Largest number of epochs. SPEC §5.2")
    patience: int = Field(
        5, ge=1, le=100_000, description="Epochs without a better validation loss before training stops. SPEC §5.2"
    )
    learning_rate: float = Field(1e-3, gt=0, le=10, description="Learning rate of Adam. SPEC §5.2")
    batch_names: int = Field(
        1000,
        ge=0,
        le=100_000,
        description="Largest number of stocks in a batch, which is part of one date; 0: the whole date. SPEC §5.2",
    )
    warm_start: bool = Field(
        False, description="Start from the previous training's best weights instead of the seed's. Our choice"
    )
    min_names: int = Field(
        10, ge=2, le=10_000, description="Least number of labelled stocks with which a date is a sample. Our choice"
    )
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] = Field(
        (0, 1, 2, 3, 4), min_length=1, description="Random seeds, with one network each. SPEC §5.2"
    )
    orthogonalise_on: tuple[Literal["industry", "size", "reversal", "turnover"], ...] = Field(
        ("industry", "size", "reversal", "turnover"),
        description="Styles to which the averaged score is made orthogonal after training. SPEC §5.2",
    )

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d{1,3})?)$",
        description='"auto" (CUDA if available), "cpu" or "cuda:N"; the model\'s card records the device. DESIGN §3',
        json_schema_extra=EXECUTION,
    )
    threads: int = Field(
        2,
        ge=1,
        le=1024,
        description="Number of networks trained at a time: threads of a CPU, streams of a GPU. DESIGN §3",
        json_schema_extra=EXECUTION,
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Precision of the passes through a network; weights, loss and optimiser stay float32. On a CPU bfloat16 is "
        "two to three times slower. DESIGN §3",
    )
    storage: Literal["float32", "float16"] = Field(
        "float32",
        description="Type of the standardised features of a window in the memory-mapped array. DESIGN §3",
    )
    chunk_names: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Largest number of stocks in one pass through a network, 0: all; it is halved where memory is short. Sums of gradients "
        "are then rounded in another order. DESIGN §3",
    )

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds {seeds} name one twice, but each seed is one network")
        return seeds

    @field_validator("granularities")
    @classmethod
    def _granularities_distinct(cls, granularities: tuple[Granularity, ...]) -> tuple[Granularity, ...]:
        if len(set(granularities)) < len(granularities):
            raise ValueError(f"granularities {granularities} name one twice, but each is one network")
        return granularities

    @model_validator(mode="after")
    def _whole_dates(self) -> Self:
        if self.orthogonal_layer and self.batch_names:
            raise ValueError(
                "an orthogonal_layer needs the whole cross-section of a date in a batch: batch_names must be 0"
            )
        return self


EVERY_STYLE: tuple[Style, ...] = ("industry", "size", "mid_cap", "value", "turnover", "reversal", "volatility")
_ORTHOGONAL = {
    "label": "risk_adjusted",
    "train_days": 115,
    "valid_days": 5,
    "orthogonal_layer": EVERY_STYLE,
    "orthogonalise_on": (),
    "batch_names": 0,
}
_MULTI_GRANULARITY = {
    "network": "attention_gru",
    "hidden": 64,
    "head": (64, 32),
    "dropout": 0.0,
    "granularities": ("daily", "60min", "30min"),
    "sequence_days": 60,
    "label": "gaussian_rank",
    "loss": "mse",
    "train_days": 1200,
    "valid_days": 120,
    "retrain_every_days": 120,
    "first_training": dt.date(2017, 1, 1),
    "epochs": 50,
    "batch_names": 0,
    "orthogonalise_on": (),
    "storage": "float16",
}


def _row(**values: object) -> ModelSettings:
    return ModelSettings.model_validate(values)


class ModelsSettings(Section):
    """All models. A model's table receives its own section, and the scores receive all of them."""

    gru_50_1: ModelSettings = Field(_row(), description="Model 11, GRU(50,1)+NN(10). SPEC §5.2")
    gru_50_2: ModelSettings = Field(_row(layers=2), description="Model 12, GRU(50,2)+NN(10). SPEC §5.2")
    improved_gru: ModelSettings = Field(
        _row(**_ORTHOGONAL, layers=2), description="Model 13, GRU(50,2)+NN(10) with the orthogonal layer. SPEC §5.2"
    )
    residual_attention_lstm: ModelSettings = Field(
        _row(**_ORTHOGONAL, network="residual_attention_lstm", hidden=48, layers=2),
        description="Model 14, residual-attention LSTM(48,2)+NN(10). SPEC §5.2",
    )
    multi_granularity_5d: ModelSettings = Field(
        _row(**_MULTI_GRANULARITY, horizon=5), description="Model 15, multi-granularity, 5-day label. SPEC §5.2"
    )
    multi_granularity_10d: ModelSettings = Field(
        _row(**_MULTI_GRANULARITY, horizon=10), description="Model 16, multi-granularity, 10-day label. SPEC §5.2"
    )
    train_lag_weeks: int = Field(
        0, ge=0, le=520, description="Age in weeks of the model that scores; 1: the previous week's. SPEC §5.2"
    )
    short_history: Literal["error", "n/a"] = Field(
        "error",
        description="The treatment of a week whose history is too short for a model's window: the report is refused with the number of "
        "missing days, or is made with that model n/a. SPEC §5.2: an error",
    )

    @property
    def rows(self) -> dict[str, ModelSettings]:
        """The sections by model key, in the order of the report."""
        return {key: row for key in type(self).model_fields if isinstance(row := getattr(self, key), ModelSettings)}
