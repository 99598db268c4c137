"""Makes one day of securities: the listed stocks with what was known of them on the day, and the profile that the checks judge.

This module combines the rules of rows (listing.py, limits.py, fundamentals.py, validate.py) and the findings about tables.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.reference.announcements import (
    amounts_in_other_units,
    equity_jumps,
    fourth_quarters_off,
    largest_profits,
    names_in_other_units,
    placeholder_announcements,
    profits_without_a_quarter_before,
    rising_profits,
    rising_profits_by_year,
    trailing_profits,
)
from assets.reference.diagnosis import listed_at_start, listed_together
from assets.reference.fundamentals import latest_fundamentals
from assets.reference.industries import industries_lacking
from assets.reference.last_prices import last_rows
from assets.reference.listing import delisting_days, listed_days
from assets.reference.profits import profits_doubtful, profits_mixed, profits_off, quarters_lacking
from assets.reference.reasons import DAY_IS_EMPTY, NO_MEMBERSHIP_YET, NOT_DELIVERED, NOTHING_ANNOUNCED
from assets.reference.schemas import SECURITIES, UNKNOWN_INDUSTRY
from assets.reference.set_aside import empty_table, faults_of, side_file, unusable_tables
from assets.reference.validate import (
    Sifted,
    set_aside_unlisted,
    set_aside_where,
    sift_code_changes,
    sift_fundamentals,
    sift_industries,
    sift_instruments,
    with_unlisted,
    without_false_ends,
)
from resources.gate import MORE_ROWS
from resources.made import Made
from resources.partition import Frames, Partition
from resources.reasons import Reason
from resources.rulebook import Rulebook
from resources.settings.reference import ReferenceSettings
from resources.values import median_of

CHANGES_SHOWN = 20  # changes of codes listed in the notes


def _listed_changes(changes: Sifted) -> list[Any]:
    """Return the changes of codes that are used, as "600129.SH → 601990.SH, 2023-05-10", the latest first, for the notes."""
    rows = changes.usable.sort("date", "old", descending=[True, False]).select("old", "new", "date").rows()
    texts = [f"{old} → {new}, {date}" for old, new, date in rows[:CHANGES_SHOWN]]
    earlier = len(rows) - CHANGES_SHOWN
    return [*texts, MORE_ROWS(count=earlier).to_json()] if earlier > 0 else texts


DELIVERED = (
    "largest_profit",
    "profits",
)  # of a stock's last eight quarters: the largest absolute profit, and their number
_FOUND_IN = {
    "listed_at_start": "instruments",
    "industries_lacking": "industries",
}  # the table that a finding concerns, where it is not fundamentals
FUNDAMENTALS = ("equity", "net_profit", "profitability", "profitability_year_ago")


def make_securities(frames: Frames, partition: Partition, settings: ReferenceSettings) -> Made:
    """Make one row per stock listed on the day, with what was known of it at the close.

    A stock is listed where list_date ≤ day and it is not yet delisted (one that trades on its delist_date is listed on it). A stock that
    trades without a row in reference/instruments is listed too, but its listed_days are unknown and it is not in U(t). Without
    reference/instruments, the stocks that have traded so far are listed, and listed_days and in_universe are n/a. Faults of the tables
    are reported in the profile and in set_aside.parquet, never raised.
    """
    date, calendar, rules = partition.date, partition.calendar, partition.rules
    landing: Any = partition.landing
    unavailable, today = partition.unavailable, frames["daily_prices"].collect()
    if today.is_empty():
        reason = unavailable.get("daily_prices", {}).get("close", DAY_IS_EMPTY(table="daily_prices", date=date))
        return empty_table(SECURITIES, reason)
    reasons: dict[str, Reason] = {}
    sifted: dict[str, Sifted] = {}
    prices = landing.reference("daily_prices").collect()  # a slice of the landing zone's frame: nothing is copied
    changes = landing.code_changes()
    names = _listed_names(today, prices, landing, date, sifted, reasons, rules)
    names = names.filter(~pl.col("symbol").is_in(list(changes.gone(date))))
    frame = _last_known(names, today, prices, date, rules)
    leaving = delisting_days(frame, date, calendar).is_not_null()
    frame = frame.with_columns(is_st=pl.col("is_st") | leaving)
    frame = frame.join(_industries(landing, date, sifted, reasons, rules), on="symbol", how="left")
    delivered = _fundamentals(landing, date, prices, sifted, reasons, rules, settings)
    frame = frame.join(delivered, on="symbol", how="left")
    days = listed_days(frame["list_date"], date, calendar)
    frame = frame.with_columns(
        date=pl.lit(date),
        board=rules.board(),
        listed_days=days,
        traded=pl.col("traded").fill_null(False),
        industry=pl.col("industry").fill_null(UNKNOWN_INDUSTRY),
        last_close="close",
        total_mv=pl.col("close") * pl.col("total_shares"),
        float_mv=pl.col("close") * pl.col("float_shares"),
    )
    member = pl.col("traded") & ~pl.col("is_st") & (pl.col("listed_days") >= settings.min_listed_days)
    known = pl.lit("in_universe" not in reasons)
    frame = frame.with_columns(in_universe=pl.when(known).then(member.fill_null(False))).sort("symbol")
    other_unit = amounts_in_other_units(
        frame.select("total_mv", equity="delivered_equity", net_profit="delivered_profit"),
        settings,
        landing.declared("daily_prices").get("landing.daily_prices.share_unit"),
        _median_turnover(today),
    )
    if "fundamentals" in sifted and other_unit is None:
        strange = names_in_other_units(frame, settings)
        own = (
            sifted["fundamentals"].usable.select("symbol").join(strange, on="symbol", how="left", maintain_order="left")
        )
        rule = (pl.col("reason").is_not_null(), pl.col("reason"))
        sifted["fundamentals"] = set_aside_where(sifted["fundamentals"], own, [rule])
        sound = ~pl.col("symbol").is_in(strange["symbol"].implode())
        frame = frame.with_columns(pl.when(sound).then(name).alias(name) for name in FUNDAMENTALS)
    frame = frame.select(*SECURITIES)
    files, notes = side_file(sifted)
    notes |= {
        "listed": frame.height,
        "traded": int(frame["traded"].sum()),
        "in_universe": int(frame["in_universe"].sum()),
        "negative_equity": int((frame["equity"] <= 0).sum()),
        **({"code_changes": _listed_changes(sift_code_changes(changes, landing.traded_days()))} if changes else {}),
    }
    findings = {"other_unit": other_unit}
    if "instruments" in sifted:
        at_start = prices[: prices["date"].search_sorted(prices["date"][0], side="right")]
        listings = sifted["instruments"].usable
        findings["listed_at_start"] = listed_at_start(listings, at_start, settings) or listed_together(
            listings, settings
        )
    if "industries" in sifted and "industry" not in reasons:
        findings["industries_lacking"] = industries_lacking(frame, lambda: _last_members(landing), settings)
    if "fundamentals" in sifted:
        parted = landing.declared("fundamentals").get("landing.fundamentals.profits") == "year_to_date"
        figures = frame.select("equity", "net_profit") if other_unit is None else None
        findings |= _findings_of_profits(sifted["fundamentals"].usable, date, figures, settings, parted)
    return Made(frame, _securities_profile(frame, sifted, findings, settings), files, reasons, notes)


def _findings_of_profits(
    announced: pl.DataFrame, date: dt.date, figures: pl.DataFrame | None, settings: ReferenceSettings, parted: bool
) -> dict[str, Reason | None]:
    """Return the findings that announcements known on `date` are not profits of single quarters, by checked column.

    figures: equity and net_profit of the day; None where they are in another unit. parted: the profits are declared as those of
    the year so far.
    """
    found = rising_profits(announced, date, settings, parted=parted)
    by_year = rising_profits_by_year(announced, date, settings, parted=parted)
    rising = profits_mixed(by_year, parted, settings) or profits_off(found, parted, settings)
    fourth, fourth_doubt = fourth_quarters_off(announced, date, settings)
    # Single quarters that were split once more rise where the fourth one is large.
    off = (rising or fourth) if parted else (fourth or rising)
    if not parted and off is None:
        lacking, profits = profits_without_a_quarter_before(announced, date)
        off = quarters_lacking(lacking, profits, settings)
    trailing, trailing_doubt = None, None
    if off is None and figures is not None:
        trailing, trailing_doubt = trailing_profits(announced, figures, date, settings)
    doubts = (profits_doubtful(found, parted, settings), fourth_doubt, trailing_doubt)
    return {
        "rising_profits": off or trailing,
        "placeholder_dates": placeholder_announcements(announced, date, settings),
        "doubtful_profits": None if off or trailing else next(filter(None, doubts), None),
    }


def _last_known(
    names: pl.DataFrame, today: pl.DataFrame, prices: pl.DataFrame, date: dt.date, rules: Any
) -> pl.DataFrame:
    """Return the stocks with the day's row of daily_prices or, where a stock is suspended, the last row before."""
    suspended = last_rows(prices, names.join(today, on="symbol", how="anti")["symbol"], date, rules)
    shown = ("symbol", "close", "float_shares", "total_shares", "is_st")
    declared = [column for column in ("is_delisting", "name") if column in suspended.columns]
    traded = today.select(*shown, "limit_up", "limit_down", traded=pl.lit(True))
    without = suspended.select(
        *shown,
        *declared,
        limit_up=pl.lit(None, pl.Float64),
        limit_down=pl.lit(None, pl.Float64),
        traded=pl.lit(False),
    )
    last = pl.concat([traded, without], how="diagonal")
    return names.join(last, on="symbol", how="left", maintain_order="left")


