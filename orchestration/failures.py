"""Alerts of failed runs: what failed, by the run's events and the manifests in the lake, in both languages.

The kind of a failure follows from the types of its errors and from the manifests of the partitions that the run intended to build and
did not, never from the wording of a message.
"""

import builtins
import collections
import datetime as dt
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.events import AssetMaterializationPlannedData, StepMaterializationData
from dagster_shared.error import SerializableErrorInfo

from orchestration.findings import Finding, failed_checks
from orchestration.platform import Names
from orchestration.runs import FAULT
from resources.alerts import Alert, in_both, make_alert
from resources.builder import Builder
from resources.errors import ZhoubaoError
from resources.gate import shorten
from resources.language import Bilingual, Language
from resources.reasons import Reason
from resources.store import digest

REPORT = "report"
SHOWN = 3  # failed checks that an alert words
SHOWN_CHARACTERS = 400
MOST_VISITED = 20_000  # partitions upstream of the failed ones that are looked at
WRAPPERS = ("DagsterExecutionStepExecutionError", "RetryRequested")
OF_THE_REQUEST = ("SettingsError", "InputError", "NotReadyError")
OF_THE_MACHINE = ("MachineError", "OutOfMemoryError")
OF_THE_WHOLE_MACHINE = ("ENOSPC", "EDQUOT", "EROFS", "ENOMEM")
"""Codes of faults that end every run until they are removed: they are one alert, whichever runs they end."""
EVENTS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.PIPELINE_FAILURE,
}
PAGE = 5000  # events of one query

FailedPartition = tuple[str, dt.date]


@dataclass(frozen=True)
class _Failure:
    """What the events of a run say. errors: those of its failed step and of the run, the outermost first, without Dagster's wrappers.
    unbuilt: the partitions that it intended to build and did not."""

    errors: tuple[SerializableErrorInfo, ...]
    described: str
    unbuilt: tuple[FailedPartition, ...]

    @property
    def is_of_the_machine(self) -> bool:
        """Whether the cause is a fault of the machine."""
        names = [(error.cls_name or "").split(".")[-1] for error in self.errors]
        return bool(names) and names[0] not in OF_THE_REQUEST and any(map(_is_of_the_machine, names))

    @property
    def message(self) -> str:
        """The message of the error, shortened."""
        text = self.described or (self.errors[0].message if self.errors else "")
        return shorten(" ".join(text.split()), SHOWN_CHARACTERS)


def alert_of_run(builder: Builder | None, instance: dg.DagsterInstance, run: dg.DagsterRun) -> Alert:
    """The alert of a failed run.

    Args:
        builder: the open platform; None where it cannot be opened.
        instance: the Dagster instance that holds the run.
        run: the run.
    """
    failure = _failure_of(instance, run)
    target = _target(run, failure)
    names = Names.of()
    where = Bilingual(
        f"数据区 {names.market}，数据湖 {names.lake}，Dagster 运行 {run.run_id[:8]}（{run.job_name}）",
        f"market {names.market}, lake {names.lake}, Dagster run {run.run_id[:8]} ({run.job_name})",
    )
    facts = {"run_id": run.run_id, "job": run.job_name, "market": names.market, "lake": names.lake}
    again = _command_again(run, failure)
    if not failure.errors and not failure.described:
        return make_alert("killed", target, where, {"target": target}, command=again, facts=facts)
    if failure.is_of_the_machine:
        code = run.tags.get(FAULT, "")
        subject = code if code in OF_THE_WHOLE_MACHINE else f"{failure.errors[0].cls_name} {target}"
        facts |= {"fault": code}
        return make_alert(
            "machine", subject, where, {"target": target, "error": failure.message}, command=again, facts=facts
        )
    if builder is not None:
        refused, outdated = _roots(builder, [*failure.unbuilt, *_aims(builder, run)])
        # Partitions that earlier runs refused had their alerts then, so that they count only where this run refused none.
        own = [one for one in refused if one in set(failure.unbuilt)] or refused
        if findings := [one for one in failed_checks(builder, _tables(builder, own)) if one.refuses]:
            return _refused(builder, findings, where, facts)
        if outdated:
            return _outdated(builder, outdated, where, facts)
    subject = f"{failure.errors[0].cls_name if failure.errors else ''} {target}".strip()
    return make_alert(
        "failed", subject, where, {"target": target, "error": failure.message}, command=again, facts=facts
    )


