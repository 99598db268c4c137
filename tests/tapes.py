"""Tables of a day as the bars' functions are handed them: rows written by hand, side files counted plainly from them."""

import datetime as dt
import io
from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.bars.make_minute_bars import make_minute_bars
from assets.bars.make_order_sizes import make_order_sizes
from assets.bars.schemas import ORDER_SIZES
from assets.tape_health.make_tape_health import make_tape_health
from assets.ticks.canonical import ORDERS, QUOTES, TRADES
from assets.ticks.day_of_files import ENDS, SYMBOLS
from assets.ticks.numbers import NUMBERS
from resources.bar_forms import read_bars
from resources.delivered_files import DeliveredTable
from resources.made import Made
from resources.reasons import describe_column, put_into_words
from resources.settings.bars import BarsSettings
from resources.settings.landing import LandingBarsSettings, LandingDailyPricesSettings, LandingSettings
from tests.making import run_make
from tests.reasons import to_reasons

DATE = dt.date(2024, 1, 10)
DAILY = {
    "symbol": pl.String,
    "pre_close": pl.Float64,
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "volume": pl.Int64,
    "amount": pl.Float64,
}
SECURITIES = {"symbol": pl.String, "limit_up": pl.Float64, "limit_down": pl.Float64, "last_close": pl.Float64}
TABLES = {"trades": TRADES, "orders": ORDERS, "quotes": QUOTES}
NOTHING = {"trades": {"price": "no ticks/20240110 in the landing zone"}}


def as_read(bars: pl.DataFrame, date=DATE, path="bars/20240110.parquet", **declared) -> pl.DataFrame:
    """Delivered bars as the landing zone reads them; declared: settings of landing.bars."""
    settings = LandingSettings(bars=LandingBarsSettings(**declared))
    table = DeliveredTable(bars, pl.Series([None], dtype=pl.String).new_from_index(0, bars.height))
    return read_bars(table, date, path, settings)


class Landing:
    """A landing view of a day: bars as a user delivers them, order sizes beside them and limit prices, where given.
    days, declared: settings of landing.daily_prices and landing.bars."""

    def __init__(
        self, bars=None, sizes=None, limits=None, path="bars/20240110.parquet", date=DATE, days=None, **declared
    ):
        self._settings = LandingSettings(
            bars=LandingBarsSettings(**declared), daily_prices=LandingDailyPricesSettings(**(days or {}))
        )
        self._declared = declared
        self._bars, self._sizes, self._limits, self._path, self.date = bars, sizes, limits, path, date

    def bars(self):
        return None if self._bars is None else as_read(self._bars, self.date, self._path, **self._declared)

    def declared(self, name):
        return self._settings.declared(name)

    def bars_path(self):
        from pathlib import Path

        return Path(self._path)

    def order_sizes(self):
        return self._sizes

    def reference(self, name):
        return None if self._limits is None else self._limits.with_columns(date=pl.lit(self.date)).lazy()


