"""Freshness policies: the deadlines of days and weeks, so that Dagster's UI shows which tables are overdue.

Dagster looks at the time of a table's last materialization, not at its partition, and a deadline is one cron expression. It can express
weekdays, but not holidays: on a weekday without trading a daily table is shown as overdue from the deadline until the next trading day
is built. Alerts ask the calendar instead (watch.py).
"""

import datetime as dt
from collections.abc import Iterable, Mapping

import dagster as dg

from orchestration.partitions import TIMEZONE
from resources.settings.alerts import CLOSE, WEEKDAYS, AlertsSettings
from resources.table import Table

CRON_DAYS = {name: (n + 1) % 7 for n, name in enumerate(WEEKDAYS)}


def day_policy(settings: AlertsSettings) -> dg.FreshnessPolicy:
    """The policy of a daily table: built between the close of a weekday and its deadline."""
    clock = dt.time.fromisoformat(settings.day_deadline)
    days = "2-6" if settings.day_deadline_next_day else "1-5"
    since_close = (24 * settings.day_deadline_next_day + clock.hour - CLOSE.hour) * 60 + clock.minute
    return _policy(clock, days, dt.timedelta(minutes=since_close))


def week_policy(settings: AlertsSettings) -> dg.FreshnessPolicy:
    """The policy of a weekly table: built between the Monday of its week, or seven days before if that is later, and its deadline."""
    clock = dt.time.fromisoformat(settings.week_deadline)
    offset = WEEKDAYS.index(settings.week_deadline_day)
    since_monday = dt.timedelta(days=offset, hours=clock.hour, minutes=clock.minute)
    is_next_week = offset < WEEKDAYS.index("saturday")
    window = dt.timedelta(days=7) if is_next_week else since_monday
    return _policy(clock, str(CRON_DAYS[settings.week_deadline_day]), window)


def _policy(clock: dt.time, days: str, window: dt.timedelta) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.cron(
        f"{clock.minute} {clock.hour} * * {days}", lower_bound_delta=window, timezone=TIMEZONE
    )


def with_freshness(
    assets: Iterable[dg.AssetsDefinition], tables: Mapping[str, Table], settings: AlertsSettings
) -> list[dg.AssetsDefinition]:
    """The assets of these tables with the policies of their kind of partition."""
    policies = {"day": day_policy(settings), "week": week_policy(settings)}

    def due(spec: dg.AssetSpec) -> dg.AssetSpec:
        return dg.apply_freshness_policy(spec, policies[tables[spec.key.path[-1]].partition])

    return [asset.map_asset_specs(due) for asset in assets]
