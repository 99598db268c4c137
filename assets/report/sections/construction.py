"""The section on the construction of the portfolios: their constraints, costs and trading rules, from the settings."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from assets import catalogue
from assets.catalogue import Portfolio
from assets.report.findings import Findings
from assets.report.issue import Listing, Paragraph, ReportSection
from assets.report.numbers import exact_percent
from assets.report.sections.shared import describe_fills
from assets.report.words.construction import WORDS
from assets.report.words.names import BOARDS, STYLES
from assets.report.words.speaker import Speaker
from resources.language import Language


def write_construction(found: Findings, language: Language) -> ReportSection:
    """Write a list of constraints per portfolio, and the costs and trading rules of both."""
    say = Speaker.of(language, WORDS)
    listings = [Listing(say.name(portfolio), _constraints(found, say, portfolio)) for portfolio in catalogue.PORTFOLIOS]
    return ReportSection("construction", say("construction"), [*listings, Paragraph(say.flow(_costs(found, say)))])


def _constraints(found: Findings, say: Speaker, portfolio: Portfolio) -> list[str]:
    """One line per constraint that is set; a user's own constraints share one line."""
    section = found.tree["portfolios"]
    bounds, covariance = section[portfolio.key], section["covariance"]
    lines = [say("bound_stock", value=exact_percent(bounds["stock_deviation"])), *_exposures(bounds, say)]
    if bounds["industry_deviation"] == 0:
        lines.append(say("bound_industry_zero"))
    else:
        lines.append(say("bound_industry", value=exact_percent(bounds["industry_deviation"])))
    lines.append(say("bound_turnover", value=exact_percent(bounds["turnover"], 0)))
    lines.append(say("space_members" if bounds["members_only"] else "space_market"))
    if bounds["member_share"] > 0:
        lines.append(say("bound_members", value=exact_percent(bounds["member_share"])))
    if bounds["tracking_error"] is not None:
        lines.append(say("bound_tracking", value=f"{bounds['tracking_error']:g}", covariance=covariance))
    if bounds["risk_aversion"] > 0:
        lines.append(say("risk_penalty", value=f"{bounds['risk_aversion']:g}", covariance=covariance))
    if extra := section["extra_constraints"]:
        lines.append(say("bound_extra", paths=say.join(extra)))
    return lines


def _exposures(bounds: Mapping[str, Any], say: Speaker) -> list[str]:
    """Bounds of value, of size, of the other styles together, and bands of single styles that replace them."""
    own = bounds["exposure_bands"]
    lines = [
        _exposure(say.called(style, STYLES), bounds[f"{style}_exposure"], say)
        for style in ("value", "size")
        if style not in own
    ]
    others = say.join([say.called(style, STYLES) for style in bounds["other_styles"] if style not in own])
    lines += [_exposure(others, bounds["style_exposure"], say)] if others else []
    return lines + [
        say("bound_band", name=say.called(style), band=f"[{low:g}, {high:g}]".replace("-", "−"))
        for style, (low, high) in own.items()
    ]


def _exposure(name: str, value: float, say: Speaker) -> str:
    return say("bound_zero", name=name) if value == 0 else say("bound_within", name=name, value=f"{value:g}")


def _costs(found: Findings, say: Speaker) -> list[str]:
    """Costs, stocks that are not bought, the order of relaxation, and whole lots, volume and capital."""
    shared, execution = found.tree["portfolios"], found.tree["portfolios"]["execution"]
    side = shared["cost"]
    flat = say("cost_flat", side=exact_percent(side), both=exact_percent(float(2 * Decimal(str(side)))))
    sentences = [
        say(
            "costs",
            cost=say("cost_dated") if execution["dated_fees"] else flat,
            listed=shared["min_listed_days"],
            fills=describe_fills(found, say),
            order=say.join([say.called(group, STYLES) for group in reversed(shared["relaxation_order"])]),
        )
    ]
    if execution["lots"]:
        sentences.append(_lots(found, say))
    if execution["participation"] is not None:
        sentences.append(say("trades_participation", value=exact_percent(execution["participation"])))
    if execution["lots"] or execution["participation"] is not None:
        capital = Decimal(str(execution["capital"])).normalize()
        sentences.append(say("trades_capital", value=f"{capital:,f}"))
    return sentences


def _lots(found: Findings, say: Speaker) -> str:
    """The sizes of orders in the rulebook in force, with boards of equal sizes together."""
    boards: dict[tuple[int, int], list[str]] = {}
    for board, least, step in found.rulebook["lots"]:
        boards.setdefault((least, step), []).append(say.called(board, BOARDS))
    sizes = [say("lot", boards=say.join(names), least=least, step=step) for (least, step), names in boards.items()]
    return say("trades_lots", sizes=say.join(sizes, "semicolon"))
