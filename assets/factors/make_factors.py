"""Makes one day of the table `factors`: its rows, and the reasons of factors without values.

The formulas are in ten.py and extra.py.
"""

import polars as pl

from assets import catalogue
from assets.factors.extra import extra_keys, with_extra
from assets.factors.reasons import NOBODY_IN_UNIVERSE, NOTHING_LEFT, TOO_FEW_VALID_DAYS
from assets.factors.ten import aggregate_days, orthogonalise_factors
from assets.factors.windows import NEEDS, OF_EVERY_FACTOR
from resources.made import LEFT_OUT, Made
from resources.partition import Frames, Partition
from resources.reasons import Reason
from resources.settings.factors import FactorsSettings


def make_factors(frames: Frames, partition: Partition, settings: FactorsSettings) -> Made:
    """Make `factors` of one day: U(t) × (the ten keys and those of `extra_factors`), raw (signed) and orthogonalised.

    Raises:
        SettingsError: The names in `extra_factors` are not distinct.
    """
    date, unavailable = partition.date, partition.unavailable
    days = frames["day_indicators"].collect()
    exposures = frames["styles"].filter("in_universe").sort("symbol").collect()
    extra = extra_keys(settings.extra_factors)
    if extra:
        days = with_extra(days, extra, partition.files)
    raw, lost = aggregate_days(days, settings)
    frame, profile, left_out = orthogonalise_factors(exposures, raw, settings)
    profile = profile.with_columns(unknown=(~pl.col("factor").is_in([*catalogue.TEN, *extra])).cast(pl.Int64))
    if settings.drop_flat_days:
        left_out["flat_days"] = lost
    reasons: dict[str, Reason] = {}
    for key, names, raw_names in profile.select("factor", "names", "raw_names").iter_rows():
        needed = [need.split(".") for need in NEEDS.get(key, OF_EVERY_FACTOR)]
        known_reasons = [unavailable[table][column] for table, column in needed if column in unavailable.get(table, {})]
        explained = bool(known_reasons)
        if names == 0 and explained and key in extra:  # the reasons of the ten follow from the table's `needs`
            reasons[key] = known_reasons[0]
        if names == 0 and not explained and exposures.is_empty():
            reasons[key] = NOBODY_IN_UNIVERSE(date=date)
        elif names == 0 and not explained:
            columns = [column for table, column in needed if table == "day_indicators"] or [key]
            known = days.filter(pl.all_horizontal(pl.col(columns).is_not_null()))["date"].n_unique()
            reasons[key] = (
                NOTHING_LEFT()
                if raw_names
                else TOO_FEW_VALID_DAYS(
                    needed=settings.min_days, columns=columns, known=known, window=settings.window, date=date
                )
            )
    frame = frame.select(pl.lit(date).alias("date"), "symbol", "factor", "raw", "value")
    return Made(frame, profile=profile, unavailable=reasons, notes={LEFT_OUT: left_out} if left_out else {})
