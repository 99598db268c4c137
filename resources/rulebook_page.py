"""docs/rulebook.md: every rule of the shipped rulebook, with its source and what it replaced.

Here: the page as text, made from the table; `python -m resources.rulebook_page` writes it, and a test holds the page to it.
"""

from pathlib import Path
from typing import Any

from resources.settings.rulebook import KINDS, RulebookSettings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rulebook.md"
HEAD = """# The rulebook

Rules of the Shanghai and Shenzhen exchanges change on a day, and a figure is right only under the rule of its day. The settings
section `rulebook` holds one row a rule with the first trading day on which it holds; bars, tape health, price limits, lots and
fees ask it, and no other part of the code holds a date, a board or a code range of a rule.

**Adding a rule.** Write its row into a settings file. Rows are *added* to the ones below, so nothing is restated; of two rows
for one board (exchange, fee) the later one holds, of two of the same day the one that stands last.

```toml
[profile]
extends = "production"

[[rulebook.price_limits]]
since = 2027-01-04
boards = ["star"]
percent = 30
st_percent = 30
source = "SSE, the notice that says so"
```

A fee under a name that no shipped row has is refused as a slip of the pen, which would be charged beside the fee that is meant; a further
charge says `additional = true`. Fees count only where `portfolios.execution.dated_fees` is on; elsewhere `portfolios.cost` is paid.
A bare code without an exchange is read by the boards in force on the day of its row.

A partition is made from the rules in force on its last day, of the kinds that its table reads. A rule dated later makes nothing
stale; one dated inside the data makes stale the partitions from that day on, and of no table that does not read its kind. Every
run prints which of your rows are not in force by its day; the report, which they must not make stale, lists those in force (table A5).

**How old it is.** `reviewed` says when somebody last held the table against what the exchanges have published. The report names
the newest rule in force, and warns on page one where newest rule and review are more than `warn_after_days` (400) days older than
its data.

**Price limits.** pre_close × (1 ± percent), a whole number of percent, half a cent rounded up, at least one cent away from pre_close. `limit_up` and
`limit_down` delivered with the day's prices win over the rule. A delivered `limit_up` of 0, or of 10 000 yuan and more
(`reference.no_limit_from`), says that the name has no limit on that day; where the whole column is 0 it was not filled, and the
rule holds. It holds too, with a note and the failing check `limits_filled`, for the names that say so against the rule where they are
more than 1 % of the day's (`reference.max_unlimited_share`, `always_unlimited`): the column was filled for the others alone.

Delivered limits are held against the rule. Where those of more than 2 % of the names (`reference.max_limits_off_share`) and more than two
names (`reference.always_set_aside`), or of all names of one percent where these are two or more, differ by more than a cent, `daily_prices` is refused with the likely cause: 10 % on every board, limits of
another day, a stand-in such as 9 999.99. A single name's count as delivered where they are a percent that the rulebook has; otherwise the
rule holds. Both stand in `set_aside.parquet` with the reason.

**The delisting period** has a limit of its own. Who is in it is read, where delivered, from `delisting_start` in
`reference/instruments` (its first trading day in the period; used from that day on), from the day's `is_delisting` in
`reference/daily_prices`, or from the day's `name` there (names in the period hold 退). The `name` in `instruments` is that of
today and is not used. Without any of these a name in its delisting period counts as ST: its limit is too narrow on the main
board until 2026-07-03. Without `delisting_start` its first day can't be told from later ones, and has their limit. On the prices
of 2010–2016, 88 ST stock-days break the rule where nobody knows the delisting periods, 38 where they are known; 26 others do.

**Trades after hours** (15:05 to 15:30) on a board that has none on that day set the symbol's whole day aside, with the reason. A daily volume may
count them or leave them out: both are tried, and the column `reference_counts` of tape_health says which held.

**The Beijing exchange** is counted and named among the rows set aside, and never in the universe.
"""
TITLES = {
    "boards": "Boards by code",
    "after_hours": "Trading after hours",
    "closing_auctions": "Closing auctions",
    "lots": "Sizes of orders",
    "fees": "Fees (used where portfolios.execution.dated_fees is on)",
    "price_limits": "Price limits",
    "listing_limits": "Price limits of the first trading days, by list_date",
    "delisting_limits": "Price limits of the delisting period",
}


def page(settings: RulebookSettings | None = None) -> str:
    """The whole page, in Markdown; of the shipped rulebook where none is given."""
    table = settings or RulebookSettings()
    parts = [HEAD]
    for kind in KINDS:
        rows = sorted(getattr(table, kind), key=lambda row: row.since)
        lines = [
            f"\n## {TITLES[kind]} (`rulebook.{kind}`)\n",
            "| since | of | rule | in place of | source |",
            "|---|---|---|---|---|",
        ]
        for n, row in enumerate(rows):
            before = _replaced(row, rows[:n])
            lines.append(f"| {row.since} | {', '.join(_keys(row))} | {_says(row)} | {before} | {row.source} |")
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def _keys(row: Any) -> tuple[str, ...]:
    """Whom a rule is about: boards, exchanges, a fee, or a board's codes."""
    if hasattr(row, "boards"):
        return tuple(row.boards)
    if hasattr(row, "exchanges"):
        return tuple(row.exchanges)
    return (row.name,) if hasattr(row, "name") else (f"{row.board} {row.first:06d}–{row.last:06d}.{row.exchange}",)


def _replaced(row: Any, earlier: list[Any]) -> str:
    """What held before for each of those a rule is about; "–" where nothing did."""
    found: dict[str, list[str]] = {}
    for key in _keys(row):
        last = next((one for one in reversed(earlier) if key in _keys(one)), None)
        if last is not None:
            found.setdefault(_says(last), []).append(key)
    if len(found) == 1 and sum(map(len, found.values())) == len(_keys(row)):
        return next(iter(found))
    return "; ".join(f"{', '.join(keys)}: {text}" for text, keys in found.items()) or "–"


def _says(row: Any) -> str:
    """A rule in a few words."""
    match type(row).__name__:
        case "BoardCodes":
            return "these codes are its shares"
        case "AfterHours":
            return "trades after hours" if row.traded else "no trading after hours"
        case "ClosingAuction":
            return "closing auction 14:57 to 15:00" if row.held else "no closing auction"
        case "Lot":
            return f"{row.least} shares, then steps of {row.step}"
        case "Fee":
            return f"{row.rate:.3%} of {'both sides' if row.sides == 'both' else row.sides}"
        case "PriceLimit":
            return f"{row.percent} %, ST {row.st_percent} %"
        case "ListingLimit":
            free = "no limit" if row.up_percent is None else f"+{row.up_percent} / −{row.down_percent} %"
            return f"{free} for {row.days} {'day' if row.days == 1 else 'days'}"
        case _:
            free = (
                f", none on the first {'day' if row.free_days == 1 else f'{row.free_days} days'}"
                if row.free_days
                else ""
            )
            return f"{row.percent} %{free}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
