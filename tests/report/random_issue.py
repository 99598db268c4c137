"""Random inputs of an issue: returns for some rows, reasons for the others. No assertion."""

import datetime as dt
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from assets import catalogue
from assets.performance.schemas import RANK_ICS
from assets.portfolios.reasons import (
    KEPT_ABOVE,
    NAME_IN_STATE,
    NAMES,
    NOT_VERIFIED,
    STATE,
    STYLE_NULL,
    TIE_SMALLEST_TURNOVER,
)
from assets.portfolios.schemas import ATTRIBUTION, COMPONENTS, PORTFOLIO_LINES
from assets.portfolios.week.record import NESTED
from assets.report import make_report as maker
from assets.tape_health.reasons import (
    BOOK_SET_ASIDE,
    NO_TRADE_OF_VOLUME,
    QUOTES_CROSSED,
    SNAPSHOTS_UNUSABLE,
    TRADES_DO_NOT_ADD_UP,
)
from resources.calendar import Calendar
from resources.made import Made
from resources.partition import Record
from resources.rulebook import describe_rulebook
from resources.settings.evaluation import EvaluationSettings
from resources.settings.factors import FactorsSettings
from resources.settings.models import ModelsSettings
from resources.settings.portfolios import PortfoliosSettings
from resources.settings.report import ReportSettings
from resources.settings.returns import ReturnsSettings
from resources.settings.rulebook import RulebookSettings
from resources.settings.styles import StylesSettings
from tests.making import run_make
from tests.performance.random_evaluation import random_rows
from tests.reasons import to_reasons

CALENDAR = Calendar.xshg()
COST = 0.001  # of every day, so that gross and net are never taken for each other
NOT_ADDED_UP = TRADES_DO_NOT_ADD_UP(volume=100, amount=1000.0, reference_volume=300, reference_amount=3000.0)
CROSSED = BOOK_SET_ASIDE(
    cause=SNAPSHOTS_UNUSABLE(count=30, snapshots=40, limit=0.05, faults=[QUOTES_CROSSED(count=30)])
)
TAPES = [
    (dt.date(2023, 12, 12), "600519.SH", "set aside", "ok", NOT_ADDED_UP.dumps()),
    (dt.date(2023, 12, 11), "000001.SZ", "repaired", "set aside", CROSSED.dumps()),
    (dt.date(2023, 12, 11), "000002.SZ", "missing", None, NO_TRADE_OF_VOLUME(volume=100).dumps()),
    (dt.date(2023, 12, 11), "600519.SH", "ok", "ok", None),
]
LEFT_OUT = {"table": pl.String, "partition": pl.Date, "code": pl.String, "item": pl.String, "value": pl.String}
MISSING = {"large_order_net_buy_share": "order_sizes of fewer than 5 days: no threshold for large orders"}


def run_settings(sample: bool = True, alpha: str | tuple[str, ...] = "gru_50_1") -> dict[str, Any]:
    tree = {
        "factors": FactorsSettings().model_dump(mode="json"),
        "styles": StylesSettings().model_dump(mode="json"),
        "models": ModelsSettings().model_dump(mode="json"),
        "evaluation": EvaluationSettings().model_dump(mode="json"),
        "portfolios": PortfoliosSettings(alpha=alpha).model_dump(mode="json"),
        "returns": ReturnsSettings().model_dump(mode="json"),
        "report": ReportSettings().model_dump(mode="json"),
        "rulebook": {"warn_after_days": 400},
    }
    differences = [
        {
            "setting": "portfolios.alpha",
            "value": alpha,
            "production": "multi_granularity_10d",
            "reason": "network 16 does not exist yet",
        }
    ]
    return {
        "profile": {"name": "sample", "description": "Short windows for a first look.", "shortens": {}},
        "settings": tree,
        "differences": differences if alpha != "multi_granularity_10d" else [],
        "market": {"sample": sample, "name": "sample-7"},
        "rulebook": describe_rulebook(RulebookSettings(), dt.date(2023, 12, 15)),
    }