def _refused(builder: Builder, findings: list[Finding], where: Bilingual, facts: dict[str, Any]) -> Alert:
    """The alert of partitions that a gate refused, with the checks, their reasons and their remedies."""
    partitions = [(one, key) for one in findings for key in one.keys]
    first, key = findings[0], findings[0].keys[0]

    def causes(language: Language) -> str:
        lines = [_worded(one, language) for one in findings[:SHOWN]]
        rest = len(findings) - SHOWN
        return "\n".join(
            [*lines, *([{"zh": f"另有 {rest} 项", "en": f"and {rest} more"}[language]] if rest > 0 else [])]
        )

    def remedies(language: Language) -> str:
        found = [one.first.remedy[language].strip() for one in findings[:SHOWN] if one.first.remedy]
        return "".join(f"{text.rstrip('。.;；')}{'。' if language == 'zh' else '. '}" for text in dict.fromkeys(found))

    versions = [
        f"{one.table.name}/{key}/{one.check}/{manifest.version if (manifest := builder.lake.manifest(one.table, key)) else ''}"
        for one, key in partitions
    ]
    listed = [{"table": one.table.name, "partition": str(key), "check": one.check} for one, key in partitions[:100]]
    return make_alert(
        "refused",
        digest("\n".join(sorted(versions)).encode())[:16],
        where,
        {
            "first": _named(first.table.name, key, len({(one.table.name, key) for one, key in partitions}) - 1),
            "causes": Bilingual(causes("zh"), causes("en")),
            "remedies": Bilingual(remedies("zh"), remedies("en")),
        },
        command=f"{driver_command()} --table {first.table.name} --date {key}",
        facts=facts | {"refused": listed},
    )


def _worded(one: Finding, language: Language) -> str:
    where = _named(one.table.name, one.keys[0], len(one.keys) - 1)[language]
    words = shorten(" ".join(one.first.words(language).split()), SHOWN_CHARACTERS)
    return f"{where}，检查 {one.check} 未通过：{words}" if language == "zh" else f"{where}: {one.check} failed: {words}"


def _outdated(
    builder: Builder, outdated: list[tuple[FailedPartition, Reason]], where: Bilingual, facts: dict[str, Any]
) -> Alert:
    """The alert of partitions that could not be renewed."""
    (table, key), reason = outdated[0]
    words = in_both(reason)
    named = _named(table, key, len(outdated) - 1)
    causes = Bilingual(
        f"{named.zh}：{shorten(words.zh, SHOWN_CHARACTERS)}", f"{named.en}: {shorten(words.en, SHOWN_CHARACTERS)}"
    )
    listed = [{"table": name, "partition": str(day), "code": one.code} for (name, day), one in outdated[:100]]
    return make_alert(
        "refused",
        digest(str(listed).encode())[:16],
        where,
        {"first": named, "causes": causes},
        words="outdated",
        command=f"{driver_command()} --table {table} --date {key}",
        facts=facts | {"blocked": listed},
    )


def _named(table: str, key: dt.date, more: int) -> Bilingual:
    zh, en = (f"，另有 {more} 个分区", f" and {more} more") if more else ("", "")
    return Bilingual(f"{table} 的 {key}{zh}", f"{table} of {key}{en}")


# --- what the events of a run say -------------------------------------------------------------------------------------


def _failure_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> _Failure:
    planned: dict[FailedPartition, None] = {}
    built: set[FailedPartition] = set()
    errors: tuple[SerializableErrorInfo, ...] = ()
    described = ""
    for event in _events(instance, run.run_id):
        data: Any = event.event_specific_data
        if isinstance(data, AssetMaterializationPlannedData):
            planned |= dict.fromkeys(_planned(data))
        elif isinstance(data, StepMaterializationData):
            built |= set(_partitions(data.materialization.asset_key, [data.materialization.partition]))
        elif event.is_step_failure:
            errors = _chain(data.error)
            described = (data.user_failure_data.description or "") if data.user_failure_data else ""
        elif data is not None and not errors:
            errors = _chain(data.error)
    return _Failure(errors, described, tuple(own for own in planned if own not in built))


def _events(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.DagsterEvent]:
    cursor = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=EVENTS, limit=PAGE)
        for record in page.records:
            if (event := record.event_log_entry.dagster_event) is not None:
                yield event
        if not page.has_more:
            return
        cursor = page.cursor


def _planned(data: AssetMaterializationPlannedData) -> Iterator[FailedPartition]:
    keys = list(data.partitions_subset.get_partition_keys()) if data.partitions_subset else [data.partition]
    return _partitions(data.asset_key, keys)


def _partitions(asset: dg.AssetKey, keys: Iterable[str | None]) -> Iterator[FailedPartition]:
    """The partitions of a table by the last part of its asset key, because a code location may put a prefix before it."""
    for key in keys:
        try:
            yield asset.path[-1], dt.date.fromisoformat(key or "")
        except ValueError:
            continue


