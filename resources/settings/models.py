"""Settings of the networks: one row per model, and what the scores share."""

import datetime as dt
from typing import Literal

from pydantic import Field, field_validator

from resources.settings.base import Section


class ModelSettings(Section):
    """One model: its network, input, label, loss, window and training. Defaults are model 11, GRU(50,1)+NN(10)."""

    network: Literal["gru"] = Field("gru", description="Which class of assets/models/networks.py. SPEC §5.2")
    hidden: int = Field(50, ge=1, description="Width of the recurrent state. SPEC §5.2")
    layers: int = Field(1, ge=1, description="Recurrent layers. SPEC §5.2")
    head: int = Field(10, ge=1, description="Hidden width of the head, Linear → ReLU → Linear. SPEC §5.2")
    dropout: float = Field(0.1, ge=0, lt=1, description="On the last hidden state and between layers. SPEC §5.2")

    granularity: Literal[30, 60] = Field(30, description="Minutes per bar of the input sequence. SPEC §5.2")
    sequence_days: int = Field(20, ge=1, description="Trading days in an input sequence. SPEC §5.2")
    clip: float = Field(3.0, gt=0, description="Features and scores are clipped at this many std. SPEC §5.1, §5.2")
    coverage_days: float = Field(0.8, ge=0, le=1, description="Least share of the sequence's days with bars. SPEC §5.1")
    coverage_entries: float = Field(0.8, ge=0, le=1, description="Least share of entries that are known. SPEC §5.1")

    label: Literal["excess", "risk_adjusted", "gaussian_rank"] = Field("excess", description="SPEC §5.2, Labels")
    horizon: int = Field(5, ge=1, description="h of the label, in trading days; the purge follows from it. SPEC §5.2")
    label_clip: float = Field(3.0, gt=0, description="Clip of the risk-adjusted label, in std. SPEC §5.2")
    risk_days: int = Field(60, ge=2, description="Daily returns behind the risk-adjusted label. SPEC §5.2")
    risk_coverage: float = Field(0.75, ge=0, le=1, description="Least share of them that must exist. SPEC §4")
    risk_floor: float = Field(0.005, gt=0, description="Least standard deviation of those returns. SPEC §5.2")
    loss: Literal["ic", "mse"] = Field("ic", description="−Pearson correlation per batch, or squared error. SPEC §5.2")

    train_days: int = Field(100, ge=1, description="Training days of a window. SPEC §5.2")
    valid_days: int = Field(20, ge=1, description="Validation days of a window. SPEC §5.2")
    retrain_every_weeks: int = Field(1, ge=1, description="Least trading weeks between trainings. SPEC §5.2")
    retrain_every_days: int = Field(1, ge=1, description="Least trading days between trainings. SPEC §5.2")
    first_training: dt.date | None = Field(None, description="No training on signal days before this one. SPEC §5.2")

    epochs: int = Field(30, ge=1, description="At most this many. SPEC §5.2")
    patience: int = Field(5, ge=1, description="Epochs without a better validation loss before the stop. SPEC §5.2")
    learning_rate: float = Field(1e-3, gt=0, description="Of Adam. SPEC §5.2")
    batch_names: int = Field(1000, ge=2, description="At most this many names in a batch, of one date. SPEC §5.2")
    min_names: int = Field(10, ge=2, description="A date with fewer labelled names is no sample. Our choice")
    seeds: tuple[int, ...] = Field((0, 1, 2, 3, 4), min_length=1, description="One network each. SPEC §5.2")
    orthogonalise_on: tuple[Literal["industry", "size", "reversal", "turnover"], ...] = Field(
        ("industry", "size", "reversal", "turnover"),
        description="What the averaged score is made orthogonal to after the fact. SPEC §5.2",
    )

    device: str = Field("auto", description='"auto" (CUDA if there is one), "cpu" or "cuda:N". DESIGN §3')
    threads: int = Field(2, ge=1, description="Seeds trained at a time on a CPU, one thread each. DESIGN §3")

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds {seeds} name one twice; each seed is one network")
        return seeds


class ModelsSettings(Section):
    """All models. A model's table is handed its own row, the scores this whole section."""

    gru_50_1: ModelSettings = Field(ModelSettings(), description="Model 11, GRU(50,1)+NN(10). SPEC §5.2")
    train_lag_weeks: int = Field(0, ge=0, description="1 scores with the previous week's model. SPEC §5.2")
    short_history: Literal["error", "n/a"] = Field(
        "error",
        description="What a report is whose week a model's window does not reach: refused with the number of missing days, "
        "or made with that model n/a. SPEC §5.2: an error",
    )

    @property
    def rows(self) -> dict[str, ModelSettings]:
        """Model key → its row, in the order of the report."""
        return {key: row for key in type(self).model_fields if isinstance(row := getattr(self, key), ModelSettings)}
