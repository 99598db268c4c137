"""The section on the run's settings: those that differ from production (Table 6), declarations (A5), all of them (Table 7)."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.report.findings import Findings
from assets.report.issue import Block, Grid, GridRow, Paragraph, ReportSection
from assets.report.numbers import leaves, plain
from assets.report.words.settings import WORDS
from assets.report.words.speaker import Speaker
from resources.language import Language

DECLARATIONS = ("landing.", "calendar.")  # sections that describe the data and no method


def write_settings(found: Findings, language: Language) -> ReportSection:
    """Write the profile, Table 6, the declarations if there are any, and Table 7."""
    say = Speaker.of(language, WORDS)
    profile = found.run["profile"]
    blocks: list[Block] = [
        Paragraph(say("profile", name=profile["name"], description=profile["description"])),
        _difference_table(found, say),
        *_declared_table(found, say),
        _settings_table(found, say),
    ]
    return ReportSection("settings", say("settings_used"), blocks)


def list_differences(found: Findings) -> list[Mapping[str, Any]]:
    """List the settings that differ from production's, without declarations of the data."""
    return [one for one in found.run["differences"] if not one["setting"].startswith(DECLARATIONS)]


def _list_declarations(found: Findings) -> list[Mapping[str, Any]]:
    """The settings that describe the data and no method: deliveries, the calendar, and rules in addition to the shipped ones."""
    declared = [one for one in found.run["differences"] if one["setting"].startswith(DECLARATIONS)]
    return declared + [
        {
            "setting": f"rulebook.{row['kind']}",
            "value": {key: value for key, value in row.items() if key != "kind"},
            "production": None,
        }
        for row in found.rulebook["added"]
    ]


def _difference_table(found: Findings, say: Speaker) -> Grid:
    rows = _rows(list_differences(found), say("looser"))
    lead = say("table6_lead", count=len(rows)) if rows else say("no_difference")
    newest = found.rulebook["newest"]
    notes = [] if newest is None else [say("newest_rule", **{key: newest[key] for key in ("kind", "since", "source")})]
    return Grid(6, say("table6_title"), lead, _heads(say), rows, notes, style="text")


def _declared_table(found: Findings, say: Speaker) -> list[Grid]:
    rows = _rows(_list_declarations(found), say("looser"))
    if not rows:
        return []
    lead = say("declared_lead", count=len(rows))
    return [Grid("A5", say("declared_title"), lead, _heads(say), rows, style="text")]


def _settings_table(found: Findings, say: Speaker) -> Grid:
    rows = [GridRow([path, plain(value)]) for path, value in leaves(found.tree)]
    heads = [[(say("setting"), 1), (say("value"), 1)]]
    return Grid(7, say("table7_title"), say("table7_lead"), heads, rows, style="dense")


def _rows(differences: Sequence[Mapping[str, Any]], looser: str) -> list[GridRow]:
    """Rows of settings. looser: the mark of a check that lets more pass than the declared one."""
    reasons = (
        " ".join(filter(None, (looser * one.get("looser", False), one.get("reason", "")))) for one in differences
    )
    return [
        GridRow([one["setting"], plain(one["value"]), plain(one["production"]), reason])
        for one, reason in zip(differences, reasons, strict=True)
    ]


def _heads(say: Speaker) -> list[list[tuple[str, int]]]:
    return [[(say(key), 1) for key in ("setting", "value", "production", "reason")]]
