"""Makes one week of the table of a model: trained, carried forward, or empty with the reason."""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from assets.models.checkpoint import (
    Origin,
    TrainedPart,
    Training,
    Weights,
    carry_card,
    digest,
    make_card,
    pack_weights,
    read_card,
    warm_weights,
)
from assets.models.device import choose_device, repeatable, reserved
from assets.models.labels import make_labels
from assets.models.orthogonal import arrange_exposures
from assets.models.panel import PanelStore, build_panel, features_of
from assets.models.reasons import (
    MODEL_ABSENT,
    NO_EXPOSURE,
    NO_FEATURE,
    NO_LABEL,
    NO_MODEL_BEFORE,
    NO_TRAINING_BEFORE,
    NO_TRAINING_DAY,
    NO_VALIDATION_DAY,
)
from assets.models.schemas import CARD, CHECKPOINT, CURVES, MEASURE
from assets.models.training import make_samples, train_networks
from assets.models.windows import TrainingWindow, shortfall, trained_week, training_window, warm_from, window_days
from resources.made import LEFT_OUT, Made
from resources.partition import Files, Frames, Partition
from resources.reasons import Reason, Reasons, with_cause
from resources.settings.models import Granularity, ModelSettings


class _NoModelError(Exception):
    """Nothing can be trained in a week whose window fits; carries the reason why it is n/a."""

    def __init__(self, reason: Reason):
        super().__init__(reason)
        self.reason = reason


def make_model(frames: Frames, partition: Partition, settings: ModelSettings) -> Made:
    """Make the learning curves of the partition's model and week, with the card, and the checkpoint if it is trained here.

    The frames hold the days that the look-backs of `windows` name. A week before the first whose window fits is empty, with the
    number of missing days in its reason. A carried week only reads the card of the trained week. The panels are written to the
    scratch folder, one at a time. The work folder survives a killed process, so that a training can be resumed.

    Raises:
        InputError: The checkpoint of a warm start is not the one that its card describes.
        SettingsError: Training diverges, memory does not suffice, or the setting `device` or `network` is unusable.
        LakeError: The scratch folder has no room for a panel.
    """
    table, week, calendar, start = partition.table, partition.week, partition.calendar, partition.start
    files, unavailable, progress = partition.files, partition.unavailable, partition.progress
    trained = trained_week(calendar, week, settings, start)
    if trained is None:
        return _empty(MODEL_ABSENT(model=table, cause=shortfall(calendar, week, settings, start)))
    failed = unavailable.get(table, {}).get(MEASURE)  # the reason, if the week that this one continues has no model
    if trained != week:
        return _empty(failed) if failed else _carry(table, week, trained, files)

    began = time.monotonic()
    window = training_window(calendar, week, settings, start)
    days = window.feature_days(calendar)
    members = _members(frames["securities"], days)
    labels = make_labels(
        frames["daily_prices"], frames["securities"], price_days=window_days(calendar, week, settings, calendar.first), days=days,
        symbols=members, settings=settings,
    )  # fmt: skip
    origin, cold = None, None
    if settings.warm_start:
        origin, cold = _origin(table, warm_from(calendar, week, settings, start), failed, files)
    parts: dict[Granularity, TrainedPart] = {}
    try:
        if not np.isfinite(labels).any():
            because = _upstream(unavailable, "daily_prices", ("vwap", "close"))
            raise _NoModelError(with_cause(NO_LABEL(first=window.first_train, last=window.last_valid), because))
        with repeatable():
            device = choose_device(settings.device, progress)
            shared = _NetworkInputs(
                window, days, members, labels, frames["securities"], frames["styles"], settings, origin, cold, device,
                unavailable, progress=lambda line: progress(f"{table} {week} {line}"),
            )  # fmt: skip
            with reserved(device, progress):
                for granularity in settings.granularities:
                    rows = frames["daily_features" if granularity == "daily" else "bar_features"]
                    work = partition.work / granularity
                    parts[granularity] = _train(shared, granularity, rows, partition.scratch, work)
    except _NoModelError as failed_training:
        return _empty(MODEL_ABSENT(model=table, cause=failed_training.reason))
    checkpoint = pack_weights(parts)
    training = Training(window, parts, digest(labels.tobytes()), device, origin)
    card = make_card(model=table, week=week, settings=settings, training=training, checkpoint=checkpoint)
    notes = _notes(read_card(card)) | _durations(parts) | {"training_seconds": round(time.monotonic() - began, 1)}
    return _made(card, {CHECKPOINT: checkpoint, CARD: card}, notes)