def inputs(
    seed: int = 0,
    week: dt.date = dt.date(2023, 12, 11),
    first: dt.date = dt.date(2023, 3, 1),
    factors: tuple[str, ...] = (*catalogue.TEN[:4], *catalogue.TEN[5:], "gru_50_1"),
    portfolios: tuple[str, ...] = ("csi500", "csi1000"),
    settings: ReportSettings | None = None,
    lines: tuple[str, ...] = (),
    **run: Any,
) -> dict[str, Any]:
    """Keyword arguments of `make_report`, below."""
    rng = np.random.default_rng(seed)
    day = CALENDAR.signal_day(week)
    days = CALENDAR.days(first, day)
    returns = pl.concat(
        [
            pl.DataFrame(schema={"date": pl.Date, "factor": pl.String, **dict.fromkeys(("long", "short", "market"), pl.Float64)}),
            *(
                pl.DataFrame(
                    {
                        "date": days,
                        "factor": [key] * len(days),
                        "long": (market := rng.normal(0.0002, 0.01, len(days))) + rng.normal(0.0005, 0.002, len(days)),
                        "short": market + rng.normal(-0.0003, 0.002, len(days)),
                        "market": market,
                    }
                )
                for key in factors
            ),
        ]
    )  # fmt: skip
    ics = pl.concat(
        [
            pl.DataFrame(schema=RANK_ICS),
            *(
                pl.DataFrame(
                    {
                        "week": days[::20][1:],
                        "factor": [key] * len(days[::20][1:]),
                        "signal_date": days[::20][:-1],
                        "trade_date": days[1::20][: len(days[::20]) - 1],
                        "next_trade_date": days[::20][1:],
                        "rank_ic": rng.normal(0.04, 0.05, len(days[::20]) - 1),
                        "names": [100] * (len(days[::20]) - 1),
                    }
                ).cast(RANK_ICS)
                for key in factors
            ),
        ]
    )
    traded = pl.concat(
        [
            pl.DataFrame(schema={"date": pl.Date, "portfolio": pl.String, **dict.fromkeys(_RETURNS, pl.Float64)}),
            *(
                pl.DataFrame(
                    {
                        "date": days,
                        "portfolio": [key] * len(days),
                        "gross": ((net := rng.normal(0.0008, 0.011, len(days))) + 1) / (1 - COST) - 1,
                        "cost": [COST] * len(days),
                        "net": net,
                        "benchmark": net - rng.normal(0.0006, 0.003, len(days)),
                        "turnover": [0.3 if d.weekday() == 0 else 0.0 for d in days],
                    }
                )
                for key in portfolios
            ),
        ]
    )
    tables = ("daily_prices", "factors", "minute_bars", "scores", "trades", "gru_50_1")
    manifests = pl.DataFrame(
        [
            (table, d, 30_000, check, check == "adds_up", False, not (table == "trades" and d == days[-9] and check == "adds_up"), "", "", "")
            for table in tables
            for d in days[-40:]
            for check in ("adds_up", "coverage_is_usual")
        ],
        schema={
            "table": pl.String, "partition": pl.Date, "rows": pl.Int64, "check": pl.String, "critical": pl.Boolean,
            "plausibility": pl.Boolean, "passed": pl.Boolean, "detail": pl.String, "remedy_en": pl.String, "remedy_zh": pl.String,
        },
        orient="row",
    )  # fmt: skip
    detail = "volume_difference must be 0; not so in 1 of 120 rows: symbol=600519.SH."
    manifests = manifests.with_columns(
        pl.when("passed").then(pl.lit("")).otherwise(pl.lit(detail)).alias("detail"),
        pl.when("passed").then(pl.lit("")).otherwise(pl.lit("re-deliver the day's tick files")).alias("remedy_en"),
        pl.when("passed").then(pl.lit("")).otherwise(pl.lit("重新提供当日逐笔文件")).alias("remedy_zh"),
    )
    built = pl.DataFrame({"symbol": ["600519.SH"], "weight": [1.0]})
    return {
        "week": week,
        "date": day,
        "factor_returns": returns.lazy(),
        "rank_ics": ics.lazy(),
        "evaluation": random_rows(weeks=20, factors=factors, last=week, seed=seed).lazy(),
        "portfolio_returns": traded.lazy(),
        "attribution": random_attribution(weeks=20, portfolios=portfolios, last=week, seed=seed).lazy(),
        "portfolio_lines": random_lines(traded, lines, seed).lazy(),
        "csi500_portfolio": (built if "csi500" in portfolios else built.clear()).lazy(),
        "csi1000_portfolio": (built if "csi1000" in portfolios else built.clear()).lazy(),
        "indices": pl.DataFrame({"date": [day], "index": ["000905.SH"], "index_close": [5500.0]}).lazy(),
        "tape_health": pl.DataFrame(
            TAPES, schema=["date", "symbol", "verdict", "quotes_verdict", "reason"], orient="row"
        ).lazy(),
        "files": _files,
        "unavailable": to_reasons({"factor_returns": MISSING, "csi1000_portfolio": {}}),
        "manifests": manifests,
        "left_out": pl.DataFrame(schema=LEFT_OUT),
        "run_settings": run_settings(**run),
        "settings": settings or ReportSettings(pdf=False),
        "calendar": CALENDAR,
    }


