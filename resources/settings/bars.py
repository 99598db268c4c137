"""Settings of tape_health, order_sizes and minute_bars: large orders, and the tolerances of reconciliation (SPEC §2.3, §3)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from resources.settings.base import Section

Ratio = Annotated[float, Field(gt=0, le=1e6)]


class BarsSettings(Section):
    """The settings of `tape_health`, `order_sizes` and `minute_bars`."""

    large_order_days: int = Field(
        20,
        ge=1,
        le=2500,
        description="Trading days whose orders set the large-order thresholds of the next day. SPEC §3",
    )
    large_order_min_days: int = Field(
        5, ge=1, le=2500, description="Least number of these days with orders of the stock. SPEC §3"
    )
    large_order_min_orders: int = Field(
        200, ge=1, le=1_000_000_000, description="Least number of orders of the stock on these days. SPEC §3"
    )
    order_sizes_band: tuple[Ratio, Ratio] = Field(
        (0.02, 5.0),
        description="Bounds of the ratio of exp(μ + σ²/2) of a stock's delivered order sizes to the mean order that follows from its "
        "amount; it is 0.76 to 0.87 on six tapes of 2023.",
    )
    median_order_sizes_band: tuple[Ratio, Ratio] = Field(
        (0.25, 3.0),
        description="The same bounds for the median of a file's stocks, outside which the whole file is set aside.",
    )
    order_sizes_names: int = Field(
        5, ge=1, le=100_000, description="Least number of stocks with which that median is judged."
    )
    large_order_std: float = Field(
        1.0,
        ge=-10,
        le=10,
        description="Standard deviations of ln amount above the mean at which an order is large. SPEC §3",
    )
    volume_tolerance: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="Shares by which a tape's volume may differ from the exchange's daily volume. SPEC §2.3",
    )
    amount_tolerance: float = Field(
        1.0,
        ge=0,
        le=1e9,
        description="Yuan by which a tape may differ from a daily or cumulative amount that its vendor delivers in whole yuan; for a "
        "snapshot, less than that. SPEC §2.3",
    )
    cent_tolerance: float = Field(
        0.0,
        ge=0,
        le=1e9,
        description="Yuan by which a tape may differ from an amount that is delivered to the cent. SPEC §2.3",
    )
    align_quotes_by: Literal["count", "volume"] = Field(
        "count",
        description="The cumulative field of a snapshot that decides which trades it includes: the count of trades, or the volume where a "
        "vendor's count is absent or counts something else.",
    )
    max_quote_lag_ms: int = Field(
        10_000,
        ge=0,
        le=86_400_000,
        description="Milliseconds between a snapshot's stamp and those of the trades around it above which it is assigned to no bar. "
        "Clocks run up to a second apart (SPEC §2.3).",
    )
    max_unusable_quote_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of a symbol's snapshots in continuous trading that may be left out (crossed, fallen back, off the "
        "tape, late) before its book is set aside.",
    )
    min_halt_minutes: float = Field(
        9,
        ge=1,
        le=240,
        allow_inf_nan=False,
        description="Minutes of trading hours without a trade of a symbol from which snapshots with equal bid and ask are the virtual books "
        "of a halt (the shortest takes ten minutes). They are left out and do not count in max_unusable_quote_share.",
    )
    max_quote_gap_seconds: float = Field(
        60.0,
        gt=0,
        le=86_400,
        description="Seconds of continuous trading from a trade to the first snapshot that counts it above which the symbol's book is set "
        "aside: each trade changes the book, and a snapshot follows within seconds.",
    )
    max_side_disagreements: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="Largest number of a symbol's continuous trades whose flag and order numbers disagree about the aggressor before it is "
        "set aside; on real tapes there are none (SPEC §2.3).",
    )
    max_faulty_order_share: float = Field(
        0.005,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a symbol's orders that its trades may contradict (filled beyond their size or their limit, on the other "
        "side, or without an order row) before the symbol is set aside; up to it only the orders are. On real tapes of Shanghai none of "
        "176 255 orders is contradicted; where sides or numbers are exchanged, 0.6 % to 76 % are. Orders without a row that were only "
        "filled in auctions do not count here; they set the orders aside. With 1, contradictions do not affect the values.",
    )
    expect_orders: Literal["as_before", "always", "never"] = Field(
        "as_before",
        description="The traded stocks that must have orders: those with orders on one of the order_days before, all, or none. "
        "No figure is computed from orders; they are compared with the trades.",
    )
    order_days: int = Field(
        5,
        ge=1,
        le=250,
        description="Trading days before a day whose orders show that orders of a stock are delivered (expect_orders = as_before).",
    )
    max_without_orders_share: float = Field(
        0.05,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of an exchange's stocks with expected orders that may lack them before the day's bars are refused.",
    )
    max_contradicted_share: float = Field(
        0.05,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the symbols with orders that may be set aside because trades and orders contradict each other before the "
        "day is refused; the same for an exchange's symbols with enough price changes whose sides contradict their prices.",
    )
    max_against_book_share: float = Field(
        0.5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a symbol's first trades after a snapshot, at its best ask or bid, that may be active on the other side than "
        "the book implies before the symbol is set aside: 3 of 4 048 are on a real tape, and nearly all where buyers and sellers are "
        "exchanged.",
    )
    least_following_trades: int = Field(
        20,
        ge=1,
        le=1_000_000_000,
        description="Least number of such trades with which a symbol's sides are judged.",
    )
    least_swept_levels: int = Field(
        10,
        ge=1,
        le=1_000_000_000,
        description="Best levels that the trades next after a snapshot took whole which a symbol must have for the volumes of its book to be held "
        "against those trades: 198 to 829 a day on four real tapes, 15 to 41 on stocks with 400 trades. Symbols with fewer are judged together.",
    )
    swept_volume_factor: float = Field(
        5.0,
        ge=2,
        le=1_000,
        allow_inf_nan=False,
        description="Times by which the shares that trades took of such a level must differ from the volume that the snapshot shows for the level "
        "to count as one in another unit: 0 % to 2 % of the levels of four real tapes do, nearly all where volumes are in lots or multiplied.",
    )
    max_contradicted_level_share: float = Field(
        0.5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of such levels that may be in another unit before the symbol's book is set aside; likewise of the levels whose volume "
        "is exactly what was taken on one side alone, the share on the wrong side: at most 1.3 % on four real tapes, and so 98.7 % or more where "
        "bid and ask volumes are exchanged. With 1 no symbol is judged.",
    )
    max_against_price_share: float = Field(
        0.35,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a symbol's price changes from one trade to the next that may contradict the side of the later trade (up by an "
        "active sell, down by an active buy) before the symbol is set aside. On six real tapes it is 1 % to 12 %, and at most 16 % in any "
        "ten minutes; it is therefore at least 88 % where buyers and sellers are exchanged, and one half where sides are random, as where "
        "order numbers do not rise with time. With 1, no symbol is judged.",
    )
    against_price_deviations: float = Field(
        5.0,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="Standard deviations by which that share must exceed its bound (Wilson's interval), which needs at least 14 price "
        "changes. Symbols with fewer are judged together.",
    )
    max_improving_fills: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="Largest number of fills of a symbol's active orders at a better price than the fill before, above which the symbol is set "
        "aside: an order consumes the book from its best price on. On six real tapes none of 7 486 price changes within an order is one.",
    )
    whole_channel_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of a channel's numbers from which it counts as a complete feed, whose gaps are losses.",
    )
    max_missing_share: float = Field(
        0.001,
        ge=0,
        le=1,
        description="Share of a complete channel's numbers that may be missing before a day is refused.",
    )
    max_unproven_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of the stocks of a file that stops before the close whose tapes may be unproven by the day's totals before "
        "the file counts as cut off and the day is refused; otherwise it is that of a halted market.",
    )
    replay_book: bool = Field(
        False,
        description="Whether tape_health replays every order book and counts the snapshots that it does not reproduce.",
    )
    max_set_aside_share: float = Field(
        0.2, ge=0, le=1, description="Share of a day's symbols that may be set aside before the whole day is refused."
    )
    min_coverage: float = Field(
        0.98, ge=0, le=1, description="Share of a day's traded stocks below which a warning reports missing deliveries."
    )
    max_uncovered_share: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Share of the stocks that traded by daily_prices which may lack a tape, or bars, before the day is refused.",
    )
    price_tolerance: float = Field(
        0.005,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Yuan by which open, high, low and close of daily_prices may differ from those of the bars: half a tick.",
    )
    sampled_extremes_tolerance: float = Field(
        0.03,
        ge=0,
        le=0.2,
        allow_inf_nan=False,
        description="Share of the close by which the highest and the lowest price of a stock's bars may be inside the day's range where "
        "landing.bars.extremes declares snapshots; at most 0.0002 for two stocks of 2023 sampled every three seconds.",
    )
    averaged_close_tolerance: float = Field(
        0.02,
        ge=0,
        le=0.2,
        allow_inf_nan=False,
        description="Share by which the last close of delivered bars may differ from the official close where there was no closing "
        "auction: the exchange then uses an average of the last minute.",
    )
    unit_tolerance: float = Field(
        0.1,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which a ratio to daily_prices may differ from a power of ten and still indicate a unit, since whole lots drop "
        "odd shares.",
    )
    gap_chance: float = Field(
        1e-6,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="A gap in the minutes of all stocks of a file of bars is a fault where fewer such gaps than this are expected by chance "
        "per day.",
    )
    least_still_minutes: int = Field(
        30,
        ge=1,
        le=237,
        description="Shortest part of the day without a price change, in minutes, for which a stock with only closes is set aside where "
        "gap_chance excludes chance. The longest part of the correct closes of 2015 is 21 minutes.",
    )
    least_copied_minutes: int = Field(
        30,
        ge=2,
        le=237,
        description="Least number of a stock's minutes with comparable columns with which one column may count as a copy of another.",
    )
    least_copied_names: int = Field(
        20,
        ge=1,
        le=100_000,
        description="Least number of a file's stocks with which columns of its bars may count as copies, or spreads as in another unit.",
    )
    max_copied_minutes: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of a stock's minutes with a range of three cents or more in which two prices may be equal, or of those with 200 "
        "shares or more in which the number of trades may be constant or equal to the volume; the maximum on real tapes is 25 %. With 1, "
        "nothing is judged.",
    )
    max_against_flow_share: float = Field(
        0.55,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the minutes with a changed close that may contradict the sign of buy_amount − sell_amount, beyond chance "
        "(bars.against_price_deviations), before the day is refused. It is 23 % to 35 % on six real tapes, and therefore 65 % or more where "
        "the columns are exchanged. With 1, nothing is judged.",
    )
    halt_at_lunch: bool = Field(
        False,
        description="Whether delivered bars that end with the morning count as those of a halted market where totals agree. By default the day "
        "is refused: bars and daily prices fetched in the lunch break agree with each other too, and no halt of the market began then. [c] "
        "SPEC §2.3",
    )
    halt_minutes: int = Field(
        10,
        ge=1,
        le=237,
        description="Shortest gap within the day, in minutes, that counts as a halt of the market where the day's volumes add up despite it.",
    )
    least_distinct_closes: int = Field(
        5,
        ge=2,
        le=237,
        description="Least number of different closes of a stock with which another stock with the same bars counts as its copy.",
    )
    max_outside_range_share: float = Field(
        0.2,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a stock's minutes with trades whose amount / volume may be outside low to high before the stock is set aside. "
        "It is 0 for bars made from ticks, small where high and low are those of snapshots, and large where a column is shifted by a "
        "minute.",
    )
    least_cumulative_rises: int = Field(
        12,
        ge=3,
        le=237,
        description="Least number of rises, without a fall, with which a column of a stock's bars counts as cumulative; by chance 1 in 10⁷ "
        "columns has so many.",
    )
    least_spread_minutes: int = Field(
        30,
        ge=4,
        le=237,
        description="Least number of a stock's minutes that repeat the division of their block with which its bars count as longer bars "
        "spread over minutes.",
    )
    spread_block_share: float = Field(
        0.9,
        ge=0.5,
        le=1,
        description="Least share of a stock's blocks of k minutes with equally divided volume with which its bars count as k-minute bars "
        "spread over minutes.",
    )
    line_block_share: float = Field(
        0.9,
        ge=0.5,
        le=1,
        allow_inf_nan=False,
        description="Least share of a stock's blocks of k minutes with a price change whose closes are on a straight line, to the cent, with "
        "which they count as interpolated between k-minute bars.",
    )
    least_line_evidence: float = Field(
        25.0,
        ge=10,
        le=1e6,
        allow_inf_nan=False,
        description="Least log-likelihood ratio (natural logarithm) of interpolation against chance with which a stock's closes count as "
        "interpolated. The maximum of 27 515 stock-days of 2015 is 6, and 22 at a twelfth of their prices.",
    )
    least_line_cents: int = Field(
        10,
        ge=5,
        le=1_000_000,
        description="Least change, in cents, of the closes of a morning, an afternoon or a day on one straight line with which they count as "
        "interpolated. On none of 27 515 stock-days of 2015 is there such a line of 1 cent or more; at a fortieth of their prices the "
        "largest is 4 cents.",
    )
    min_flow_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Least median, over a file's stocks, of (buy_amount + sell_amount) / amount in continuous trading, where every trade is "
        "an active buy or sell; less indicates another unit.",
    )
    min_part_share: float = Field(
        0.003,
        ge=0,
        le=1,
        description="Least median of the same ratio for each of buy_amount, sell_amount, large_buy_amount and large_sell_amount.",
    )
    batch_rows: int = Field(
        4_000_000,
        ge=1,
        le=10_000_000_000,
        description="Trades or quotes that are aggregated at a time, in whole symbols; bounds memory.",
    )

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        for name in ("order_sizes_band", "median_order_sizes_band"):
            low, high = getattr(self, name)
            if low >= high:
                raise ValueError(f"{name}: {low} is not below {high}")
        return self

    @model_validator(mode="after")
    def _days_of_large_orders(self) -> Self:
        if self.large_order_min_days > self.large_order_days:
            raise ValueError(
                f"large_order_min_days = {self.large_order_min_days} is more than large_order_days = {self.large_order_days}: "
                "no order would ever be large"
            )
        return self