@dataclass(frozen=True)
class _NetworkInputs:
    """Inputs of the networks of all granularities. labels [day, member] of `days` and `members`; cold: why there is no origin."""

    window: TrainingWindow
    days: Sequence[dt.date]
    members: Sequence[str]
    labels: NDArray[np.float32]
    securities: pl.LazyFrame
    styles: pl.LazyFrame
    settings: ModelSettings
    origin: Origin | None
    cold: Reason | None
    device: torch.device
    unavailable: Reasons
    progress: Callable[[str], None]


def _train(
    shared: _NetworkInputs, granularity: Granularity, rows: pl.LazyFrame, scratch: Path, work: Path
) -> TrainedPart:
    """The networks of one granularity. The panel is released on return, before the next one is built.

    Raises:
        _NoModelError: There are no features, exposures or samples to train on.
    """
    window, settings, unavailable = shared.window, shared.settings, shared.unavailable
    panel = build_panel(
        rows, shared.securities, days=shared.days, granularity=granularity, features=features_of(granularity),
        clip=settings.clip, store=PanelStore(settings.storage, scratch),
    )  # fmt: skip
    if not panel.features:
        because = _upstream(unavailable, "daily_features" if granularity == "daily" else "bar_features", panel.dropped)
        what = NO_FEATURE(granularity=granularity, first=window.first_feature, last=window.last_valid)
        raise _NoModelError(with_cause(what, because))
    exposures = None
    if settings.orthogonal_layer:
        of_samples = pl.col("date").is_in([day for day in shared.days if window.has_sample(day)])
        exposures = arrange_exposures(
            shared.styles.filter(of_samples), days=shared.days, symbols=panel.symbols, columns=settings.orthogonal_layer
        )
        if not exposures.usable.any():
            because = _upstream(unavailable, "styles", ("total_mv", "size"))
            raise _NoModelError(with_cause(NO_EXPOSURE(first=window.first_train, last=window.last_valid), because))
    own = np.searchsorted(np.array(shared.members), np.array(panel.symbols))  # all stocks of a panel are members
    samples = make_samples(panel, np.ascontiguousarray(shared.labels[:, own]), settings, shared.device, exposures)
    train = samples.of(window.first_train, window.last_train)
    valid = samples.of(window.first_valid, window.last_valid)
    for no_day, chosen, first, last in (
        (NO_TRAINING_DAY, train, window.first_train, window.last_train),
        (NO_VALIDATION_DAY, valid, window.first_valid, window.last_valid),
    ):
        if not chosen.names:
            raise _NoModelError(no_day(first=first, last=last, names=settings.min_names, granularity=granularity))
    initial: Mapping[int, Weights] = {}
    cold = shared.cold
    if shared.origin is not None:
        initial, cold = warm_weights(shared.origin, granularity, panel.features, settings)
    trained = train_networks(
        train, valid, settings, work=work, initial=initial,
        progress=lambda line: shared.progress(f"{granularity} {line}"),
    )  # fmt: skip
    data = {
        "panel": panel.digest(),
        "stocks": len(panel.symbols),
        "train_samples": train.count,
        "valid_samples": valid.count,
    }
    if exposures is not None:
        sampled = {shared.days[position] for position in (*train.names, *valid.names)}
        left_out = {style: len(sampled.intersection(when)) for style, when in exposures.left_out.items()}
        data |= {
            "exposures": exposures.digest(),
            "style_days_left_out": {style: count for style, count in left_out.items() if count},
        }
    return TrainedPart(panel.features, panel.dropped, data, trained, cold)


