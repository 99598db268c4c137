"""The codes of the portfolios' reasons: why a portfolio, constraint or figure is absent, and why a constraint was relaxed.

This module holds the codes, the names of their parameters, and how a row of solve.parquet stores them. It does not hold their
wording (resources/reason_words/).
"""

from collections.abc import Mapping
from typing import Any

from resources.reasons import Code, Reason

NOT_APPLIED = "n/a"  # the group of a constraint in solve.parquet for which the data is missing
# why a solver's answer was rejected: there is none, or its residual or duality gap is too large
NO_ANSWER, NOT_VERIFIED = "no_answer", "not_verified"
# how one of several optima was chosen; under the codes of the second line the solver chose
TIE_SMALLEST_TURNOVER, TIE_FIRST_BUILD = "smallest_turnover", "first_build"
TIE_NOT_LINEAR, TIE_NOT_SOLVED = "not_linear", "not_solved"

# why a portfolio is not built on a signal day
FIRST_BUILD_LATER = Code("first_build_later", ("week",))
NO_WEIGHTS = Code("no_weights", ("index", "date"))
OLD_WEIGHTS = Code("old_weights", ("index", "published", "age", "date", "limit"))
WEIGHTS_WITHOUT_PRICES = Code("weights_without_prices", ("index", "published", "date", "missing", "days", "first"))
NOBODY_LISTED = Code("nobody_listed", ("date",))
NO_SCORE_BECAUSE = Code("no_score_because", ("factors", "date", "cause"))
NO_SCORE_YET = Code("no_score_yet", ("factors", "date"))

# why a constraint is not applied, or a part of the attribution not estimated
STYLE_NULL = Code("style_null", ("style",))
NO_INDUSTRY = Code("no_industry")
TOO_FEW_TO_REGRESS = Code("too_few_to_regress", ("names", "columns"))

# why a portfolio has no returns, no attribution, or drifted weights for a benchmark
NOT_BUILT_YET = Code("not_built_yet")
FIRST_BUILT_NOW = Code("first_built_now")
DRIFTED_BENCHMARK = Code("drifted_benchmark", ("index",))
NOTHING_HELD = Code("nothing_held")
NO_INDEX_RETURN = Code("no_index_return")
NO_LINES = Code("no_lines")

# what forced a row outside its bounds (`forced_by`)
STATE = Code("state", ("state",))
CASH_TO_SPEND = Code("cash_to_spend", ("cash",))
STOCK_BANDS_ALONE = Code("stock_bands_alone")
KEPT_ABOVE = Code("kept_above", ("cause",))
KEPT_BELOW = Code("kept_below", ("cause",))
BALANCES_ROWS = Code("balances_rows", ("constraint",))
TOGETHER_WITH = Code("together_with", ("constraints",))
RESTRICTED_NAMES = Code("restricted_names", ("names",))
NAME_IN_STATE = Code("name_in_state", ("symbol", "state", "weight"))
NAMES = Code("names", ("names",))
NAMES_AND_MORE = Code("names_and_more", ("names", "more"))

# why a week could not be solved
NO_VERIFIED_ANSWER = Code("no_verified_answer", ("stage", "reasons"))
SOLVER_WITHOUT_ANSWER = Code("solver_without_answer", ("solver", "status"))
SOLVER_NOT_VERIFIED = Code("solver_not_verified", ("solver", "status", "residual", "gap"))
CURVED_MUST_GIVE = Code("curved_must_give", ("constraints",))
NOT_FOUND_WITHIN_TOTALS = Code("not_found_within_totals", ("groups",))
NOT_FOUND_WITHIN_NAMES = Code("not_found_within_names", ("solver",))
NOT_FOUND_WITHIN_HARD = Code("not_found_within_hard", ("solver",))
HARD_CONFLICT = Code("hard_conflict", ("total", "cause"))
UPPER_BOUNDS_SHORT = Code("upper_bounds_short", ("total", "free"))
LOWER_BOUNDS_OVER = Code("lower_bounds_over", ("total",))
BOUNDS_EXCLUDED = Code("bounds_excluded", ("low", "high"))


def not_applied(solve: Mapping[str, Any]) -> dict[str, Reason]:
    """Map each constraint that a row of solve.parquet records as not applied to its reason."""
    return {
        row["constraint"]: Reason.loads(row["forced_by"]) for row in solve["constraints"] if row["group"] == NOT_APPLIED
    }
