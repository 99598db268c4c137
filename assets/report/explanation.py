"""The report's account of a portfolio's solve: one table of the constraints that bound and their cost, and those that were relaxed or conflicted.

Here: which of it stands where. Not here: how it is computed (portfolios/problem/explanation.py and conflict.py), the wording
(explanation_words.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets import catalogue
from assets.catalogue import Portfolio
from assets.portfolios.reasons import NO_ANSWER, TIE_FIRST_BUILD, TIE_SMALLEST_TURNOVER
from assets.report.explanation_words import NAMES, STAGES, WORDS
from assets.report.issue import Grid, Row, decimal, percent
from assets.report.words import STYLES, Language

TABLES = ("A2", "A3")
SHOWN_NAMES = 5
STEP = 0.01  # what a bound is widened by in the column of shadow prices
CONSTRAINT, STATE = "constraint", "state"  # kinds of a conflict's members: a constraint's row, a name's state


@dataclass(frozen=True)
class Writer:
    """Turns the row of solve.parquet into the report's language. name: the report's own word for a portfolio."""

    language: Language
    name: Callable[[Portfolio], str]

    def say(self, key: str, **values: object) -> str:
        return WORDS[key][self.language].format(**values)

    def constraint(self, key: str) -> str:
        text = NAMES.get(key) or STYLES.get(key)
        return text[self.language] if text else key

    def tables(self, solves: Mapping[str, Mapping[str, Any] | None]) -> list[Grid]:
        """One table per portfolio. solves: portfolio → row of solve.parquet, None before the first build."""
        return [
            self.table(number, portfolio, solves.get(portfolio.key))
            for number, portfolio in zip(TABLES, catalogue.PORTFOLIOS, strict=True)
        ]

    def table(self, number: str, portfolio: Portfolio, solve: Mapping[str, Any] | None) -> Grid:
        title = self.say("title", name=self.name(portfolio))
        if solve is None or solve["status"] == "failed":
            lead = self.say("lead_not_built" if solve is None else "lead_failed", name=self.name(portfolio))
            return Grid(number, title, lead, [], [], self._conflicts(solve) if solve else [])
        costs = [cost for cost in solve["costs"] if cost["binding"]]
        exact = any(cost["exact"] is not None for cost in costs)
        heads = [CONSTRAINT, "binding", "per_unit", "given_up", *(["exact"] if exact else [])]
        rows = []
        for cost in costs:
            cells = [
                self.constraint(cost["constraint"]),
                f"{cost['binding']}/{cost['rows']}",
                decimal(cost["shadow_price"] * STEP, 5),
                decimal(cost["score_given_up"], 4),
            ]
            rows.append(Row([*cells, decimal(cost["exact"], 4)] if exact else cells))
        lead = self.say("lead_nothing", name=self.name(portfolio), score=decimal(solve["objective"], 4))
        if costs:
            worst = costs[0]
            given = worst["score_given_up"] if worst["exact"] is None else worst["exact"]
            lead = self.say(
                "lead",
                name=self.name(portfolio),
                score=decimal(solve["objective"], 4),
                count=len(costs),
                worst=self.constraint(worst["constraint"]),
                given=decimal(given, 4),
            )
        notes = [self.say("note"), *self._names(solve), *self._solver(solve), *self._conflicts(solve)]
        return Grid(number, title, lead, [[(self.say(head), 1) for head in heads]], rows, notes)

    def _names(self, solve: Mapping[str, Any]) -> list[str]:
        items = [
            self.say(
                "one_name",
                symbol=one["symbol"],
                cause=self.constraint(one["cause"]),
                side=self.say(one["side"]),
                given=decimal(one["score_given_up"], 4),
            )
            for one in solve["binding_names"][:SHOWN_NAMES]
        ]
        return [self.say("names", items=self._join(items))] if items else []

    def _solver(self, solve: Mapping[str, Any]) -> list[str]:
        """Who solved it and how well, and every answer that was not taken."""
        ties = {TIE_SMALLEST_TURNOVER: "tie_smallest", TIE_FIRST_BUILD: "tie_first"}
        line = self.say(
            "solver",
            solver=solve["solver"],
            residual=f"{solve['residual']:.1e}",
            gap=f"{abs(solve['duality_gap']):.1e}",
            tie=self.say(ties.get(solve["tie_break"], "tie_none")),
        )
        return [line, *(self._refused(one) for one in solve["attempts"] if one["refused"])]

    def _refused(self, attempt: Mapping[str, Any]) -> str:
        stage, solver = self._stage(attempt["stage"]), attempt["solver"]
        if attempt["refused"] == NO_ANSWER:
            return self.say("no_answer", stage=stage, solver=solver)
        residual, gap = (f"{abs(attempt[key]):.1e}" for key in ("residual", "gap"))
        return self.say("refused", stage=stage, solver=solver, residual=residual, gap=gap)

    def _stage(self, stage: str) -> str:
        return STAGES[stage][self.language] if stage in STAGES else self.constraint(stage)

    def _conflicts(self, solve: Mapping[str, Any]) -> list[str]:
        return [
            self.say(
                "conflict", violation=decimal(one["violation"], 4), members=self._join(self._members(one["members"]))
            )
            for one in solve["conflicts"]
        ]

    def _members(self, members: Sequence[Mapping[str, Any]]) -> list[str]:
        phrases = [
            self._row(one) if one["kind"] == CONSTRAINT else self._bands(one) for one in members if one["kind"] != STATE
        ]
        states = [one for one in members if one["kind"] == STATE]
        for state, side in dict.fromkeys((one["constraint"], one["side"]) for one in states):
            own = [one for one in states if (one["constraint"], one["side"]) == (state, side)]
            own.sort(key=lambda one: (-one["bound"], one["row"]))
            items = [
                self.say("held_to" if side == "upper" else "kept_at", symbol=one["row"], weight=percent(one["bound"]))
                for one in own[:SHOWN_NAMES]
            ]
            more = [self.say("more", count=len(own) - SHOWN_NAMES)] if len(own) > SHOWN_NAMES else []
            phrases.append(
                self.say("member_states", state=self.constraint(state), items=self._join([*items, *more], "、", ", "))
            )
        return phrases

    def _row(self, member: Mapping[str, Any]) -> str:
        side = self.say("at_most" if member["side"] == "upper" else "at_least")
        key, bound = member["constraint"], member["bound"]
        if key == "industry":
            weight = self.say("benchmark", weight=percent(member["benchmark"]))
            own = f"{weight} {'+' if bound > 0 else '−'} {percent(abs(bound))}" if bound else weight
            return self.say("member_industry", row=member["row"], side=side, bound=own)
        if key in ("turnover_limit", "member_share"):
            pattern = "member_turnover" if key == "turnover_limit" else "member_share"
            return self.say(pattern, side=side, bound=percent(bound))
        return self.say("member_row", row=self.constraint(key), side=side, bound=f"{bound + 0.0:g}")

    def _bands(self, member: Mapping[str, Any]) -> str:
        return self.say("member_only" if member["kind"] == "members_only" else "member_bands", count=member["names"])

    def _join(self, items: Sequence[str], zh: str = "；", en: str = "; ") -> str:
        return (zh if self.language == "zh" else en).join(items)