def _origin(
    table: str, earlier: Sequence[dt.date], failed: Reason | None, files: Files
) -> tuple[Origin | None, Reason | None]:
    """The previous training, or the reason why a warm start has none."""
    if not earlier:
        return None, NO_TRAINING_BEFORE()
    if failed:
        return None, NO_MODEL_BEFORE(cause=failed)
    return Origin(read_card(files(table, earlier[0], CARD)), files(table, earlier[0], CHECKPOINT)), None


def _members(securities: pl.LazyFrame, days: Sequence[dt.date]) -> list[str]:
    """Stocks that are in U(t) on any of the days, ascending."""
    inside = pl.col("in_universe") & pl.col("date").is_in(list(days))
    return securities.filter(inside).select(pl.col("symbol").unique().sort()).collect()["symbol"].to_list()


def _upstream(unavailable: Reasons, table: str, columns: Sequence[str]) -> Reason | None:
    """The reason of the first of these columns that is n/a upstream; None if none is."""
    return next((unavailable[table][c] for c in columns if c in unavailable.get(table, {})), None)


def _carry(table: str, week: dt.date, trained: dt.date, files: Files) -> Made:
    card = carry_card(files(table, trained, CARD), week)
    return _made(card, {CARD: card}, _notes(read_card(card)))


def _made(card: bytes, files: Mapping[str, bytes], notes: Mapping[str, Any]) -> Made:
    curves = _curves(read_card(card))
    profile = curves.with_columns(kept_valid_ic=pl.when("kept").then("valid_ic"))
    return Made(curves, profile=profile, files=files, notes=notes)


def _empty(reason: Reason) -> Made:
    return Made(pl.DataFrame(schema=CURVES), unavailable=dict.fromkeys(("train_loss", MEASURE, "valid_ic"), reason))


def _curves(card: Mapping[str, Any]) -> pl.DataFrame:
    weeks = {key: dt.date.fromisoformat(card[key]) for key in ("week", "trained_week")}
    return pl.DataFrame([{**weeks, **row} for row in card["curves"]], schema=CURVES)


def _notes(card: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a card that the UI and the registry show."""
    kept = [row["valid_ic"] for row in card["curves"] if row["kept"]]
    seen = card["granularities"]
    features = {granularity: part["dropped_features"] for granularity, part in seen.items() if part["dropped_features"]}
    days: dict[str, int] = {}  # the largest number of any granularity, because their sample days mostly coincide
    for part in seen.values():
        for style, count in part.get("style_days_left_out", {}).items():
            days[style] = max(count, days.get(style, 0))
    left_out = {code: items for code, items in (("features", features), ("style_days", days)) if items}
    return {
        **({LEFT_OUT: left_out} if left_out else {}),
        "trained_week": card["trained_week"],
        "train": f"{card['window']['first_train']} to {card['window']['last_train']}",
        "valid": f"{card['window']['first_valid']} to {card['window']['last_valid']}",
        "mean_valid_ic": sum(kept) / len(kept) if kept else None,
        "device": card["device"],
        "features": {granularity: len(part["features"]) for granularity, part in seen.items()},
        "dropped_features": {granularity: ", ".join(part["dropped_features"]) for granularity, part in seen.items()},
        "warm_start": card["warm_start"],
        "cold_start": {granularity: part["cold_start"] for granularity, part in seen.items() if part["cold_start"]},
    }


def _durations(parts: Mapping[Granularity, TrainedPart]) -> dict[str, Any]:
    """Wall-clock seconds of each network's epochs. Only the notes hold them, because the same training writes equal files."""
    return {
        "network_seconds": {
            granularity: {
                str(seed): round(sum(epoch.seconds for epoch in result.curve), 2)
                for seed, result in part.trained.items()
            }
            for granularity, part in parts.items()
        }
    }