def _chain(error: SerializableErrorInfo | None) -> tuple[SerializableErrorInfo, ...]:
    found = []
    while error is not None:
        if (error.cls_name or "").split(".")[-1] not in WRAPPERS:
            found.append(error)
        error = error.cause
    return tuple(found)


def _is_of_the_machine(name: str) -> bool:
    """Whether the name of an error's class is that of a fault of the machine (resources/errors.py, `is_machine_fault`)."""
    kind = getattr(builtins, name, None)
    return name in OF_THE_MACHINE or (isinstance(kind, type) and issubclass(kind, OSError | MemoryError))


# --- what the lake says -----------------------------------------------------------------------------------------------


def _aims(builder: Builder, run: dg.DagsterRun) -> list[FailedPartition]:
    """The partitions that the tags of a run name as its target. A partition that was refused before is not planned again."""
    tags, daily = run.tags, [one.name for one in builder.tables.values() if one.partition == "day"]
    kind, asked = _asked(run)
    named = [(tags.get("zhoubao/target", ""), tags.get("zhoubao/partition"))]
    named += [(name, asked) for name in {"week": [REPORT], "day": daily, "": []}[kind]]
    return [own for name, key in named for own in _partitions(dg.AssetKey(name or "none"), [key])]


def _roots(
    builder: Builder, unbuilt: Iterable[FailedPartition]
) -> tuple[list[FailedPartition], list[tuple[FailedPartition, Reason]]]:
    """The refused partitions among those that were not built and everything upstream of them, and the outdated ones with reasons."""
    builder.lake.forget()
    refused: list[FailedPartition] = []
    outdated: list[tuple[FailedPartition, Reason]] = []
    queue = collections.deque(unbuilt)
    seen = set(queue)
    while queue and len(seen) <= MOST_VISITED:
        name, key = queue.popleft()
        table = builder.tables.get(name)
        if table is None:
            continue
        manifest = builder.lake.manifest(table, key)
        if manifest is not None and manifest.refusals:
            refused.append((name, key))
        elif manifest is not None and manifest.outdated:
            outdated.append(((name, key), manifest.outdated))
        if manifest is not None and not manifest.outdated:
            continue
        try:
            inputs = {(one.name, day) for one, days in builder.reads(table, key) for day in days} - seen
        except ZhoubaoError:
            continue
        seen |= inputs
        queue.extend(sorted(inputs))
    return refused, outdated


def _tables(builder: Builder, partitions: Iterable[FailedPartition]) -> list[tuple[Any, dt.date]]:
    return [(builder.tables[name], key) for name, key in partitions]


# --- commands ---------------------------------------------------------------------------------------------------------


def driver_command() -> str:
    """The driver's command line with the market, the lake and the settings of the environment."""
    names = Names.of()
    options = ["--market", names.market, "--lake", names.lake, "--profile", names.settings]
    return shlex.join(["python", "-m", "orchestration.run", *options])


def _asked(run: dg.DagsterRun) -> tuple[str, str]:
    """ "week" or "day" with the week or day that a run was for, by its tags or, if it was started in the UI, by its configuration."""
    for kind, op in (("week", "build_report"), ("day", "build_day")):
        ops: Any = run.run_config.get("ops", {})
        config = ops.get(op, {}).get("config", {})
        if key := run.tags.get(kind) or config.get(kind):
            return kind, key
    return "", ""


def _target(run: dg.DagsterRun, failure: _Failure) -> str:
    """What a run was for: a day or week, the partition that its tags name, else the first partition that it did not build."""
    if asked := " ".join(_asked(run)).strip():
        return asked
    named = [run.tags[tag] for tag in ("zhoubao/target", "zhoubao/partition") if tag in run.tags]
    if named:
        return " ".join(named)
    return " ".join(map(str, failure.unbuilt[0])) if failure.unbuilt else run.job_name


def _command_again(run: dg.DagsterRun, failure: _Failure) -> str:
    """The command that repeats what a run was for."""
    if run.tags.get("zhoubao/target") == "sync":
        return "python -m orchestration.sync"
    kind, asked = _asked(run)
    if kind:
        return f"{driver_command()} --{kind} {asked}"
    table, key = run.tags.get("zhoubao/target", ""), run.tags.get("zhoubao/partition", "")
    if table == REPORT and key:
        return f"{driver_command()} --week {key}"
    if not (table and key) and failure.unbuilt:
        table, key = failure.unbuilt[0][0], str(failure.unbuilt[0][1])
    return f"{driver_command()} --table {table} --date {key}" if table and key else driver_command()
