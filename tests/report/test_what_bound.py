"""The report's tables of binding constraints: every figure of the stored row under its heading, in both languages."""

import re
from typing import Any

import pytest

from assets import catalogue
from assets.portfolios.reasons import (
    BALANCES_ROWS,
    CASH_TO_SPEND,
    KEPT_ABOVE,
    KEPT_BELOW,
    NAME_IN_STATE,
    NAMES,
    NAMES_AND_MORE,
    NO_ANSWER,
    RESTRICTED_NAMES,
    STATE,
    STOCK_BANDS_ALONE,
    TOGETHER_WITH,
)
from assets.portfolios.week.record import NESTED
from assets.report.issue import Grid
from assets.report.sections.explanation import tabulate_costs
from assets.report.words.explanation import WORDS
from assets.report.words.speaker import Speaker
from resources.language import Language
from resources.reasons import SEVERAL, Reason
from tests.report.random_issue import random_solve

PORTFOLIO = catalogue.PORTFOLIOS[0]


def written(language: Language, **changes: Any) -> Grid:
    solve = {**random_solve().row(0, named=True), **changes}
    return tabulate_costs("A2", PORTFOLIO, solve, Speaker.of(language, WORDS))


def test_every_cost_is_under_its_heading() -> None:
    grid = written("en")
    assert [text for text, _ in grid.heads[0]] == [
        "constraint",
        "binding / all",
        "score gained per 0.01",
        "score given up",
    ]
    assert [list(row.cells) for row in grid.rows] == [
        ["turnover limit", "1/1", "0.01500", "0.4500"],
        ["stock deviation", "87/5300", "0.20000", "0.2000"],
        ["industry", "30/31", "0.07000", "0.0000"],
        ["suspended", "2/4", "0.03000", "0.0000"],
    ]  # what does not bind is left out
    assert grid.lead == (
        f"{PORTFOLIO.name_en}: the target's score is 1.2345; 4 kinds of constraint bind, turnover limit at the highest cost "
        "(0.4500)."
    )
    assert (
        written("zh").lead
        == f"{PORTFOLIO.name_zh}的目标得分 1.2345，4 类约束起作用；放弃得分最多的是换手率上限（0.4500）。"
    )


def test_exact_solves_have_a_column_where_they_were_made() -> None:
    costs = [
        {**cost, "exact": 0.1234 if cost["binding"] else None} for cost in random_solve().row(0, named=True)["costs"]
    ]
    grid = written("en", costs=costs)
    assert grid.heads[0][-1] == ("score gained without it", 1)
    assert {row.cells[-1] for row in grid.rows} == {"0.1234"}
    assert "at the highest cost (0.1234)" in grid.lead


def test_the_solver_and_rejected_answers_are_printed() -> None:
    notes = written("en").notes
    assert (
        "Solved by HiGHS dual simplex: primal residual 2.0e-12, duality gap 3.0e-13, both recomputed by the platform (at "
        "most 1e-8); among equal optima the one with the smallest turnover."
    ) in notes
    refused = [note for note in notes if "was rejected" in note]
    assert refused == [
        "At the stage 'industry' the solution of HiGHS dual simplex was rejected: residual 1.0e-07, duality gap 0.0e+00."
    ]
    assert "行业阶段未采纳 HiGHS dual simplex 的结果：残差 1.0e-07、对偶间隙 0.0e+00。" in written("zh").notes
    silent = {
        **random_solve().row(0, named=True)["attempts"][1],
        "residual": None,
        "gap": None,
        "refused": NO_ANSWER,
    }
    assert "At the stage 'industry' HiGHS dual simplex returned no solution." in written("en", attempts=[silent]).notes


def test_the_conflict_lists_industries_stocks_and_bounds() -> None:
    english, chinese = (written(language).notes[-1] for language in ("en", "zh"))
    assert english == (
        "These constraints cannot hold together; without any one of them the others can. In total they must be relaxed by at "
        "least 0.0123: industry 801080 at most its benchmark weight of 4.10%; size exposure at least -0.2; one-way turnover at most 30.00%; the "
        "stock bands of 12 names; suspended: 000001.SZ kept at 2.90%, 000002.SZ kept at 2.80%, 000003.SZ kept at 2.70%, "
        "000004.SZ kept at 2.60%, 000005.SZ kept at 2.50%, and 2 more."
    )
    assert chinese == (
        "无法同时成立（去掉任意一项即可行，合计至少须放松 0.0123）：行业 801080 不高于基准权重 4.10%；市值暴露不低于 -0.2；"
        "单边换手率不高于 30.00%；12 只股票的个股偏离上下限；停牌：000001.SZ 维持 2.90%、000002.SZ 维持 2.80%、"
        "000003.SZ 维持 2.70%、000004.SZ 维持 2.60%、000005.SZ 维持 2.50%、另 2 只。"
    )


