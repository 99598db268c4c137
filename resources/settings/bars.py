"""Settings of tape_health, order_sizes and minute_bars: large orders, how exactly a tape must add up (SPEC §2.3, §3)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from resources.settings.base import Section

Ratio = Annotated[float, Field(gt=0, le=1e6)]


class BarsSettings(Section):
    """What `tape_health`, `order_sizes` and `minute_bars` are handed."""

    large_order_days: int = Field(
        20, ge=1, le=2500, description="Trading days before a day whose orders set its large-order thresholds. SPEC §3"
    )
    large_order_min_days: int = Field(
        5, ge=1, le=2500, description="Days of them that must have orders of the stock. SPEC §3"
    )
    large_order_min_orders: int = Field(
        200, ge=1, le=1_000_000_000, description="Orders of the stock they must hold together. SPEC §3"
    )
    order_sizes_band: tuple[Ratio, Ratio] = Field(
        (0.02, 5.0),
        description="How far exp(μ + σ²/2) of a stock's delivered order sizes may lie from the mean order that its amount gives, as a ratio; "
        "0.76 to 0.87 on six tapes of 2023.",
    )
    median_order_sizes_band: tuple[Ratio, Ratio] = Field(
        (0.25, 3.0), description="The same of the median of a file's stocks, beyond which the whole file is set aside."
    )
    order_sizes_names: int = Field(5, ge=1, le=100_000, description="Stocks from which that median is judged.")
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
        description="Shares by which a tape may miss the exchange's daily volume and still add up. SPEC §2.3",
    )
    amount_tolerance: float = Field(
        1.0,
        ge=0,
        le=1e9,
        description="Yuan by which a tape may miss a daily or cumulative amount that its vendor gives in whole yuan; less than "
        "that, of a snapshot. SPEC §2.3",
    )
    cent_tolerance: float = Field(
        0.0,
        ge=0,
        le=1e9,
        description="Yuan by which a tape may miss an amount that is delivered to the cent. SPEC §2.3",
    )
    align_quotes_by: Literal["count", "volume"] = Field(
        "count",
        description="Which cumulative field of a snapshot says how many trades it has counted; volume where a vendor's count "
        "is none of trades, or absent.",
    )
    max_quote_lag_ms: int = Field(
        10_000,
        ge=0,
        le=86_400_000,
        description="Milliseconds between a snapshot's stamp and those of the trades around it above which it belongs to no bar. "
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
        description="Minutes of trading hours without a trade of a symbol in which snapshots with equal bid and ask are the virtual books of a "
        "halt (the shortest take ten minutes): they are left out, and do not count in max_unusable_quote_share.",
    )
    max_quote_gap_seconds: float = Field(
        60.0,
        gt=0,
        le=86_400,
        description="Seconds of continuous trading that a trade may wait for a snapshot that counts it before the symbol's book is set "
        "aside: each trade changes the book, and a snapshot follows within seconds.",
    )
    max_side_disagreements: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="Continuous prints of a symbol whose flag and order numbers may disagree about the aggressor before it is "
        "set aside: on real tapes none does (SPEC §2.3).",
    )
    max_faulty_order_share: float = Field(
        0.005,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a symbol's orders that its trades may contradict (filled beyond their size or their limit, on the other "
        "side, without having entered) before it is set aside; up to it the orders alone are. On real tapes of Shanghai none of "
        "176 255 orders is contradicted; where sides or numbers are exchanged, 0.6 % to 76 % are. Orders without a row that were filled in "
        "auctions alone do not count here: they set the orders aside. With 1 no contradiction touches the values.",
    )
    expect_orders: Literal["as_before", "always", "never"] = Field(
        "as_before",
        description="Which names that traded must have orders: those that had some on one of the order_days before, all, or none. "
        "Nothing that is computed reads orders; they are held against the trades.",
    )
    order_days: int = Field(
        5,
        ge=1,
        le=250,
        description="Trading days before a day whose orders show that orders of a name are delivered (expect_orders = as_before).",
    )
    max_without_orders_share: float = Field(
        0.05,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of an exchange's names that must have orders which may lack them before the day's bars are refused.",
    )
    max_contradicted_share: float = Field(
        0.05,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the symbols with orders that may be set aside because trades and orders contradict each other before the "
        "day is refused; likewise of an exchange's symbols with enough price changes, because their sides contradict their prices.",
    )
    max_against_book_share: float = Field(
        0.5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a symbol's trades next after a snapshot, at its best ask or bid, that may be active on the other side than "
        "its book says before the symbol is set aside: 3 of 4 048 are on a real tape, nearly all where buyers and sellers are exchanged.",
    )
    least_following_trades: int = Field(
        20,
        ge=1,
        le=1_000_000_000,
        description="Such trades that a symbol must have for its sides to be judged by them.",
    )
    max_against_price_share: float = Field(
        0.35,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a symbol's price changes from one trade to the next that may go against the side of the later trade (up by an "
        "active sell, down by an active buy) before the symbol is set aside: 1 % to 12 % do on six real tapes, at most 16 % in any ten "
        "minutes of them, and so at least 88 % where buyers and sellers are exchanged, and half where sides are by chance, as where order numbers do not rise with time. With 1 no symbol is judged.",
    )
    against_price_deviations: float = Field(
        5.0,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="Standard deviations by which that share must lie beyond its bound (Wilson's interval): 14 price changes at least. "
        "Symbols with too few are judged together.",
    )
    max_improving_fills: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="Times that an active order of a symbol may be filled at a better price than by the trade just before, before the symbol is "
        "set aside: a book is taken from its best price on. On six real tapes none of 7 486 changes of price within an order's fills is one.",
    )
    whole_channel_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of a channel's numbers from which it is a whole feed, whose gaps are losses.",
    )
    max_missing_share: float = Field(
        0.001, ge=0, le=1, description="Share of a whole channel's numbers that may be missing before a day is refused."
    )
    max_unproven_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="A file that stops before the close is that of a halted market where the day's totals prove the tapes on it whole; "
        "where more than this share of its names is unproven it was cut off, and the day is refused.",
    )
    replay_book: bool = Field(
        False,
        description="Whether tape_health replays every order book and counts the snapshots it does not reproduce.",
    )
    max_set_aside_share: float = Field(
        0.2, ge=0, le=1, description="Share of a day's symbols that may be set aside before the whole day is refused."
    )
    min_coverage: float = Field(
        0.98, ge=0, le=1, description="Share of a day's traded names that must be delivered, else a warning."
    )
    max_uncovered_share: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Share of the names that daily_prices says traded which may lack a tape, or bars, before the day is refused.",
    )
    price_tolerance: float = Field(
        0.005,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Yuan by which open, high, low and close of daily_prices may miss those of the bars, delivered or of ticks: half a tick.",
    )
    sampled_extremes_tolerance: float = Field(
        0.03,
        ge=0,
        le=0.2,
        allow_inf_nan=False,
        description="Share of the close by which the highest and the lowest price of a name's bars may lie inside the day's range where "
        "landing.bars.extremes declares that they are of snapshots; of two names of 2023, sampled every three seconds, 0.0002 at most.",
    )
    averaged_close_tolerance: float = Field(
        0.02,
        ge=0,
        le=0.2,
        allow_inf_nan=False,
        description="Share by which the last close of delivered bars may miss the official close where no closing auction made "
        "it: the exchange then takes an average of the last minute.",
    )
    unit_tolerance: float = Field(
        0.1,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which a ratio to daily_prices may miss a power of ten and still be a unit: whole lots drop odd shares.",
    )
    gap_chance: float = Field(
        1e-6,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="A gap in the minutes of all names of a file of bars is a fault where chance would leave fewer such gaps a day "
        "than this.",
    )
    least_still_minutes: int = Field(
        30,
        ge=1,
        le=237,
        description="Shortest part of the day without a move for which a name of closes alone is set aside, where gap_chance says that it is "
        "none by chance. Honest closes of 2015 stand still so for up to 21 minutes.",
    )
    least_copied_minutes: int = Field(
        30,
        ge=2,
        le=237,
        description="Minutes of a name in which two columns must be comparable before one is held to be a copy of the other.",
    )
    least_copied_names: int = Field(
        20,
        ge=1,
        le=100_000,
        description="Names of a file from which columns of its bars are held to be copies, or spreads in another unit.",
    )
    max_copied_minutes: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of a name's minutes with a range of three cents or more in which two prices may be one, or of those with 200 shares or more in which the number "
        "of trades may be one number or the volume; 25 % is the most on real tapes. With 1 nothing is judged.",
    )
    max_against_flow_share: float = Field(
        0.55,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the minutes whose close moves that may move against buy_amount − sell_amount, beyond chance "
        "(bars.against_price_deviations), before the day is refused: 23 % to 35 % do on six real tapes, so that 65 % and more do where the columns are exchanged. "
        "With 1 nothing is judged.",
    )
    halt_at_lunch: bool = Field(
        False,
        description="Whether delivered bars that end with the morning are those of a halted market where totals agree. Otherwise the day is refused: bars and daily "
        "prices that are fetched in the lunch break agree with each other too, and no halt of the market began there. [c] SPEC §2.3",
    )
    halt_minutes: int = Field(
        10,
        ge=1,
        le=237,
        description="Shortest gap within the day that may be a halt of the market, where the day's volumes add up in spite of it.",
    )
    least_distinct_closes: int = Field(
        5,
        ge=2,
        le=237,
        description="Different closes that a name's bars must have for another name with the same bars to be its double.",
    )
    max_outside_range_share: float = Field(
        0.2,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a name's minutes that traded whose amount may be no volume at prices from low to high before the name is set "
        "aside: none of bars made of ticks, some where high and low are those of snapshots, most where a column is shifted by a minute.",
    )
    least_cumulative_rises: int = Field(
        12,
        ge=3,
        le=237,
        description="Times that a column of a name's bars must rise, and never fall, through the day to be cumulative: by chance 1 in 10⁷ "
        "columns does.",
    )
    least_spread_minutes: int = Field(
        30,
        ge=4,
        le=237,
        description="Minutes of a name that must repeat the division of their block for its bars to be longer bars spread over minutes.",
    )
    spread_block_share: float = Field(
        0.9,
        ge=0.5,
        le=1,
        description="Share of a name's blocks of k minutes whose volume must be divided alike for its bars to be k-minute bars spread over "
        "minutes.",
    )
    line_block_share: float = Field(
        0.9,
        ge=0.5,
        le=1,
        allow_inf_nan=False,
        description="Share of a name's blocks of k minutes in which the price moves whose closes must lie on a straight line, to the cent, for "
        "them to be interpolated between k-minute bars.",
    )
    least_line_evidence: float = Field(
        25.0,
        ge=10,
        le=1e6,
        allow_inf_nan=False,
        description="Natural logarithm of how much less often than other paths of the same moves those lines occur by chance from which the "
        "closes of a name are interpolated: of 27 515 days of names of 2015 none has more than 6, and at a twelfth of their prices 22.",
    )
    least_line_cents: int = Field(
        10,
        ge=5,
        le=1_000_000,
        description="Cents that the closes of a morning, an afternoon or a day must move for one straight line through all of them to show "
        "that they are interpolated: of 27 515 days of names of 2015 none does so by 1 cent or more, and at a fortieth of their prices by 4.",
    )
    min_flow_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Least median, over a file's names, of buy_amount + sell_amount as a share of amount in continuous trading, where every "
        "trade is an active buy or sell; less shows another unit.",
    )
    min_part_share: float = Field(
        0.003,
        ge=0,
        le=1,
        description="Likewise the least of buy_amount, sell_amount, large_buy_amount and large_sell_amount alone.",
    )
    batch_rows: int = Field(
        4_000_000,
        ge=1,
        le=10_000_000_000,
        description="Trades or quotes aggregated at a time, whole symbols; bounds memory.",
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
                f"large_order_min_days = {self.large_order_min_days} is more than large_order_days = {self.large_order_days} "
                "holds: no order would ever be large"
            )
        return self
