"""The binding constraints of each portfolio and their cost in score: one table per portfolio, from its row of solve.parquet."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets import catalogue
from assets.catalogue import Portfolio
from assets.portfolios.reasons import NO_ANSWER, TIE_FIRST_BUILD, TIE_SMALLEST_TURNOVER
from assets.report.findings import Findings
from assets.report.issue import Grid, GridRow
from assets.report.numbers import decimal, percent
from assets.report.words.explanation import WORDS
from assets.report.words.names import STAGES, STYLES
from assets.report.words.speaker import BOUND, Speaker
from resources.language import Language

TABLES = ("A2", "A3")
SHOWN_NAMES = 5
STEP = 0.01  # what a bound is widened by in the column of shadow prices
CONSTRAINT, STATE = "constraint", "state"  # kinds of a conflict's members: a constraint's row, a name's state
TIES = {TIE_SMALLEST_TURNOVER: "tie_smallest", TIE_FIRST_BUILD: "tie_first"}


def write_explanations(found: Findings, language: Language) -> list[Grid]:
    """Write one table per portfolio: the binding constraints and their cost, the solver, and the conflicts."""
    say = Speaker.of(language, WORDS)
    return [
        tabulate_costs(number, portfolio, found.holdings[portfolio.key].solve, say)
        for number, portfolio in zip(TABLES, catalogue.PORTFOLIOS, strict=True)
    ]


def tabulate_costs(number: str, portfolio: Portfolio, solve: Mapping[str, Any] | None, say: Speaker) -> Grid:
    """Write a row per binding constraint. solve: the row of solve.parquet; None before the first build."""
    name = say.name(portfolio)
    title = say("title", name=name)
    if solve is None or solve["status"] == "failed":
        lead = say("lead_not_built" if solve is None else "lead_failed", name=name)
        return Grid(number, title, lead, [], [], _conflicts(solve, say) if solve else [])
    costs = [cost for cost in solve["costs"] if cost["binding"]]
    exact = any(cost["exact"] is not None for cost in costs)
    heads = [CONSTRAINT, "binding", "per_unit", "given_up", *(["exact"] if exact else [])]
    rows = []
    for cost in costs:
        cells = [
            say.called(cost["constraint"]),
            f"{cost['binding']}/{cost['rows']}",
            decimal(cost["shadow_price"] * STEP, 5),
            decimal(cost["score_given_up"], 4),
        ]
        rows.append(GridRow([*cells, decimal(cost["exact"], 4)] if exact else cells))
    notes = [say("note"), *_dearest_names(solve, say), *_solvers(solve, say), *_conflicts(solve, say)]
    return Grid(number, title, _lead(name, solve, costs, say), [[(say(head), 1) for head in heads]], rows, notes)


def _lead(name: str, solve: Mapping[str, Any], costs: Sequence[Mapping[str, Any]], say: Speaker) -> str:
    """The target's score, and the binding constraint with the largest cost. costs: of the binding constraints."""
    score = decimal(solve["objective"], 4)
    if not costs:
        return say("lead_nothing", name=name, score=score)
    worst = costs[0]
    given = decimal(worst["score_given_up"] if worst["exact"] is None else worst["exact"], 4)
    dearest = say.called(worst["constraint"])
    return say("lead", name=name, score=score, count=len(costs), worst=dearest, given=given)


def _dearest_names(solve: Mapping[str, Any], say: Speaker) -> list[str]:
    items = [
        say(
            "one_name",
            symbol=one["symbol"],
            cause=say.called(one["cause"]),
            side=say(one["side"]),
            given=decimal(one["score_given_up"], 4),
        )
        for one in solve["binding_names"][:SHOWN_NAMES]
    ]
    return [say("names", items=say.join(items, "semicolon"))] if items else []


def _solvers(solve: Mapping[str, Any], say: Speaker) -> list[str]:
    """The solver and the accuracy of its answer, and every rejected answer."""
    line = say(
        "solver",
        solver=solve["solver"],
        residual=f"{solve['residual']:.1e}",
        gap=f"{abs(solve['duality_gap']):.1e}",
        tie=say(TIES.get(solve["tie_break"], "tie_none")),
    )
    return [line, *(_refused(one, say) for one in solve["attempts"] if one["refused"])]


def _refused(attempt: Mapping[str, Any], say: Speaker) -> str:
    stage, solver = say.called(attempt["stage"], {**BOUND, **STAGES}), attempt["solver"]
    if attempt["refused"] == NO_ANSWER:
        return say("no_answer", stage=stage, solver=solver)
    residual, gap = (f"{abs(attempt[key]):.1e}" for key in ("residual", "gap"))
    return say("refused", stage=stage, solver=solver, residual=residual, gap=gap)


def _conflicts(solve: Mapping[str, Any], say: Speaker) -> list[str]:
    """One sentence per irreducible conflicting set of constraints."""
    return [
        say(
            "conflict",
            violation=decimal(one["violation"], 4),
            members=say.join(_members(one["members"], say), "semicolon"),
        )
        for one in solve["conflicts"]
    ]


def _members(members: Sequence[Mapping[str, Any]], say: Speaker) -> list[str]:
    """The members of a set: constraints one by one, then the states of stocks, those of one state and side together."""
    phrases = [
        _row(one, say) if one["kind"] == CONSTRAINT else _bands(one, say) for one in members if one["kind"] != STATE
    ]
    states = [one for one in members if one["kind"] == STATE]
    for state, side in dict.fromkeys((one["constraint"], one["side"]) for one in states):
        own = [one for one in states if (one["constraint"], one["side"]) == (state, side)]
        own.sort(key=lambda one: (-one["bound"], one["row"]))
        items = [
            say("held_to" if side == "upper" else "kept_at", symbol=one["row"], weight=percent(one["bound"]))
            for one in own[:SHOWN_NAMES]
        ]
        further = [say("further", count=len(own) - SHOWN_NAMES)] if len(own) > SHOWN_NAMES else []
        phrases.append(say("member_states", state=say.called(state), items=say.join([*items, *further])))
    return phrases


def _row(member: Mapping[str, Any], say: Speaker) -> str:
    """A row of a constraint with its bound: an industry, the turnover, members, a style, or one of a user's own constraints."""
    side = say("at_most" if member["side"] == "upper" else "at_least")
    key, bound = member["constraint"], member["bound"]
    if key == "industry":
        weight = say("benchmark", weight=percent(member["benchmark"]))
        own = f"{weight} {'+' if bound > 0 else '−'} {percent(abs(bound))}" if bound else weight
        return say("member_industry", row=member["row"], side=side, bound=own)
    if key in ("turnover_limit", "member_share"):
        pattern = "member_turnover" if key == "turnover_limit" else "member_share"
        return say(pattern, side=side, bound=percent(bound))
    own = f"{bound + 0.0:g}"
    if key in STYLES:
        return say("member_row", row=say.called(key), side=side, bound=own)
    if member["row"] == key:
        return say("member_other", constraint=say.called(key), side=side, bound=own)
    return say("member_other_row", constraint=say.called(key), row=member["row"], side=side, bound=own)


def _bands(member: Mapping[str, Any], say: Speaker) -> str:
    return say("member_only" if member["kind"] == "members_only" else "member_bands", count=member["names"])
