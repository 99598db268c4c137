"""The sensors of alerts: `failed_runs` on every failed run, and `watch` on lateness, calendar, rulebook, disk space and failing sensors.

Neither requests a run, and neither fails because a channel or a look fails. What is alerted is decided in failures.py and watch.py, and the
channels are in resources/channels.py.

    python -m orchestration.alerts     send a test alert through every channel of the settings
"""

import argparse
import datetime as dt
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import dagster as dg

from orchestration.failures import alert_of_run
from orchestration.keys import prefixed
from orchestration.platform import PROFILES, Names, open_builder
from orchestration.runs import HIDDEN, LOCATION, location
from orchestration.watch import failing_sensors, look_at_market, sensor_alert
from resources.alerts import Alert, Throttle, make_alert
from resources.builder import Builder
from resources.channels import Delivery, deliver
from resources.errors import ZhoubaoError
from resources.language import Bilingual
from resources.present import present
from resources.settings.alerts import AlertsSettings, Channel
from resources.settings.load import load_profile
from resources.settings.sensors import SensorsSettings

ALERT = "zhoubao/alert"  # tag of a failed run: "sent", "none", or "pending" where a channel failed
PENDING = f"{HIDDEN}alert_pending"  # tag with the channels that have not sent it
MOST_AGAIN = 20  # pending alerts that are sent again at one tick
GIVE_UP = dt.timedelta(days=2)
SENT = (
    "zhoubao/alerts/failed_runs"  # begin of the key under which the instance holds a location's throttle of failed runs
)
TickLog = Callable[[int, str], None]
Found = TypeVar("Found")


def clock() -> dt.datetime:
    """The present time, with a zone."""
    return dt.datetime.now(dt.UTC)