def test_a_conflict_lists_constraints_that_are_no_exposure() -> None:
    (conflict,) = random_solve().row(0, named=True)["conflicts"]
    of_a_row = next(one for one in conflict["members"] if one["constraint"] == "size")
    members = [
        {**of_a_row, "constraint": "tracking_error", "row": "tracking_error", "side": "upper", "bound": 0.02},
        {**of_a_row, "constraint": "star_board", "row": "all", "bound": 0.1},
    ]
    conflicts = [{**conflict, "members": members}]
    assert "tracking error at most 0.02; star_board (all) at least 0.1." in written("en", conflicts=conflicts).notes[-1]
    assert "跟踪误差不高于 0.02；star_board（all）不低于 0.1。" in written("zh", conflicts=conflicts).notes[-1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_weeks_without_prices_have_a_reason(language: Language) -> None:
    failed = written(language, status="failed", residual=None, duality_gap=None, costs=[], binding_names=[])
    assert failed.rows == []
    assert len(failed.notes) == 1  # the conflict
    unbuilt = tabulate_costs("A3", PORTFOLIO, None, Speaker.of(language, WORDS))
    assert (
        unbuilt.lead
        == {"en": f"{PORTFOLIO.name_en} is not built yet.", "zh": f"{PORTFOLIO.name_zh}尚未构建。"}[language]
    )
    nothing = written(language, costs=[], binding_names=[], conflicts=[], attempts=[])
    assert nothing.rows == []
    assert "1.2345" in nothing.lead


def test_english_is_english() -> None:
    grid = written("en")
    for text in (grid.title, grid.lead, *grid.notes, *(cell for row in grid.rows for cell in row.cells)):
        assert not re.search(r"[一-鿿]", text), text


def test_the_random_row_has_the_stored_schema() -> None:
    assert {name: random_solve().schema[name] for name in NESTED} == dict(NESTED)


def test_every_cause_is_worded_in_both_languages() -> None:
    def named(more: int, *names: tuple[str, str, float]) -> Reason:
        shown = [NAME_IN_STATE(symbol=symbol, state=state, weight=weight) for symbol, state, weight in names]
        return NAMES_AND_MORE(names=shown, more=more) if more else NAMES(names=shown)

    several = SEVERAL(
        reasons=[
            BALANCES_ROWS(constraint="industry"),
            TOGETHER_WITH(constraints=["turnover_limit", "size"]),
            RESTRICTED_NAMES(names=named(0, ("000001.SZ", "new", 0.0106))),
        ]
    )
    worded = {
        KEPT_BELOW(cause=named(3, ("000001.SZ", "suspended", 0.0106), ("600000.SH", "st", 0.005))): (
            "被本项内的股票压低：000001.SZ（停牌 1.06%）、600000.SH（ST 0.50%），另 3 只",
            "kept below its bound by its own stocks: 000001.SZ (suspended, 1.06%), 600000.SH (ST, 0.50%) and 3 more",
        ),
        KEPT_ABOVE(cause=STOCK_BANDS_ALONE()): (
            "被本项内的股票推高：仅个股偏离上下限",
            "kept above its bound by its own stocks: the stock bands alone",
        ),
        several: (
            "与其他行业项相抵；与换手率上限、市值共同作用；受限股票：000001.SZ（上市不足期限 1.06%）",
            "balances the other industry rows; together with turnover limit, size; restricted stocks: 000001.SZ (newly listed, 1.06%)",
        ),
        CASH_TO_SPEND(cash=0.4): ("40.00% 的现金须全部投出", "cash of 40.00% must be spent"),
        STATE(state="suspended"): ("停牌", "suspended"),
    }
    for cause, (chinese, english) in worded.items():
        assert Speaker.of("zh").reason(cause) == chinese
        assert Speaker.of("en").reason(cause.dumps()) == english
