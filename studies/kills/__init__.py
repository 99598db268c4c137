"""A full run that is disturbed at random moments: after the same command again, the lake equals an undisturbed one bit for bit.

    python -m studies.kills [--disturbances 100] [--seed 1] [--missing 1] [--profile sample] [--market DIR] [--undisturbed LAKE] [--work DIR]

Modules: `disturb` (when and how a run is disturbed), `compare` (what must hold of a lake and of Dagster's home afterwards).

The driver runs as a process, on a lake and a home of Dagster of its own. It is forked from a process that has imported it, because a hundred
starts would otherwise consist of imports. At random moments, from the start of the process to the writing
of the report, it is killed, ended or interrupted, the disk of the lake is full or may only be read for some seconds, or a partition that
is written is damaged, while the run goes on or after a kill. The same command continues. A lake that is complete before all disturbances
are done is compared with the undisturbed one, and the next disturbances hit a new, empty lake.
"""
