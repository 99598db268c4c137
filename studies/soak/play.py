"""The four simulated weeks: days that arrive one by one, and the incidents, each at its moment.

Each incident knows what Dagster's record and the webhook must show of it. The expectations are checked at the end (checks.py).
"""

import datetime as dt
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from studies.command import StudyError
from studies.soak import record
from studies.soak.database import Server
from studies.soak.market import Vendor
from studies.soak.services import Disk, Service, Webhook

CLOSE, EVENING, NOON = dt.time(16, 0), dt.time(23, 5), dt.time(12, 5)
POLL_SECONDS = 2.0
AWAY_SECONDS = 6.0
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Incident:
    """What was done to the platform, and how it must be recorded.

    what: in words. alert: the kind of the alert, "" for none. about: a text that the alert contains. run: texts, one of which the failure of a
    run contains; () where no run fails. tick: a sensor and a text of a reason for which it started nothing; None where none is expected.
    warning: table, check and partition of a failed check that Dagster must have recorded; None where none is expected.
    """

    what: str
    alert: str = ""
    about: str = ""
    run: tuple[str, ...] = ()
    tick: tuple[str, str] | None = None
    warning: tuple[str, str, str] | None = None


@dataclass
class Stage:
    """Everything that a soak runs on. patience: seconds within which a step must come about. incidents: those that were played."""

    vendor: Vendor
    clock: Path
    disk: Disk
    webserver: Service
    daemon: Service
    database: Server | None
    webhook: Webhook
    say: Callable[[str], None]
    patience: float = 600.0
    delivered: list[dt.date] = field(default_factory=list)
    reported: list[dt.date] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    restarts: int = 0

    def set_time(self, day: dt.date, time_of_day: dt.time) -> None:
        """Continue the simulated time at a time in Shanghai."""
        steps = json.loads(self.clock.read_text()) if self.clock.exists() else []
        simulated = dt.datetime.combine(day, time_of_day, dt.timezone(dt.timedelta(hours=8)))
        beside = self.clock.with_suffix(".new")
        beside.write_text(json.dumps([*steps, [time.time(), simulated.isoformat()]]))
        os.replace(beside, self.clock)

    def wait(self, what: str, reached: Callable[[], object]) -> None:
        """Wait until something is true. Services that end meanwhile are started again.

        Raises:
            StudyError: it does not become true in time.
        """
        began, error = time.monotonic(), ""
        while True:
            for service in (self.webserver, self.daemon):
                if service.keep_running():
                    self.restarts += 1
                    self.say(f"    the {service.name} had ended and is started again")
            try:
                if reached():
                    return
            except Exception as caught:  # such as a database that is being restarted
                error = f" The last look failed: {type(caught).__name__}: {caught}"
            if time.monotonic() - began > self.patience:
                raise StudyError(f"After {self.patience:.0f} s still not: {what}.{error}")
            time.sleep(POLL_SECONDS)

    def wait_until_built(self) -> None:
        """Wait until all delivered days and complete weeks are built in their present state, and no run is under way."""
        left: list[str] = []

        def built() -> bool:
            left[:] = record.unbuilt(self.delivered, self.reported)
            return not left

        try:
            self.wait("all is built", built)
        except StudyError as error:
            raise StudyError(f"{error} Missing: {', '.join(left)}.") from None

    def wait_for_alert(self, kind: str, about: str, count: int = 1) -> None:
        """Wait for an alert of a kind that contains a text."""

        def sent() -> bool:
            return sum(about in json.dumps(one) for one in self.webhook.alerts if one["kind"] == kind) >= count

        self.wait(f"an alert {kind} about {about}", sent)

    def wait_for_tick(self, sensor: str) -> None:
        """Wait until a sensor has finished a tick that began after this call."""
        began = time.time()

        def ticked() -> bool:
            with record.instance() as found:
                return any(tick.timestamp > began for tick in record.ticks(found, sensor))

        self.wait(f"a tick of {sensor}", ticked)

    def wait_for_failure(self, day: dt.date) -> None:
        """Wait until a run of a day has failed."""

        def failed() -> bool:
            with record.instance() as found:
                return any(run.tags.get("day") == str(day) for run, _ in record.failures(found))

        self.wait(f"the failure of the run of {day}", failed)

    def wait_for_run(self, job: str, key: dt.date) -> int:
        """Wait until a run of a day or a week is at work, and return its process."""
        found: list[int] = []

        def at_work() -> bool:
            run = record.running(job, key)
            pid = record.process_of(run) if run else None
            found[:] = [pid] if pid and (self.disk.folder / "lake" / "_lease.json").exists() else []
            return bool(found)

        self.wait(f"a run of {job} for {key}", at_work)
        return found[0]

    # --- a day and a week ---------------------------------------------------------------------------------------------

    def day_arrives(self, day: dt.date, *, damaged: bool = False) -> None:
        """Deliver a day after its close."""
        self.set_time(day, CLOSE)
        self.say(f"    {day} arrives" + (", cut off" if damaged else ""))
        self.vendor.deliver(day, damaged=damaged)
        self.delivered.append(day)

    def evening(self, day: dt.date) -> None:
        """Let the day's deadline pass, and the sensor of deadlines look."""
        self.set_time(day, EVENING)
        self.wait_for_tick("watch")

    def weekend(self, week: dt.date) -> None:
        """Wait for the report of a week, and let its deadline on Saturday pass."""
        if week not in self.reported:
            self.reported.append(week)
        self.wait_until_built()
        self.set_time(week + 5 * DAY, NOON)
        self.wait_for_tick("watch")

    def quiet_day(self, day: dt.date) -> None:
        """A day without an incident."""
        self.day_arrives(day)
        self.wait_until_built()
        self.evening(day)

    # --- incidents ----------------------------------------------------------------------------------------------------

    def late_day(self, day: dt.date, after: dt.date) -> None:
        """A day that arrives after the one that follows it."""
        self.evening(day)
        self.wait_for_alert("late_day", str(day))
        self.day_arrives(after)
        self.wait_until_built()
        self.say(f"    {day} arrives late")
        self.vendor.deliver(day)
        self.delivered.append(day)
        self.wait_until_built()
        self.evening(after)
        self.incidents.append(
            Incident(f"{day} arrives a day late, after {after}", "late_day", str(day), tick=("watch", str(day)))
        )
        warning = ("tape_health", "minutes_of_the_day_delivered", str(day))
        self.incidents.append(Incident(f"the tables of {after} are built without {day}", warning=warning))

    def killed_run(self, day: dt.date) -> None:
        """The process of a day's run is killed while it builds."""
        self.day_arrives(day)
        pid = self.wait_for_run("daily_tables", day)
        os.kill(pid, signal.SIGKILL)
        self.say(f"    killed the process {pid} of the run of {day}")
        self.wait_until_built()
        self.wait_for_alert("killed", str(day))
        self.evening(day)
        self.incidents.append(Incident(f"kill -9 of the run of {day} at work", "killed", str(day), run=_killed(pid)))

    def damaged_day(self, day: dt.date, after: dt.date) -> None:
        """A delivery that is cut off is refused; it is replaced after the next day has arrived."""
        self.day_arrives(day, damaged=True)
        self.wait_for_alert("refused", str(day))
        self.evening(day)
        self.day_arrives(after)
        self.wait_for_failure(after)
        self.vendor.deliver(day)
        self.wait_until_built()
        self.evening(after)
        self.incidents.append(
            Incident(f"{day} arrives cut off, and is replaced after {after}", "refused", str(day), run=(str(day),))
        )

    def killed_daemon(self, day: dt.date) -> None:
        """The daemon is killed together with the run of a day."""
        self.day_arrives(day)
        pid = self.wait_for_run("daily_tables", day)
        self.daemon.kill()
        self.say(f"    killed the daemon and the process {pid} of the run of {day}")
        self.wait_until_built()
        self.wait_for_alert("killed", str(day))
        self.evening(day)
        self.incidents.append(
            Incident(f"kill -9 of the daemon during the run of {day}", "killed", str(day), run=_killed(pid))
        )

    def killed_training(self, day: dt.date, week: dt.date) -> None:
        """The process of a week's run is killed while it trains a network."""
        self.day_arrives(day)
        self.reported.append(week)
        pids: list[int] = []

        def trains() -> bool:
            run = record.running("weekly_report", week)
            pids[:] = [pid] if run and (pid := record.process_of(run)) else []
            work = self.disk.folder / "lake" / "_work"
            return bool(pids) and any(path.is_file() for path in work.glob(f"*/{week}-*/**/*"))

        self.wait(f"a training of the week {week}", trains)
        os.kill(pids[0], signal.SIGKILL)
        self.say(f"    killed the process {pids[0]} in a training of the week {week}")
        self.wait_until_built()
        self.wait_for_alert("killed", str(week))
        self.incidents.append(
            Incident(f"kill -9 in a training of the week {week}", "killed", str(week), run=_killed(pids[0]))
        )

    def full_disk(self, day: dt.date) -> None:
        """The disk of the lake becomes full while a day is built, and has room again after the alerts."""
        self.day_arrives(day)
        self.wait_for_run("daily_tables", day)
        self.disk.fill(self.daemon)
        self.say(f"    the disk of the lake is full ({self.disk.kind})")
        if self.disk.mounted:
            self.wait_for_alert("disk", str(self.disk.folder))
            self.incidents.append(Incident("the disk of the lake is full", "disk", str(self.disk.folder)))
        self.wait_for_alert("machine", str(day))
        self.disk.free(self.daemon)
        self.wait_until_built()
        self.evening(day)
        reason = "No space left on device" if self.disk.mounted else "File too large"
        self.incidents.append(Incident(f"the run of {day} finds no room", "machine", str(day), run=(reason,)))

    def restarted_database(self, day: dt.date) -> None:
        """Dagster's database is away for some seconds while a day is built.

        A run survives this between two records and fails during one, so that alerts of this time are allowed and not required.
        """
        before = len(self.webhook.alerts)
        self.day_arrives(day)
        self.wait_for_run("daily_tables", day)
        if self.database is None:
            self.say("    SQLite has no server that could be restarted")
        else:
            self.database.stop()
            time.sleep(AWAY_SECONDS)
            self.database.start()
            self.say(f"    the database was away for {AWAY_SECONDS:.0f} s during the run of {day}")
        self.wait_until_built()
        self.evening(day)
        what = f"the database is away during the run of {day}"
        kinds = [(str(alert["kind"]), str(alert["title"])) for alert in self.webhook.alerts[before:]]
        self.incidents += [Incident(what, kind, title) for kind, title in kinds] or [Incident(what)]

    def restated_day(self) -> None:
        """A day of the week before is delivered again with other content."""
        self.vendor.restate()
        self.say(f"    {self.vendor.restated} is delivered again with corrected times")
        self.wait_until_built()

    def holidays(self, days: list[dt.date]) -> None:
        """Weekdays without trading, whose deadlines pass."""
        for day in days:
            self.evening(day)


