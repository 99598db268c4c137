"""The soak: four simulated weeks through Dagster's real webserver and daemon, with faults, and a comparison with a clean backfill.

    python -m studies.soak [--short] [--work DIR] [--keep]

Modules: `market` (a vendor with a simulated market, and its deliveries), `services` (database, webserver, daemon, webhook, disk),
`record` (what Dagster and the lake hold), `play` (the four weeks with their incidents), `checks` (the table at the end).

How time passes: the market's days are those of 2023, and each of them takes as long as the platform needs. The sensors tick every few
seconds, and a file counts as still after seconds, by settings. Only deadlines depend on the date of today, so that they alone are judged
by a simulated time (ZHOUBAO_CLOCK, resources/present.py), which the soak moves from day to day. Dagster's own time, the times of files
and processes, and the pauses before retries are real. Dates near today were rejected, because the published calendar may end before
them and because a soak would then depend on the day on which it is run; a clock that is falsified for all processes (libfaketime) was
rejected, because Dagster's heartbeats would be missed at each jump.
"""