def make_alert_sensors(running: bool, settings: SensorsSettings) -> list[dg.SensorDefinition]:
    """Create the sensors `failed_runs` and `watch`.

    running: whether they run by default; they can be stopped in the UI in any case. settings: how often they tick.
    """
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED

    # Runs of the driver have no code location, so that all runs are looked at and those of other projects are left out.
    @dg.run_failure_sensor(
        name=prefixed("failed_runs"),
        minimum_interval_seconds=settings.failed_runs_seconds,
        default_status=status,
        monitor_all_code_locations=True,
        description="Sends an alert for each failed run, with table, partition, check, reason and remedy.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        if is_own(context.dagster_run):
            report_failure(context.instance, context.dagster_run, _log_to(context.log))

    @dg.sensor(
        name=prefixed("watch"),
        minimum_interval_seconds=settings.watch_seconds,
        default_status=status,
        description="Looks for late days and reports, the end of the calendar, an old rulebook, a full disk and failing "
        "sensors, and sends alerts. The cursor holds what was sent.",
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        origin = context.code_location_origin
        found, cursor = look(
            context.instance, context.cursor, _log_to(context.log), origin.location_name if origin else None
        )
        context.update_cursor(cursor)
        return dg.SkipReason(found)

    return [failed_runs, watch]


def is_own(run: dg.DagsterRun) -> bool:
    """Whether a run is one of this code location: by its tag, or, where it never began, by other tags of the project or its assets."""
    if LOCATION in run.tags:
        return run.tags[LOCATION] == location()
    own = any(name.startswith("zhoubao/") for name in run.tags)
    origin = run.remote_job_origin
    module = "orchestration.definitions"
    return own or (origin is not None and module in _modules(origin.repository_origin.code_location_origin))


def _modules(origin: object) -> list[str]:
    """The module of a code location, in a list; [] for one that is served by a process of its own."""
    target = getattr(origin, "loadable_target_origin", None)
    return [name] if (name := getattr(target, "module_name", None)) else []


def report_failure(
    instance: dg.DagsterInstance, run: dg.DagsterRun, log: TickLog, again: bool = False
) -> list[Delivery]:
    """Send the alert of a failed run, and note on the run whether every channel has sent it.

    Args:
        instance: the Dagster instance that holds the run.
        run: the run.
        log: receives level and text.
        again: only through the channels that have not sent it, whatever the throttle says.
    """
    builder, settings = _open(log)
    now = clock().timestamp()
    alert = alert_of_run(builder if isinstance(builder, Builder) else None, instance, run)
    sent = f"{SENT}/{location()}"
    stored = instance.daemon_cursor_storage.get_cursor_values({sent}).get(sent)
    throttle = Throttle() if again else Throttle.loads(stored)
    only: list[Channel] | None = None
    if again:
        pending = run.tags.get(PENDING, "").split(",")
        only = [channel for channel in settings.channels if channel in pending]
    deliveries = deliver([alert], settings, os.environ, throttle, now, log, only)
    if not again:
        instance.daemon_cursor_storage.set_cursor_values({sent: throttle.dumps(now, settings)})
    failed = [one.channel for one in deliveries if one.error]
    state = "pending" if failed else "sent" if deliveries or again else "none"
    instance.add_run_tags(run.run_id, {ALERT: state, PENDING: ",".join(failed) or "none"})
    return deliveries


def look(
    instance: dg.DagsterInstance, cursor: str | None, log: TickLog, location: str | None = None
) -> tuple[str, str]:
    """Look at everything once and send what is due.

    Args:
        instance: the Dagster instance.
        cursor: what was sent before, as this function returned it.
        log: receives level and text.
        location: the name of the code location whose sensors are looked at; None for all.

    Returns:
        A sentence on what was found, and the cursor.
    """
    now = clock()
    builder, settings = _open(log)
    alerts = _alerts(instance, builder, now, location, log)
    throttle = Throttle.loads(cursor)
    deliveries = deliver(alerts, settings, os.environ, throttle, now.timestamp(), log)
    _guarded(lambda: _send_pending(instance, now, log), log)
    failed = sorted({one.channel for one in deliveries if one.error})
    sent = len({one.alert.key for one in deliveries if not one.error})
    found = f"{len(alerts)} alert(s) apply, {sent} sent now" + (f"; failed: {', '.join(failed)}" if failed else "")
    listed = "".join(f"\n{alert.title[settings.language]}" for alert in alerts)
    return found + listed, throttle.dumps(now.timestamp(), settings)


def _alerts(
    instance: dg.DagsterInstance, builder: Builder | ZhoubaoError, now: dt.datetime, location: str | None, log: TickLog
) -> list[Alert]:
    looks: list[Callable[[], list[Alert]]] = [lambda: failing_sensors(instance, location, now)]
    found: list[Alert] = []
    if isinstance(builder, Builder):
        looks += look_at_market(builder, present(now.timestamp()))
    else:
        found.append(sensor_alert("watch", builder))
    errors: list[Alert] = []
    for one in looks:
        result = _guarded(one, log)
        if isinstance(result, Exception):
            errors.append(sensor_alert("watch", result))
        else:
            found += result
    # One alert for all looks that failed: they have the same subject.
    return [*found, *errors[:1]]


def _guarded(call: Callable[[], Found], log: TickLog) -> Found | Exception:
    """The result of a look, or the exception that ended it, which is logged."""
    try:
        return call()
    except Exception as error:
        log(logging.ERROR, f"A look of the sensor watch failed: {type(error).__name__}: {error}")
        return error


def _send_pending(instance: dg.DagsterInstance, now: dt.datetime, log: TickLog) -> None:
    """Send the alerts of failed runs of this code location again that a channel could not send, for two days."""
    filters = dg.RunsFilter(tags={ALERT: "pending"}, created_after=now - GIVE_UP)
    for run in instance.get_runs(filters, limit=MOST_AGAIN):
        if is_own(run):
            report_failure(instance, run, log, again=True)


def _open(log: TickLog) -> tuple[Builder | ZhoubaoError, AlertsSettings]:
    """The open platform, or the error why it cannot be opened, and the settings of alerts, or their defaults."""
    try:
        builder = open_builder(Names.of(), say=lambda line: None)
    except ZhoubaoError as error:
        log(logging.ERROR, f"The platform cannot be opened: {error}")
        return error, _settings(log)
    return builder, builder.settings.alerts


def _settings(log: TickLog) -> AlertsSettings:
    try:
        return load_profile(Names.of().settings, PROFILES).settings.alerts
    except ZhoubaoError:
        log(logging.ERROR, "The settings cannot be read, so that alerts go to the log alone.")
        return AlertsSettings()


def _log_to(logger: logging.Logger) -> TickLog:
    """Log to a tick, which the UI shows, and to the output of its process."""
    return lambda level, text: logger.log(level, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Send a test alert and return the exit code: 0, or 1 where the settings cannot be read or a channel failed."""
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.alerts", description="Send a test alert through every channel of the settings."
    )
    parser.add_argument("--profile", help="a profile's name or a settings file")
    options = parser.parse_args(arguments)
    names = Names.of(settings=options.profile)
    try:
        settings = load_profile(names.settings, PROFILES).settings.alerts
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    where = Bilingual(f"数据区 {names.market}，数据湖 {names.lake}", f"market {names.market}, lake {names.lake}")
    alert = make_alert("test", "test", where, {})
    now = clock().timestamp()
    deliveries = deliver([alert], settings, os.environ, Throttle(), now, lambda level, text: print(text))
    for one in deliveries:
        print(f"{one.channel}: {one.error or 'sent'}")
    return 1 if any(one.error for one in deliveries) else 0


if __name__ == "__main__":
    sys.exit(main())