def _killed(pid: int) -> tuple[str, ...]:
    """How the failure of a killed run begins: as Dagster closes it, whose process has started the run, or as the next run does."""
    return f"process {pid} on", "was terminated by signal 9"


def play(stage: Stage, weeks: list[list[dt.date]]) -> None:
    """Play four weeks, given by their trading days.

    Raises:
        StudyError: a step does not come about in time.
    """
    for number, (days, plan) in enumerate(zip(weeks, (_first, _second, _third, _fourth), strict=True)):
        monday = _monday(days)
        stage.say(f"  week {monday}: {len(days)} days")
        plan(stage, days)
        stage.weekend(monday)
        if number + 1 < len(weeks):
            between = [days[-1] + n * DAY for n in range(1, (weeks[number + 1][0] - days[-1]).days)]
            stage.holidays([day for day in between if day.weekday() < 5])


def play_short(stage: Stage, days: list[dt.date]) -> None:
    """Play one week with a damaged delivery and a kill.

    Raises:
        StudyError: a step does not come about in time.
    """
    stage.quiet_day(days[0])
    stage.damaged_day(days[1], days[2])
    stage.killed_run(days[3])
    for day in days[4:]:
        stage.quiet_day(day)
    stage.weekend(_monday(days))


def _first(stage: Stage, days: list[dt.date]) -> None:
    stage.quiet_day(days[0])
    stage.late_day(days[1], days[2])
    stage.killed_run(days[3])
    stage.killed_training(days[4], _monday(days))


def _second(stage: Stage, days: list[dt.date]) -> None:
    stage.quiet_day(days[0])
    stage.killed_daemon(days[1])
    stage.restarted_database(days[2])
    stage.quiet_day(days[3])


def _third(stage: Stage, days: list[dt.date]) -> None:
    stage.quiet_day(days[0])
    stage.damaged_day(days[1], days[2])
    stage.quiet_day(days[3])
    stage.full_disk(days[4])


def _fourth(stage: Stage, days: list[dt.date]) -> None:
    stage.quiet_day(days[0])
    stage.restated_day()
    for day in days[1:]:
        stage.quiet_day(day)


def _monday(days: list[dt.date]) -> dt.date:
    return days[0] - days[0].weekday() * DAY
