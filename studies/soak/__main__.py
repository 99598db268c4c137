"""The command of the soak: it starts everything, plays the weeks, compares, prints the table, and ends everything."""

import argparse
import contextlib
import datetime as dt
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestration.platform import ROOT
from resources.calendar import Calendar
from resources.present import SIMULATED
from studies.command import Say, run_study
from studies.soak.checks import backfill, check, print_table
from studies.soak.database import Server, is_installed, postgres_server
from studies.soak.market import LAST_DAY, Vendor
from studies.soak.play import DAY, Stage, play, play_short
from studies.soak.services import Webhook, daemon, free_port, small_disk, webserver

WEEKS = 4
DISK_MEGABYTES = 400


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak and return the exit code: 0 where everything holds, otherwise 1."""
    parser = argparse.ArgumentParser(prog="python -m studies.soak", description="Four simulated weeks, with faults.")
    parser.add_argument("--short", action="store_true", help="one week, with a damaged delivery and a kill")
    parser.add_argument("--work", type=Path, help="an empty or new folder; by default a temporary one")
    parser.add_argument("--market", type=Path, help="where the simulated market is kept; by default in the work folder")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds within which a step must come about")
    parser.add_argument(
        "--keep", action="store_true", help="keep the work folder, and the services until Enter is pressed"
    )
    options = parser.parse_args(arguments)
    return run_study(lambda work, say: _soak(options, work, say), "soak", options.work, options.keep)


def _soak(options: argparse.Namespace, work: Path, say: Say) -> bool:
    vendor = Vendor(options.market or work / "vendor", work / "market", say)
    weeks = _weeks()
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(postgres_server()) if is_installed() else None
        say(f"Dagster's storage: {'Postgres' if database else 'SQLite, because no Postgres server is installed'}")
        disk = stack.enter_context(small_disk(work / "disk", DISK_MEGABYTES))
        say(f"the lake's disk: {disk.kind}")
        webhook = stack.enter_context(contextlib.closing(Webhook(work / "alerts.jsonl")))
        stack.enter_context(_environment(work, database, webhook))
        vendor.deliver_history(weeks[0][0] - DAY)
        say("the first report, by the driver")
        subprocess.run([sys.executable, "-m", "orchestration.run"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        web = webserver(port, work / "webserver.log", os.environ)
        stack.callback(web.stop)
        ticking = daemon(work / "daemon.log", os.environ)
        stack.callback(ticking.stop)
        say(f"webserver and daemon are started: http://127.0.0.1:{port}")
        stage = Stage(vendor, work / "clock.json", disk, web, ticking, database, webhook, say, options.patience)
        if options.short:
            play_short(stage, weeks[0])
        else:
            play(stage, weeks)
        say("the clean backfill by the driver")
        backfill(work / "clean")
        rows = check(stage, port, work / "clean")
        print_table(rows)
        if options.keep:
            input(f"The UI is at http://127.0.0.1:{port}; Enter ends it. ")
    return all(row.holds for row in rows)


def _weeks() -> list[list[dt.date]]:
    calendar = Calendar.xshg()
    last = calendar.week_of(LAST_DAY)
    return [calendar.week_days(week) for week in calendar.weeks(last - 35 * DAY, last)[-WEEKS:]]


@contextlib.contextmanager
def _environment(work: Path, database: Server | None, webhook: Webhook) -> Iterator[None]:
    """The environment of all processes. Variables of another market are left out."""
    home = work / "home"
    home.mkdir(mode=0o750)
    example = ROOT / ("deploy/dagster.postgres.yaml" if database else "dagster.yaml")
    shutil.copy(example, home / "dagster.yaml")
    before = dict(os.environ)
    for name in [one for one in os.environ if one.startswith("ZHOUBAO")]:
        del os.environ[name]
    os.environ |= {
        "DAGSTER_HOME": str(home),
        "ZHOUBAO_MARKET": str(work / "market"),
        "ZHOUBAO_LAKE": str(work / "disk" / "lake"),
        "ZHOUBAO_SETTINGS": str(Path(__file__).with_name("settings.toml")),
        "ZHOUBAO_WEBHOOK_URL": webhook.url,
        SIMULATED: str(work / "clock.json"),
        "POLARS_MAX_THREADS": "2",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }
    if database:
        os.environ["DAGSTER_POSTGRES_URL"] = database.url
    (work / "clock.json").write_text("[]")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


if __name__ == "__main__":
    sys.exit(main())
