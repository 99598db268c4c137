"""Generates docs/rulebook.md: every rule of the shipped rulebook with its source and the rule that it replaced.

`python -m resources.rulebook_page` writes the page, and a test checks that it is current.
"""

from pathlib import Path
from typing import Any

from resources.settings.rulebook import KINDS, RulebookSettings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rulebook.md"
HEAD = """# The rulebook

Rules of the Shanghai and Shenzhen exchanges change on certain days, and a figure is right only under the rule of its day. The
settings section `rulebook` has one row per rule with the first trading day on which it is in force. Bars, tape health, price limits,
lots and fees read it, and no other part of the code contains a date, a board or a code range of a rule.

**Adding a rule.** Write its row into a settings file. Rows are *added* to the ones below and need not repeat them. Of two rows for one
board (exchange, fee) the later one is in force; of two rows of the same day, the last one.

```toml
[profile]
extends = "production"

[[rulebook.price_limits]]
since = 2027-01-04
boards = ["star"]
percent = 30
st_percent = 30
source = "SSE, the notice with the rule"
```

A fee with a name that no shipped row has is refused as a probable typing error, since it would be charged in addition to the intended
fee; declare a further charge with `additional = true`. Fees count only where `portfolios.execution.dated_fees` is on; otherwise
`portfolios.cost` is paid. A bare code without an exchange is read by the boards in force on the day of its row.

A partition is made from the rules in force on its last day, of the kinds that its table reads. A rule dated after the data makes no
partition stale. A rule dated inside the data makes the partitions from that day on stale, for the tables that read its kind. Every run
prints which of your rows are not in force by its day. The report, which these rows must not make stale, lists those in force (table A5).

**Age.** `reviewed` is the date on which the table was last compared with the publications of the exchanges. The report names the
newest rule in force, and warns on page one where both the newest rule and the review are more than `warn_after_days` (400) days older
than its data.

**Price limits.** pre_close × (1 ± percent), a whole number of percent, half a cent rounded up, at least one cent away from pre_close. `limit_up` and
`limit_down` delivered with the day's prices take precedence over the rule. A delivered `limit_up` of 0, or of 10 000 yuan and more
(`reference.no_limit_from`), means that the stock has no limit on that day. Where the whole column is 0, it was not filled, and the rule
applies. The rule also applies, with a note and the failing check `limits_filled`, to the stocks whose limits are missing against the
rule where these are more than 1 % of the day's (`reference.max_unlimited_share`, `always_unlimited`), since the column was then filled
for the others only.

Delivered limits are compared with the rule. Where those of more than 2 % of the stocks (`reference.max_limits_off_share`) and of more
than two stocks (`reference.always_set_aside`) differ by more than a cent, or those of all stocks with one percentage where these are two
or more, `daily_prices` is refused with the likely cause: 10 % on every board, limits of another day, or a placeholder such as 9 999.99.
The differing limits of a single stock count as delivered where they are a percentage of the rulebook; otherwise the rule applies. Both
are listed in `set_aside.parquet` with the reason.

**The delisting period** has its own limit. Whether a stock is in it is read, where delivered, from `delisting_start` in
`reference/instruments` (its first trading day in the period, used from that day on), from the day's `is_delisting` in
`reference/daily_prices`, or from the day's `name` there (names in the period contain 退). The `name` in `instruments` is today's and is
not used. Without any of these, a stock in its delisting period counts as ST, and its limit is too narrow on the main board until
2026-07-03. Without `delisting_start`, the first day of the period is not known and has the limit of the later days. On the prices of
2010–2016, 88 ST stock-days break the rule where the delisting periods are not known and 38 where they are; so do 26 other stock-days.

**Trades after hours** (15:05 to 15:30) on a board that has none on that day set the symbol's whole day aside, with the reason. A daily volume may
count them or not: both are tried, and the column `reference_counts` of tape_health states which was right.

**The Beijing exchange** is counted and named among the rows set aside, and is never in the universe.
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
    """Generate the whole page in Markdown; by default for the shipped rulebook."""
    table = settings or RulebookSettings()
    parts = [HEAD]
    for kind in KINDS:
        rows = sorted(getattr(table, kind), key=lambda row: row.since)
        lines = [
            f"\n## {TITLES[kind]} (`rulebook.{kind}`)\n",
            "| since | subject | rule | replaced rule | source |",
            "|---|---|---|---|---|",
        ]
        for n, row in enumerate(rows):
            before = _replaced(row, rows[:n])
            lines.append(f"| {row.since} | {', '.join(_keys(row))} | {_words(row)} | {before} | {row.source} |")
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def _keys(row: Any) -> tuple[str, ...]:
    """The subject of a rule: boards, exchanges, a fee, or a board's codes."""
    if hasattr(row, "boards"):
        return tuple(row.boards)
    if hasattr(row, "exchanges"):
        return tuple(row.exchanges)
    return (row.name,) if hasattr(row, "name") else (f"{row.board} {row.first:06d}–{row.last:06d}.{row.exchange}",)


def _replaced(row: Any, earlier: list[Any]) -> str:
    """The earlier rule for each subject of a rule; "–" where there was none."""
    found: dict[str, list[str]] = {}
    for key in _keys(row):
        last = next((one for one in reversed(earlier) if key in _keys(one)), None)
        if last is not None:
            found.setdefault(_words(last), []).append(key)
    if len(found) == 1 and sum(map(len, found.values())) == len(_keys(row)):
        return next(iter(found))
    return "; ".join(f"{', '.join(keys)}: {text}" for text, keys in found.items()) or "–"


def _words(row: Any) -> str:
    """Word a rule in a short phrase."""
    match type(row).__name__:
        case "BoardCodes":
            return "the codes of its shares"
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
