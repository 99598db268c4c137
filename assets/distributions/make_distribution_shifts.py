"""The make function of the table `distribution_shifts`; the distances are in shifts.py."""

import datetime as dt

import polars as pl

from assets.distributions.reasons import APPROVED, NOT_MEASURED, SHIFTED, TOO_FEW_EARLIER
from assets.distributions.schemas import DISTRIBUTION_SHIFTS, KINDS
from assets.distributions.shifts import compare_days, compare_weeks
from assets.distributions.windows import compared_days, compared_weeks
from resources.gate import DETAIL
from resources.made import Made
from resources.partition import Frames, Partition
from resources.reasons import rows_with_reasons
from resources.settings.distributions import DistributionsSettings

_KIND = {statistic: kind for kind, statistics in KINDS.items() for statistic in statistics}
_RISES = ("null_share",)  # statistics whose falls are no shifts
_FALLS = ("names", "coverage")  # statistics whose rises are no shifts


def make_distribution_shifts(frames: Frames, partition: Partition, settings: DistributionsSettings) -> Made:
    """Compare the statistics of the week's days, and of its signals, with those before.

    The profile has the rows with the columns `<kind>_warned` and `<kind>_stopped`: 1 where the distance is beyond the threshold of the
    kind, 0 where it is not, null for other kinds and where there is no distance.
    """
    calendar, week = partition.calendar, partition.week
    # The frames hold the days and weeks since the start of the history, and nothing for days without data.
    days = compared_days.keys(calendar, week, settings, dt.date.min)
    weeks = compared_weeks.keys(calendar, week, settings, calendar.first)
    rows = pl.concat(
        [
            compare_days(
                frames["distributions"].collect(),
                days,
                len(calendar.week_days(week)),
                settings.days,
                settings.least_days,
            ),
            compare_weeks(
                frames["evaluation"].collect(),
                weeks,
                partition.date,
                settings.weeks,
                settings.least_weeks,
                settings.ic_weeks,
            ),
        ]
    )
    unknown = [
        (pl.col("value").is_null(), NOT_MEASURED.column()),
        (pl.col("distance").is_null(), TOO_FEW_EARLIER.column(earlier="earlier", least=_least(settings))),
    ]
    keys = ("date", "table", "item", "statistic")
    reasons = rows_with_reasons(rows, unknown).select(*keys, "reason")
    frame = rows.join(reasons, on=keys, how="left", maintain_order="left").with_columns(week=pl.lit(week))
    return Made(frame.select(*DISTRIBUTION_SHIFTS), profile=judged(frame, settings))


def judged(rows: pl.DataFrame, settings: DistributionsSettings) -> pl.DataFrame:
    """The profile of the rows: the columns `<kind>_warned` and `<kind>_stopped`, and the finding where one of them is 1.

    A shift that `distributions.approved` covers is warned of and does not stop.
    """
    kind = pl.col("statistic").replace_strict(_KIND, return_dtype=pl.String)
    badness = (
        pl.when(pl.col("statistic").is_in(_RISES)).then("distance")
        .when(pl.col("statistic").is_in(_FALLS)).then(-pl.col("distance"))
        .otherwise(pl.col("distance").abs())
    )  # fmt: skip
    why = _approval(settings, kind)
    beyond = {}
    for one in KINDS:
        for level, limit in zip(("warned", "stopped"), settings.limits(one), strict=True):
            counts = (badness > limit) if level == "warned" else (badness > limit) & why.is_null()
            beyond[f"{one}_{level}"] = pl.when(kind == one).then(counts.cast(pl.Int64))
    warning, stop = (kind.replace_strict({one: settings.limits(one)[n] for one in KINDS}) for n in (0, 1))
    flagged = rows.with_columns(**beyond, _kind=kind, _bad=badness, _warning=warning, _stop=stop, _why=why)
    shift: dict[str, str | pl.Expr] = {
        "table": "table", "item": "item", "statistic": "statistic", "date": "date",
        "value": pl.col("value").round_sig_figs(6), "median": pl.col("median").round_sig_figs(6), "distance": pl.col("distance").round(1),
        "limit": pl.when(pl.col("_bad") > pl.col("_stop")).then("_stop").otherwise("_warning"),
    }  # fmt: skip
    warned = pl.col("_bad") > pl.col("_warning")
    findings = [
        (warned & pl.col("_why").is_not_null(), APPROVED.column(**shift, why="_why")),
        (warned, SHIFTED.column(**shift)),
    ]
    found = rows_with_reasons(flagged, findings)
    keys = ("date", "table", "item", "statistic")
    own = found.select(*keys, pl.col("reason").alias(DETAIL))
    return flagged.join(own, on=keys, how="left", maintain_order="left").select(
        *keys, "value", "median", "distance", *beyond, DETAIL
    )


def _approval(settings: DistributionsSettings, kind: pl.Expr) -> pl.Expr:
    """The reason for which a row's shift is approved, null where it is not. The first approval that covers the row counts."""
    reasons = []
    for one in settings.approved:
        covered = pl.col("date").is_between(one.first_day, one.last_day)
        for column, wanted in ((kind, one.kind), (pl.col("table"), one.table), (pl.col("item"), one.item)):
            covered = covered & (column == wanted) if wanted is not None else covered
        reasons.append(pl.when(covered).then(pl.lit(one.why)))
    return pl.coalesce(*reasons, pl.lit(None, pl.String))


def _least(settings: DistributionsSettings) -> pl.Expr:
    weekly = pl.col("table") == "evaluation"
    return pl.when(weekly).then(pl.lit(settings.least_weeks)).otherwise(pl.lit(settings.least_days))
