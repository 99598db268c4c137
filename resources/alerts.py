"""Alerts: their kinds, severities and words in both languages, and the throttle that keeps a channel from repeating one.

An alert says in plain sentences what happened, where, and what to do. This module does not decide when one is due (orchestration/) and
does not send it (resources/channels.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resources.language import Bilingual, Language
from resources.reason_words import describe
from resources.reasons import Reason
from resources.settings.alerts import AlertKind, AlertsSettings, Channel, Severity

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
T = Bilingual


@dataclass(frozen=True)
class Words:
    """The patterns of an alert: its title, what happened, and what to do."""

    title: Bilingual
    what: Bilingual
    action: Bilingual


WORDS: Mapping[str, Words] = {
    "refused": Words(
        T("数据被拒绝：{first}", "Data refused: {first}"),
        T("{causes}", "{causes}"),
        T(
            "{remedies}更正后，下次运行会重新尝试；也可立即运行：",
            "{remedies}The next run tries the corrected data again. To run it at once:",
        ),
    ),
    "outdated": Words(
        T("数据受阻：{first}", "Data blocked: {first}"),
        T("{causes}", "{causes}"),
        T("先处理上述原因，再运行：", "Remove this cause, then run:"),
    ),
    "machine": Words(
        T("机器故障，运行中断：{target}", "A fault of the machine ended a run: {target}"),
        T("{error}", "{error}"),
        T(
            "检查磁盘空间、内存、权限和网络，排除故障后再运行：",
            "Check disk space, memory, rights and network, remove the fault, then run:",
        ),
    ),
    "killed": Words(
        T("运行被终止：{target}", "A run was killed: {target}"),
        T(
            "执行该次运行的进程已不存在，或始终没有启动。已建成的分区均已保留。",
            "The process of the run is gone, or it never started. The partitions that were built are kept.",
        ),
        T(
            "检查机器是否重启、内存是否不足，然后再运行：",
            "Check whether the machine was restarted or ran out of memory, then run again:",
        ),
    ),
    "failed": Words(
        T("运行失败：{target}", "A run failed: {target}"),
        T("{error}", "{error}"),
        T("按错误信息处理后再运行：", "Follow the message, then run again:"),
    ),
    "day_missing": Words(
        T("{day} 的数据逾期未到", "The data of {day} is late"),
        T(
            "截止时间 {deadline}（北京时间）已过，{day} 的数据仍未到。",
            "The deadline {deadline} (Shanghai time) has passed, and no data of {day} has landed.",
        ),
        T("联系数据商，把该日文件放入数据区。", "Ask the vendor, and put the files of the day into the landing zone."),
    ),
    "day_unbuilt": Words(
        T("{day} 的数据表逾期未建成", "The tables of {day} are late"),
        T(
            "截止时间 {deadline}（北京时间）已过，{day} 的数据已到，但这些表尚未建成：{tables}。",
            "The deadline {deadline} (Shanghai time) has passed. The data of {day} has landed, and these tables are not built: {tables}.",
        ),
        T(
            "在 Dagster 界面查看运行和传感器是否停止；也可立即运行：",
            "Look in Dagster's UI whether a run failed or a sensor is stopped. To run it at once:",
        ),
    ),
    "week_missing": Words(
        T("{week} 一周的周报逾期", "The report of the week of {week} is late"),
        T(
            "截止时间 {deadline}（北京时间）已过，以下交易日的数据仍未到：{days}。",
            "The deadline {deadline} (Shanghai time) has passed, and no data has landed for {days}.",
        ),
        T(
            "联系数据商，把这些日期的文件放入数据区。数据到齐后运行：",
            "Ask the vendor, and put the files of these days into the landing zone. When they have landed, run:",
        ),
    ),
    "week_unbuilt": Words(
        T("{week} 一周的周报逾期", "The report of the week of {week} is late"),
        T(
            "截止时间 {deadline}（北京时间）已过，该周数据已到齐，但周报尚未生成。{cause}",
            "The deadline {deadline} (Shanghai time) has passed. The week's data has landed, and its report is not built.{cause}",
        ),
        T(
            "在 Dagster 界面查看运行和传感器是否停止；也可立即运行：",
            "Look in Dagster's UI whether a run failed or a sensor is stopped. To run it at once:",
        ),
    ),
    "calendar": Words(
        T("交易日历将于 {until} 到期", "The trading calendar ends on {until}"),
        T("已知的交易日历止于 {until}，距今 {left} 天。之后的数据会被拒绝。",
          "The known trading calendar ends on {until}, in {left} days. Data after it is refused."),
        T(
            "交易所公布 {year} 年休市安排后，在设置文件的 [calendar] 中填写 announced_until 和 announced_holidays（见 docs/operations.md）。",
            "When the exchanges have announced the holidays of {year}, set announced_until and announced_holidays in [calendar] "
            "(docs/operations.md).",
        ),
    ),
    "rulebook": Words(
        T("交易规则表已 {age} 天未核对", "The rulebook was not compared for {age} days"),
        T(
            "规则表的最新规则和最近一次核对（{reviewed}）距今至少 {age} 天，超过 {limit} 天。",
            "The newest rule and the last comparison ({reviewed}) are at least {age} days old, more than {limit}.",
        ),
        T(
            "与交易所公布的规则核对，把新规则加入 [rulebook]，并把 rulebook.reviewed 设为核对日期（见 docs/rulebook.md）。",
            "Compare it with the publications of the exchanges, add new rules to [rulebook], and set rulebook.reviewed to the day "
            "of the comparison (docs/rulebook.md).",
        ),
    ),
    "disk": Words(
        T("磁盘空间不足：{folder}", "Disk space is low: {folder}"),
        T(
            "{folder} 所在磁盘剩余 {free:.1f} GB，占 {share:.1%}，低于 {limit:.0%}。",
            "The disk of {folder} has {free:.1f} GB left, {share:.1%} of it, less than {limit:.0%}.",
        ),
        T("运行 python -m orchestration.vacuum 列出可删除的内容，或扩大磁盘。磁盘写满后运行会失败。", "List what can be removed with python -m orchestration.vacuum, or enlarge the disk. Runs fail when it is full."),
    ),
    "sensor": Words(
        T("传感器或计划任务出错：{name}", "A sensor or schedule raises an error: {name}"),
        T("{error}", "{error}"),
        T(
            "在 Dagster 界面的 Automation 页查看 {name} 的最近一次执行。出错期间它不会启动任何运行。",
            "Look at the last tick of {name} on the page Automation of Dagster's UI. While it fails, it starts no run.",
        ),
    ),
    "test": Words(
        T("测试警报", "Test alert"),
        T("这是一条测试警报，没有发生任何问题。", "This is a test. Nothing happened."),
        T("无须处理。", "There is nothing to do."),
    ),
}  # fmt: skip
SEVERITY: Mapping[AlertKind, Severity] = {
    "refused": "error",
    "machine": "error",
    "killed": "error",
    "failed": "error",
    "late_day": "warning",
    "late_week": "error",
    "calendar": "warning",
    "rulebook": "warning",
    "disk": "error",
    "sensor": "error",
    "test": "error",
}
MARK = "[zhoubao]"
WHAT, WHERE, ACTION = T("发生了什么：", "What happened: "), T("位置：", "Where: "), T("怎么办：", "What to do: ")


@dataclass(frozen=True)
class Alert:
    """One alert in both languages.

    subject: alerts of the same kind and subject are the same alert, which the throttle does not repeat. command: what to run, "" for
    nothing. facts: the same in JSON's types, for the webhook.
    """

    kind: AlertKind
    subject: str
    title: Bilingual
    what: Bilingual
    where: Bilingual
    action: Bilingual
    command: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """The severity of its kind."""
        return SEVERITY[self.kind]

    @property
    def key(self) -> str:
        """AlertKind and subject as one text."""
        return f"{self.kind} {self.subject}"

    def text(self, language: Language, most: int | None = None) -> str:
        """The whole text. Where it is longer than `most` bytes in UTF-8, the end of what happened is cut first."""
        head = f"{MARK} {' '.join(self.title[language].split())}\n"
        tail = "\n".join(
            [
                "",
                WHERE[language] + self.where[language],
                ACTION[language] + self.action[language],
                *([self.command] if self.command else []),
            ]
        )
        what = WHAT[language] + self.what[language]
        if most is not None:
            room = most - len((head + tail).encode())
            what = what if len(what.encode()) <= room else _cut(what, max(room, 0))
            return _cut(head + what + tail, most)
        return head + what + tail

    def to_json(self, language: Language) -> dict[str, Any]:
        """The form in which the webhook sends it."""
        parts = {name: getattr(self, name)[language] for name in ("title", "what", "where", "action")}
        return {
            "source": "zhoubao",
            "kind": self.kind,
            "severity": self.severity,
            "subject": self.subject,
            **parts,
            "command": self.command,
            "facts": dict(self.facts),
            "text": self.text(language),
        }


def make_alert(
    kind: AlertKind,
    subject: str,
    where: Bilingual,
    values: Mapping[str, Any],
    *,
    words: str = "",
    command: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Alert:
    """Word an alert.

    Args:
        kind: the kind.
        subject: what it is about; alerts of the same kind and subject are the same.
        where: market, lake and run.
        values: the values of the patterns by name: texts, numbers, reasons, and texts in both languages.
        words: the key of the patterns in WORDS; by default the kind.
        command: what to run.
        facts: the facts in JSON's types.
    """
    own = WORDS[words or kind]
    title, what, action = (_filled(pattern, values) for pattern in (own.title, own.what, own.action))
    return Alert(kind, subject, title, what, where, action, command, facts or {})


def in_both(reason: Reason) -> Bilingual:
    """A reason in words of both languages."""
    return Bilingual(describe(reason, "zh"), describe(reason, "en"))


def _filled(pattern: Bilingual, values: Mapping[str, Any]) -> Bilingual:
    def of(language: Language) -> str:
        shown = {
            name: describe(one, language)
            if isinstance(one, Reason)
            else one[language]
            if isinstance(one, Bilingual)
            else one
            for name, one in values.items()
        }
        return pattern[language].format(**shown)

    return Bilingual(of("zh"), of("en"))


def _cut(text: str, most: int) -> str:
    """The beginning of a text in at most `most` bytes of UTF-8, with a sign where it is cut."""
    data = text.encode()
    return text if len(data) <= most else data[: max(most - 3, 0)].decode(errors="ignore") + "…" * (most >= 3)


class Throttle:
    """When each channel last sent each alert. `dumps` and `loads` are the form in a sensor's cursor.

    The state of a channel is its own, so that a channel that failed sends the alert at the next look, and the others do not.
    """

    def __init__(self, sent: dict[str, dict[str, float]] | None = None):
        self._sent = sent or {}

    @classmethod
    def loads(cls, text: str | None) -> "Throttle":
        """Read a state; a text of any other form is an empty state."""
        try:
            saved = json.loads(text or "{}")
        except ValueError:
            return cls()
        if not isinstance(saved, dict):
            return cls()
        return cls(
            {
                key: {name: at for name, at in own.items() if isinstance(at, int | float)}
                for key, own in saved.items()
                if isinstance(own, dict)
            }
        )

    def dumps(self, now: float, settings: AlertsSettings) -> str:
        """The state as JSON, without what no longer holds an alert back."""
        longest = 60 * max(settings.throttle_minutes.values(), default=0)
        kept = {
            key: own
            for key, sent in self._sent.items()
            if (own := {name: at for name, at in sent.items() if 0 <= now - at < longest})
        }
        return json.dumps(kept, sort_keys=True)

    def is_due(self, alert: Alert, channel: Channel, now: float, settings: AlertsSettings) -> bool:
        """Whether a channel may send the alert now. A time after `now` (the clock was set back) holds nothing back."""
        at = self._sent.get(alert.key, {}).get(channel)
        return at is None or not 0 <= now - at < 60 * settings.throttle_minutes.get(alert.kind, 0)

    def note(self, alert: Alert, channel: Channel, now: float) -> None:
        """Note that a channel sent the alert."""
        self._sent.setdefault(alert.key, {})[channel] = now


def is_wanted(alert: Alert, channel: Channel, settings: AlertsSettings) -> bool:
    """Whether a channel is used for an alert: its kind is not off, and it is severe enough."""
    least = settings.from_severity.get(channel, "info")
    return alert.kind not in settings.off and SEVERITIES.index(alert.severity) >= SEVERITIES.index(least)
