"""The summary of a plan: which steps count as one reason."""

import datetime as dt

from orchestration.plan import Plan, Step
from orchestration.tables import load_tables
from resources.stale import INPUT_AGAIN, INPUT_CHANGED, INPUTS_AGAIN, NOT_BUILT

DAYS = [dt.date(2023, 1, day) for day in (3, 4, 5)]


def test_inputs_of_one_table_that_are_built_again_are_one_reason() -> None:
    scores = load_tables()["scores"]
    reasons = [
        *(INPUT_AGAIN(table="styles", partition=day) for day in DAYS),
        INPUT_AGAIN(table="securities", partition=DAYS[0]),
        NOT_BUILT(),
        NOT_BUILT(),
        *(INPUT_CHANGED(input=f"styles/date={day}") for day in DAYS[:2]),
    ]
    plan = Plan(tuple(Step(scores, DAYS[0], reason) for reason in reasons), (), 8)
    assert plan.reasons() == {
        ("scores", INPUTS_AGAIN(table="styles")): 3,
        ("scores", INPUTS_AGAIN(table="securities")): 1,
        ("scores", NOT_BUILT()): 2,
        ("scores", INPUT_CHANGED(input="styles/date=2023-01-03")): 1,
        ("scores", INPUT_CHANGED(input="styles/date=2023-01-04")): 1,
    }
