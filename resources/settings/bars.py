"""Settings of order_sizes and minute_bars: large orders, and how exactly a tape must add up (SPEC §2.3, §3)."""

from pydantic import Field

from resources.settings.base import Section


class BarsSettings(Section):
    """What `order_sizes` and `minute_bars` are handed."""

    large_order_days: int = Field(
        20, ge=1, description="Trading days before a day whose orders set its large-order thresholds. SPEC §3"
    )
    large_order_min_days: int = Field(5, ge=1, description="Days of them that must have orders of the stock. SPEC §3")
    large_order_min_orders: int = Field(200, ge=1, description="Orders of the stock they must hold together. SPEC §3")
    large_order_std: float = Field(
        1.0, description="Standard deviations of ln amount above the mean at which an order is large. SPEC §3"
    )
    volume_tolerance: int = Field(
        0, ge=0, description="Shares by which a tape may miss the exchange's daily volume and still add up. SPEC §2.3"
    )
    amount_tolerance: float = Field(
        1.0,
        ge=0,
        description="Yuan by which a tape may miss the daily amount: some vendors round it to a yuan. SPEC §2.3",
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
        description="Share of the names that daily_prices says traded which may lack a tape before a day of ticks is refused.",
    )
    batch_rows: int = Field(
        4_000_000, ge=1, description="Trades or quotes aggregated at a time, whole symbols; bounds memory."
    )
