"""One week of a model: trained, carried forward, or empty with the reason. Any of the six, by its row of settings."""

import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from assets.features.names import BAR_FEATURES
from assets.models.checkpoint import CARD, CHECKPOINT, carry_card, digest, make_card, pack_weights, read_card
from assets.models.device import choose_device, repeatable
from assets.models.labels import make_labels
from assets.models.panel import build_panel
from assets.models.schemas import CURVES, MEASURE
from assets.models.training import make_samples, train_networks
from assets.models.windows import shortfall, trained_week, training_window, window_days
from resources.calendar import Calendar
from resources.made import Made
from resources.settings.models import ModelSettings


def make_model(
    *,
    table: str,
    week: dt.date,
    bar_features: pl.LazyFrame,
    daily_prices: pl.LazyFrame,
    securities: pl.LazyFrame,
    settings: ModelSettings,
    calendar: Calendar,
    start: dt.date,
    files: Callable[[str, dt.date, str], bytes],
    unavailable: Mapping[str, Mapping[str, str]],
    progress: Callable[[str], None],
) -> Made:
    """The learning curves of the model `table` in force in `week`, with its card, and its checkpoint if trained here.

    bar_features, daily_prices and securities hold the days of `windows.feature_days` and `windows.window_days`; start is
    the first day of features. A week before the first whose window fits is empty, and says how many days are missing. A
    carried week reads the trained week's card alone.
    """
    trained = trained_week(calendar, week, settings, start)
    if trained is None:
        return _empty(f"{table}: {shortfall(calendar, week, settings, start)}")
    if trained != week:
        failed = unavailable.get(table, {}).get(MEASURE)
        return _empty(failed) if failed else _carry(table, week, trained, files)
    return _train(table, week, bar_features, daily_prices, securities, settings, calendar, start, progress)


def _train(
    table: str,
    week: dt.date,
    bar_features: pl.LazyFrame,
    daily_prices: pl.LazyFrame,
    securities: pl.LazyFrame,
    settings: ModelSettings,
    calendar: Calendar,
    start: dt.date,
    progress: Callable[[str], None],
) -> Made:
    began = time.monotonic()
    window = training_window(calendar, week, settings, start)
    panel = build_panel(
        bar_features, securities, days=window.feature_days(calendar), granularity=settings.granularities[0],
        features=BAR_FEATURES, clip=settings.clip,
    )  # fmt: skip
    if not panel.features:
        return _empty(f"{table}: no feature has a value from {window.first_feature} to {window.last_valid}")
    labels = make_labels(
        daily_prices, securities, price_days=window_days(calendar, week, settings, calendar.first), days=panel.days,
        symbols=panel.symbols, settings=settings,
    )  # fmt: skip
    with repeatable():
        device = choose_device(settings.device)
        samples = make_samples(panel, labels, settings, device)
        train = samples.of(window.first_train, window.last_train)
        valid = samples.of(window.first_valid, window.last_valid)
        for part, chosen in (("training", train), ("validation", valid)):
            if not chosen.names:
                return _empty(
                    f"{table}: no {part} day between {window.first_train} and {window.last_valid} has "
                    f"{settings.min_names} names of U(t) with bars and a label"
                )
        results = train_networks(
            train, valid, settings, progress=lambda line: progress(f"{table} {week}: {line}")
        )
    checkpoint = pack_weights(results)
    card = make_card(
        model=table, week=week, settings=settings, window=window, trained=results, checkpoint=checkpoint,
        features=panel.features, dropped=panel.dropped, device=device,
        data={
            "panel": panel.digest(), "labels": digest(labels.tobytes()), "stocks": len(panel.symbols),
            "train_samples": train.count, "valid_samples": valid.count,
        },
    )  # fmt: skip
    notes = {
        **_notes(read_card(card)),
        "dropped_features": ", ".join(panel.dropped) or "none",
        "training_seconds": round(time.monotonic() - began, 1),
    }
    return _made(card, {CHECKPOINT: checkpoint, CARD: card}, notes)


def _carry(table: str, week: dt.date, trained: dt.date, files: Callable[[str, dt.date, str], bytes]) -> Made:
    card = carry_card(files(table, trained, CARD), week)
    return _made(card, {CARD: card}, _notes(read_card(card)))


def _made(card: bytes, files: Mapping[str, bytes], notes: Mapping[str, Any]) -> Made:
    curves = _curves(read_card(card))
    profile = curves.with_columns(kept_valid_ic=pl.when("kept").then("valid_ic"))
    return Made(curves, profile=profile, files=files, notes=notes)


def _empty(reason: str) -> Made:
    return Made(pl.DataFrame(schema=CURVES), unavailable=dict.fromkeys(("train_loss", MEASURE, "valid_ic"), reason))


def _curves(card: Mapping[str, Any]) -> pl.DataFrame:
    weeks = {key: dt.date.fromisoformat(card[key]) for key in ("week", "trained_week")}
    return pl.DataFrame([{**weeks, **row} for row in card["curves"]], schema=CURVES)


def _notes(card: Mapping[str, Any]) -> dict[str, Any]:
    kept = [row["valid_ic"] for row in card["curves"] if row["kept"]]
    return {
        "trained_week": card["trained_week"],
        "train": f"{card['window']['first_train']} to {card['window']['last_train']}",
        "valid": f"{card['window']['first_valid']} to {card['window']['last_valid']}",
        "mean_valid_ic": sum(kept) / len(kept) if kept else None,
        "device": card["device"],
    }
