"""No wrong setting ends in a traceback, and none is read as another value."""

import datetime as dt
from collections import Counter

import pytest

from tests.resources.settings_mutations import Fate, leaves, run

# Settings that any text fits, and which are held against the data where they are used.
TEXTS = {"portfolios.alpha", "alerts.email.user"}
# Lists that may be empty, which their description says what it means.
MAY_BE_EMPTY = {
    *("calendar.extra_holidays", "calendar.announced_holidays", "ticks.ignored_suffixes", "ticks.ignored_names"),
    *("portfolios.csi500.other_styles", "portfolios.csi1000.other_styles", "lines.alphas", "lines.weekdays"),
    *("ticks.extra_layouts", "factors.extra_factors", "portfolios.extra_constraints"),
    *("alerts.channels", "alerts.off", "alerts.mobiles", "alerts.email.recipients"),
    "report.unofficial_weights", "portfolios.execution.fees", "reference.other_indices", "calendar.statutory_holidays",
    "distributions.approved",
    *(f"models.{row}.{key}" for row in ("gru_50_1", "multi_granularity_10d")
      for key in ("head", "orthogonal_layer", "orthogonalise_on")),
}  # fmt: skip
IN_BOUNDS = ("0", "-1", "half", "negated", "true", "a list of a number", "upper case")


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> list[Fate]:
    return run(tmp_path_factory.mktemp("mutants"))


@pytest.mark.slow
def test_no_wrong_setting_ends_in_a_traceback(fates: list[Fate]) -> None:
    counts = Counter(fate.outcome for fate in fates)
    assert counts["traceback"] == 0, [fate for fate in fates if fate.outcome == "traceback"][:5]
    assert counts["refused"] > 9000
    assert counts["accepted"] < 0.06 * counts["refused"]  # values within bounds: 0 of a share, half of a number


@pytest.mark.slow
def test_a_refusal_names_the_setting(fates: list[Fate]) -> None:
    for fate in fates:
        if fate.outcome == "refused":
            top, key = fate.mutant.path.partition(".")[0], fate.mutant.path.rpartition(".")[2]
            assert fate.mutant.path in fate.detail or (top in fate.detail and key in fate.detail), fate
            assert "Correct" in fate.detail, fate
            assert len(fate.detail) < 1500, fate


@pytest.mark.slow
def test_an_accepted_value_is_within_bounds_and_unchanged(fates: list[Fate]) -> None:
    for fate in (fate for fate in fates if fate.outcome == "accepted"):
        mutant = fate.mutant
        if mutant.path in TEXTS and mutant.kind != "empty list":
            assert isinstance(fate.value, str), fate
            assert fate.value.strip(), fate
        elif mutant.kind == "empty list" and mutant.path.startswith("rulebook."):
            assert fate.value == leaves()[mutant.path], fate  # rows are added to the shipped ones: here none
        elif mutant.kind == "empty list":
            assert mutant.path in MAY_BE_EMPTY, fate
        else:
            assert mutant.kind in IN_BOUNDS, fate
            assert fate.value == mutant.value, fate
            assert isinstance(fate.value, bool) == isinstance(mutant.value, bool), fate


@pytest.mark.slow
def test_file_and_environment_have_the_same_outcome(fates: list[Fate]) -> None:
    by_mutant: dict[tuple[str, str], set[str]] = {}
    for fate in fates:
        by_mutant.setdefault((fate.mutant.path, fate.mutant.kind), set()).add(fate.outcome)
    assert not [mutant for mutant, outcomes in by_mutant.items() if len(outcomes) > 1]


def test_the_driver_walks_the_tree() -> None:
    assert len(leaves()) > 150
    assert isinstance(leaves()["report.chart_start"], str)
    assert dt.date.fromisoformat(leaves()["report.chart_start"])