NO_VALUE = "no fundamentals"


def random_lines(returns: pl.DataFrame, lines: tuple[str, ...], seed: int = 0) -> pl.DataFrame:
    """Each line's days: those of the portfolios, with returns of its own."""
    rng = np.random.default_rng(seed)
    monday = pl.col("date").dt.truncate("1w").alias("week")
    own = [
        returns.with_columns(monday, line=pl.lit(line), net=pl.Series(rng.normal(5e-4, 0.01, returns.height)))
        for line in lines
    ]
    frame = pl.concat(own) if own else pl.DataFrame(schema=PORTFOLIO_LINES)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in PORTFOLIO_LINES.items())


def random_attribution(weeks: int, portfolios: tuple[str, ...], last: dt.date, seed: int = 0) -> pl.DataFrame:
    """Parts of `weeks` weeks up to `last`; value is n/a in all of them, nothing was delisted."""
    rng = np.random.default_rng(seed)
    items = {
        "selection": ("801080", "801780"), "style": ("size", "turnover"), "industry": ("801080", "801780"),
        "cash": ("cash",), "cost": ("trading",), "unfilled": ("suspended", "cash"), "benchmark_basis": ("index",),
    }  # fmt: skip
    assert set(items) < set(COMPONENTS)
    rows: list[tuple[Any, ...]] = []
    for key in portfolios:
        for back in range(weeks):
            week = last - dt.timedelta(weeks=back)
            head = (week, CALENDAR.signal_day(week) if CALENDAR.week_days(week) else week, key)
            rows += [(*head, c, item, rng.normal(0, 0.002), None) for c, own in items.items() for item in own]
            rows.append((*head, "style", "value", None, NO_VALUE))
    return pl.DataFrame(rows, schema=ATTRIBUTION, orient="row").sort("week", "portfolio", "component", "item")


_RETURNS = ("gross", "cost", "net", "benchmark", "turnover")


CAUSE = KEPT_ABOVE(cause=NAMES(names=[NAME_IN_STATE(symbol="000001.SZ", state="suspended", weight=0.03)])).dumps()