def _median_turnover(today: pl.DataFrame) -> float | None:
    """Return the median of volume / float_shares of the day; None where no stock has both."""
    turnover = (today["volume"] / today["float_shares"]).drop_nulls()
    return median_of(turnover) if turnover.len() else None


def _listed_names(
    today: pl.DataFrame,
    prices: pl.DataFrame,
    landing: Any,
    date: dt.date,
    sifted: dict[str, Sifted],
    reasons: dict[str, Reason],
    rules: Rulebook,
) -> pl.DataFrame:
    """Return symbol, list_date and delisting_start of each listed stock, sorted by symbol."""
    instruments = landing.reference("instruments")
    if instruments is None:
        reasons |= dict.fromkeys(("listed_days", "in_universe"), NOT_DELIVERED(table="instruments"))
        traded = prices.select("symbol").unique().filter(rules.is_a_share())
        names = pl.concat([traded, today.select("symbol")]).unique().sort("symbol")
        return names.with_columns(pl.lit(None, pl.Date).alias(name) for name in ("list_date", "delisting_start"))
    first = landing.code_changes().first_days(landing.first_traded(), date)
    listings = set_aside_unlisted(sift_instruments(instruments.collect(), rules), first)
    sifted["instruments"] = without_false_ends(listings, landing.traded_after_end())
    known = sifted["instruments"].usable.filter(pl.col("list_date") <= date)
    trades = pl.col("symbol").is_in(today["symbol"].to_list())
    listed = known.filter(pl.col("delist_date").is_null() | (pl.col("delist_date") > date) | trades)
    unlisted = today.join(listed, on="symbol", how="anti").select("symbol")
    sifted["instruments"] = with_unlisted(sifted["instruments"], unlisted["symbol"])
    return pl.concat([listed.select("symbol", "list_date", "delisting_start"), unlisted], how="diagonal").sort("symbol")


