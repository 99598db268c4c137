"""Findings as make_report gathers them from `inputs`, and sections without their charts. No assertion."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from assets.report import make_report as maker
from assets.report.findings import Findings
from assets.report.sections import attribution, each_factor, each_portfolio, evidence, lines, shared
from tests.report.random_issue import inputs, make_report

DRAWN = (
    (shared, ("draw_bars",)),
    (each_factor, ("draw_lines",)),
    (each_portfolio, ("draw_lines",)),
    (evidence, ("draw_bands", "draw_heat")),
    (attribution, ("draw_contributions",)),
    (lines, ("draw_contributions",)),
)


def gather(**changes: Any) -> Findings:
    """The findings of the issue of `inputs(**changes)`."""
    kept: list[Findings] = []

    class _Gathered(Exception):
        pass

    def keep(found: Findings, *_: Any) -> None:
        kept.append(found)
        raise _Gathered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maker, "write_issue", keep)
        with contextlib.suppress(_Gathered):
            make_report(**inputs(**changes))
    return kept[0]


@contextlib.contextmanager
def without_charts() -> Iterator[None]:
    """Charts take most of an issue's time and hold no sentence."""
    with pytest.MonkeyPatch.context() as patch:
        for module, names in DRAWN:
            for name in names:
                patch.setattr(module, name, lambda *given, **named: "<svg/>")
        yield