def random_solve() -> pl.DataFrame:
    """The row of solve.parquet of a relaxed week: every kind of member, cost and attempt once."""
    row = {"lower": 0.0, "upper": 0.0, "value": 0.0, "residual": 0.0, "shadow_price": 0.0}
    relaxed = [
        {**row, "constraint": "industry", "group": "industry", "row": "801080", "slack": 0.0123, "forced_by": CAUSE},
        {**row, "constraint": "stock_deviation", "group": "hard", "row": "000002.SZ", "slack": 0.004,
         "forced_by": STATE(state="suspended").dumps()},
    ]  # fmt: skip
    skipped = {"constraint": "growth", "group": "n/a", "row": "growth", "forced_by": STYLE_NULL(style="growth").dumps()}
    costs = [
        ("turnover_limit", "turnover", 1, 1, 1.5, 0.45, None),
        ("stock_deviation", "hard", 5300, 87, 20.0, 0.2, None),
        ("industry", "industry", 31, 30, 7.0, 0.0, None),
        ("suspended", "hard", 4, 2, 3.0, 0.0, None),
        ("volatility", "styles", 1, 0, 0.0, 0.0, None),
    ]
    names = [
        ("600519.SH", "stock_deviation", "upper", 0.02, 0.01, 2.5, 0.025),
        ("000001.SZ", "suspended", "lower", 0.03, 0.01, -2.0, 0.0),
    ]
    members = [
        ("constraint", "industry", "801080", "upper", 0.0, 0.041, 0),
        ("constraint", "size", "size", "lower", -0.2, 0.0, 0),
        ("constraint", "turnover_limit", "one_way", "upper", 0.3, 0.0, 0),
        ("stock_bands", "stock_bands", "", "upper", 0.0, 0.0, 12),
        *(("state", "suspended", f"00000{k}.SZ", "lower", 0.03 - k / 1000, 0.01, 1) for k in range(1, 8)),
    ]
    attempts = [
        ("strict", "HiGHS dual simplex", "infeasible", None, None, ""),
        ("industry", "HiGHS dual simplex", "optimal", 1e-7, 0.0, NOT_VERIFIED),
        ("industry", "HiGHS interior point", "optimal", 1e-12, 0.0, ""),
    ]

    def entries(name: str, rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        keys = [field.name for field in NESTED[name].inner.fields]
        return [dict(zip(keys, one, strict=True)) for one in rows]

    fields = {field.name: field.dtype for field in NESTED["conflicts"].inner.fields}
    keys = [field.name for field in fields["members"].inner.fields]
    conflict = {
        "members": [dict(zip(keys, one, strict=True)) for one in members],
        "violation": 0.0123,
    }
    nested = {
        "constraints": [*relaxed, skipped],
        "relaxations": relaxed,
        "costs": entries("costs", costs),
        "binding_names": entries("binding_names", names),
        "conflicts": [conflict],
        "attempts": entries("attempts", attempts),
    }
    flat = {
        "status": "relaxed", "holdings": 187, "benchmark_without_score": 0.4812, "frozen_weight": 0.013,
        "benchmark_delisted": 0.0, "benchmark_beijing": 0.0041, "benchmark_beijing_members": "920002.BJ",
        "objective": 1.2345, "solver": "HiGHS dual simplex", "tie_break": TIE_SMALLEST_TURNOVER,
        "residual": 2e-12, "duality_gap": -3e-13,
    }  # fmt: skip
    return pl.DataFrame([flat]).with_columns(
        pl.Series(name, [rows], dtype=NESTED[name]) for name, rows in nested.items()
    )


def _files(table: str, week: dt.date, name: str) -> bytes:
    assert name == "solve.parquet"
    buffer = io.BytesIO()
    random_solve().write_parquet(buffer)
    return buffer.getvalue()


def make_report(
    *, manifests: pl.DataFrame, left_out: pl.DataFrame, run_settings: Mapping[str, Any], **known: Any
) -> Made:
    """What `maker.make_report` makes of `inputs`."""
    return run_make(maker.make_report, record=Record(manifests, left_out, run_settings), **known)


def make(**changes: Any) -> Made:
    return make_report(**inputs(**changes))