def _industries(
    landing: Any, date: dt.date, sifted: dict[str, Sifted], reasons: dict[str, Reason], rules: Rulebook
) -> pl.DataFrame:
    """Return symbol and industry: the membership that started last; n/a where none has started by `date`."""
    delivered = landing.reference("industries")
    if delivered is None:
        reasons["industry"] = NOT_DELIVERED(table="industries")
        return pl.DataFrame(schema={"symbol": pl.String, "industry": pl.String})
    sifted["industries"] = sift_industries(delivered.collect(), rules)
    if sifted["industries"].usable.is_empty() and sifted["industries"].faults.is_empty():
        reasons["industry"] = NO_MEMBERSHIP_YET(date=date)
    started = sifted["industries"].usable.sort("symbol", "start_date")
    return started.unique("symbol", keep="last", maintain_order=True).select("symbol", "industry")


def _fundamentals(
    landing: Any,
    date: dt.date,
    prices: pl.DataFrame,
    sifted: dict[str, Sifted],
    reasons: dict[str, Reason],
    rules: Rulebook,
    settings: ReferenceSettings,
) -> pl.DataFrame:
    """Return symbol with the latest announced figures, delivered_equity, delivered_profit and DELIVERED.

    delivered_equity, delivered_profit: the figures before jumps of equity are set aside. prices: daily_prices up to the day, by date.
    """
    delivered = landing.reference("fundamentals")
    if delivered is None:
        reasons |= dict.fromkeys(FUNDAMENTALS, NOT_DELIVERED(table="fundamentals"))
        columns = (*FUNDAMENTALS, "delivered_equity", "delivered_profit", *DELIVERED)
        return pl.DataFrame(schema={"symbol": pl.String, **dict.fromkeys(columns, pl.Float64)})
    every = sift_fundamentals(delivered.collect(), rules)
    latest = latest_fundamentals(every.usable)
    before = latest.select("symbol", delivered_equity="equity", delivered_profit="net_profit")
    unlisted = pl.DataFrame(schema={"symbol": pl.String, "list_date": pl.Date})
    listings = sifted["instruments"].usable if "instruments" in sifted else unlisted
    judged, jumps = equity_jumps(every.usable, prices, listings, settings)
    sifted["fundamentals"] = every
    if judged.select(
        pl.any_horizontal(holds for holds, _ in jumps).any()
    ).item():  # rare: otherwise the figures are not computed twice
        sifted["fundamentals"] = set_aside_where(every, judged, jumps)
        latest = latest_fundamentals(sifted["fundamentals"].usable)
    largest = largest_profits(sifted["fundamentals"].usable)
    before = before.join(largest, on="symbol", how="left", maintain_order="left")
    for column in FUNDAMENTALS:
        if latest[column].null_count() == latest.height:
            reasons[column] = NOTHING_ANNOUNCED(column=column, date=date)
    return before.join(latest, on="symbol", how="left", maintain_order="left")