def encode(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def symbols_of(table: str, rows: pl.DataFrame, counts: Mapping[str, Mapping[str, int]]) -> pl.DataFrame:
    """symbols.parquet of a table; counts: symbol → counts that are not 0."""
    names = sorted({*rows["symbol"], *counts})
    return pl.DataFrame(
        [
            {
                **dict.fromkeys(SYMBOLS[table], 0),
                "symbol": name,
                "rows": (rows["symbol"] == name).sum(),
                **counts.get(name, {}),
            }
            for name in names
        ],
        schema=SYMBOLS[table],
    )


class Day:
    """A day's tables through tape_health, order_sizes and minute_bars, as the builder would run them."""

    def __init__(
        self,
        trades=None,
        orders=None,
        quotes=None,
        daily=None,
        securities=None,
        sizes=None,
        landing=None,
        counts: Mapping[str, Mapping[str, Mapping[str, int]]] | None = None,
        numbers: Mapping[str, pl.DataFrame] | None = None,
        ends: Mapping[str, pl.DataFrame] | None = None,
        unavailable: Mapping[str, Mapping[str, str]] | None = None,
        earlier: pl.DataFrame | None = None,
        **settings: Any,
    ):
        """earlier: rows of tape_health of the days before, which minute_bars reads."""
        given = {"trades": trades, "orders": orders, "quotes": quotes}
        self.tables = {
            name: pl.DataFrame(schema=schema) if given[name] is None else given[name] for name, schema in TABLES.items()
        }
        self.daily = pl.DataFrame(schema=DAILY) if daily is None else daily
        self.securities = pl.DataFrame(schema=SECURITIES) if securities is None else securities
        self.sizes = pl.DataFrame(schema=ORDER_SIZES) if sizes is None else sizes
        self.landing = landing or Landing()
        self.unavailable = to_reasons(unavailable or {})
        self.earlier = pl.DataFrame() if earlier is None else earlier
        self.settings = BarsSettings(**settings)
        self.beside: dict[tuple[str, str], bytes] = {}
        for name, rows in self.tables.items():
            self.beside[name, "symbols.parquet"] = encode(symbols_of(name, rows, (counts or {}).get(name, {})))
            of = (numbers or {}).get(name, pl.DataFrame(schema=NUMBERS))
            self.beside[name, "numbers.parquet"] = encode(of)
            self.beside[name, "ends.parquet"] = encode((ends or {}).get(name, pl.DataFrame(schema=ENDS)))
        self._health: Made | None = None

    def files(self, table: str, date: dt.date, name: str) -> bytes:
        return self.beside[table, name]

    @property
    def health(self) -> Made:
        if self._health is None:
            self._health = run_make(
                make_tape_health,
                date=self.landing.date,
                **{name: rows.lazy() for name, rows in self.tables.items()},
                daily_prices=self.daily,
                securities=self.securities,
                landing=self.landing,
                files=self.files,
                settings=self.settings,
                unavailable=self.unavailable,
            )
            for name, data in self._health.files.items():
                self.beside["tape_health", name] = data
        return self._health

    @property
    def verdicts(self) -> dict[str, dict[str, Any]]:
        """symbol → its row of tape_health, with the reason in words."""
        worded = self.health.frame.with_columns(reason=describe_column(self.health.frame["reason"]))
        return {row["symbol"]: row for row in worded.iter_rows(named=True)}

    @property
    def profile(self) -> pl.DataFrame:
        """The profile of tape_health, with the details in words."""
        assert self.health.profile is not None
        return self.health.profile.with_columns(detail=describe_column(self.health.profile["detail"]))

    @property
    def notes(self) -> dict[str, Any]:
        """The notes of tape_health, with reasons in words."""
        worded = put_into_words(self.health.notes)
        assert isinstance(worded, dict)
        return worded

    @property
    def bars(self) -> Made:
        return run_make(
            make_minute_bars,
            date=self.landing.date,
            trades=self.tables["trades"],
            quotes=self.tables["quotes"],
            daily_prices=self.daily,
            securities=self.securities,
            order_sizes=self.sizes,
            tape_health=pl.concat([self.earlier, self.health.frame], how="diagonal"),
            landing=self.landing,
            files=self.files,
            settings=self.settings,
            unavailable=self.unavailable,
        )

    @property
    def order_sizes(self) -> Made:
        made = run_make(
            make_order_sizes,
            date=self.landing.date,
            trades=self.tables["trades"],
            tape_health=self.health.frame,
            landing=self.landing,
            settings=self.settings,
            unavailable=self.unavailable,
        )
        assert isinstance(made, Made)
        return made


def trade(**changes: Any) -> dict[str, Any]:
    """One fill."""
    return {
        "date": DATE,
        "symbol": "600519.SH",
        "channel": 3,
        "seq": 1,
        "time": 36_000_000,
        "price": 100_000,
        "volume": 100,
        "bid_order": 1,
        "ask_order": 2,
        "side": 1,
        "event": None,
        **changes,
    }


def frame_of(rows: list[dict]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=TRADES).sort("symbol", "channel", "seq")


def day(
    symbol="600519.SH", pre_close=9.9, close=10.0, volume=100, amount=1000.0, high=None, low=None, open=None
) -> dict[str, Any]:
    """One row of daily_prices; the range is unknown unless named."""
    return {
        "symbol": symbol,
        "pre_close": pre_close,
        "open": open,
        "high": high,
        "low": low,
        "close": close,
        "volume": volume,
        "amount": amount,
    }