def _last_members(landing: Any) -> dict[str, list[str]]:
    """Return index → the members of its last vector, as delivered; {} where reference/index_weights was not delivered."""
    weights = landing.reference("index_weights")
    if weights is None:
        return {}
    last = weights.filter(pl.col("date") == pl.col("date").max().over("index"), pl.col("weight") > 0)
    return dict(last.select("index", "symbol").drop_nulls().collect().group_by("index").agg("symbol").iter_rows())


def _securities_profile(
    frame: pl.DataFrame,
    sifted: Mapping[str, Sifted],
    findings: Mapping[str, Reason | None],
    settings: ReferenceSettings,
) -> pl.DataFrame:
    """Return the rows that the checks judge.

    These are the rows of the table, with an unknown industry as null, one row per fault in a reference table, one per table of which
    too much is unusable, and one per entry of `findings` (checked column → finding, None where there is none).
    """
    kept = frame.with_columns(
        industry=pl.when(pl.col("industry") != UNKNOWN_INDUSTRY).then("industry"),
        set_aside=pl.lit(0, pl.Int64),
        reason=pl.lit("used"),
    )
    # Only the fault of such a row is judged: columns that must not be null are filled.
    found = [
        pl.DataFrame(
            {
                "table": [_FOUND_IN.get(column, "fundamentals")],
                "reason": ["used"],
                column: [1],
                "detail": [reason.dumps()],
            }
        )
        for column, reason in findings.items()
        if reason
    ]
    faults = pl.concat([faults_of(sifted), unusable_tables(sifted, settings), *found], how="diagonal")
    faults = faults.with_columns(
        date=pl.lit(frame["date"][0]), listed_days=pl.lit(0, pl.Int32), industry=pl.lit(""), equity=pl.lit(0.0),
        set_aside=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
    )  # fmt: skip
    wanted = {
        "unusable": pl.Int64,
        "rising_profits": pl.Int64,
        "doubtful_profits": pl.Int64,
        "placeholder_dates": pl.Int64,
        "other_unit": pl.Int64,
        "listed_at_start": pl.Int64,
        "industries_lacking": pl.Int64,
        "detail": pl.String,
    }
    whole = pl.concat([kept, faults], how="diagonal")
    return whole.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in wanted.items() if name not in whole.columns
    )
