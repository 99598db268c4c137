"""Settings of the two index-enhanced portfolios (SPEC §6): the bounds of each index, and the shared settings."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from resources.named import PATH
from resources.settings.attribution import AttributionSettings
from resources.settings.base import Day, Name, Section
from resources.settings.execution import ExecutionSettings

OtherStyle = Literal["mid_cap", "turnover", "reversal", "volatility", "profitability", "growth"]
Exposure = Annotated[float, Field(ge=-100, le=100)]
Growth = Annotated[float, Field(gt=0, le=1000)]
ELASTIC = ("industry", "value_size", "turnover", "styles")


class IndexPortfolioSettings(Section):
    """The constraints of one portfolio. Exposures are active: Σ (wᵢ − bᵢ) zᵢ."""

    stock_deviation: float = Field(0.01, ge=0, le=1, description="Largest |wᵢ − bᵢ|. SPEC §6")
    industry_deviation: float = Field(0.0, ge=0, le=1, description="Largest |active weight| of an industry. SPEC §6")
    value_exposure: float = Field(0.0, ge=0, le=100, description="Largest |active exposure| to value. SPEC §6")
    size_exposure: float = Field(0.0, ge=0, le=100, description="Largest |active exposure| to size. SPEC §6")
    style_exposure: float = Field(
        0.8, ge=0, le=100, description="Largest |active exposure| to each other style. SPEC §6"
    )
    other_styles: tuple[OtherStyle, ...] = Field(
        ("mid_cap", "turnover", "reversal", "volatility", "profitability", "growth"),
        description="The other conventional factors that `style_exposure` bounds. [c] SPEC §6",
    )
    turnover: float = Field(0.30, ge=0, le=1, description="Largest one-way turnover of a rebalance. SPEC §6")
    exposure_bands: Mapping[str, tuple[Exposure, Exposure]] = Field(
        {},
        description="Style → lowest and highest active exposure where they differ from the settings above, "
        "e.g. {volatility: [-0.3, 0.1]}",
    )
    member_share: float = Field(
        0.0, ge=0, le=1, description="Smallest total weight of index members, such as 0.8 in many mandates; 0: no bound"
    )
    tracking_error: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Largest tracking error, in the unit of `portfolios.covariance`. None: no bound",
    )
    risk_aversion: float = Field(
        0.0, ge=0, le=1e9, description="Score given up per unit of squared tracking error, a quadratic penalty. 0: none"
    )
    members_only: bool = Field(False, description="Hold index members only, instead of the full market. [c] SPEC §6")

    @model_validator(mode="after")
    def _known_bands(self) -> "IndexPortfolioSettings":
        known = ("value", "size", *self.other_styles)
        for style, (low, high) in self.exposure_bands.items():
            if style not in known:
                raise ValueError(f"exposure_bands names {style!r}; choose among {', '.join(known)}")
            if low > high:
                raise ValueError(f"exposure_bands of {style}: {low} is above {high}")
        return self


class PortfoliosSettings(Section):
    """Both portfolios."""

    csi500: IndexPortfolioSettings = Field(IndexPortfolioSettings(), description="CSI 500 (000905.SH). SPEC §6")
    csi1000: IndexPortfolioSettings = Field(
        IndexPortfolioSettings(size_exposure=0.2), description="CSI 1000 (000852.SH). SPEC §6"
    )
    alpha: Name | tuple[Name, ...] = Field(
        "multi_granularity_10d",
        description="Factor key of the score μ that is maximised, one of the sixteen, or several keys whose mean is μ, e.g. both "
        "horizons: [multi_granularity_5d, multi_granularity_10d]. SPEC §6: score 16",
    )
    start: Day | None = Field(
        None,
        description="Monday of the anchor week, in which the portfolios are first built; None: the first week that has "
        "scores. DESIGN §2",
    )
    cost: float = Field(0.0015, ge=0, lt=1, description="Cost of traded value on each side. SPEC §6: two-sided 3‰")
    benchmark: Literal["price", "total_return"] = Field(
        "price",
        description="The benchmark of excess returns: the price index, or the total-return index, which includes dividends. Where its "
        "closes are absent, the drifted members are the benchmark. SPEC §6",
    )
    total_return_indices: Mapping[str, str] = Field(
        {"000905.SH": "H00905.CSI", "000852.SH": "H00852.CSI"},
        description="Index → code of its total-return closes in reference/index_prices, read where `benchmark` is "
        "total_return. [c]",
    )
    execution: ExecutionSettings = Field(
        ExecutionSettings(), description="Fills at the price limit, dated fees, lots, participation. SPEC §6"
    )
    min_listed_days: int = Field(
        120, ge=0, le=10_000, description="Stocks listed for fewer trading days cannot be bought. SPEC §6"
    )
    benchmark_sum_tolerance: float = Field(
        0.01, gt=0, lt=1, description="Published index weights whose sum is further from 1 are an error. SPEC §6"
    )
    benchmark_max_age: int = Field(
        66,
        ge=1,
        le=2500,
        description="Trading days for which published index weights are drifted at most; older ones are an error. "
        "Weights are published monthly, so that two months may be missing. [c]",
    )
    delisting_recovery: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of its last price that a holding pays in cash on the day when it is delisted. 1: it is sold during the "
        "delisting period, or pays a merger's exchange value; 0: it is written off. [c]",
    )
    merger_growth_band: tuple[Growth, Growth] = Field(
        (0.5, 2.0),
        description="Lowest and highest value of a merger's new shares as a multiple of the old ones': ratio · new price / old price. "
        "Outside the band the ratio of reference/code_changes is wrong, and the weeks with the merger are refused. [c]",
    )
    attribution: AttributionSettings = Field(
        AttributionSettings(), description="How the weekly excess is split into its parts."
    )
    relaxation_order: tuple[str, ...] = Field(
        ELASTIC,
        description="Elastic constraint groups, from the last to be relaxed to the first. [c] SPEC §6",
    )
    extra_constraints: tuple[Annotated[str, Field(pattern=f"^{PATH}$")], ...] = Field(
        (),
        description="Constraints of your own on both portfolios: module:class of a Constraint, or a function that returns one, called "
        "without arguments (docs/portfolios.md). They come after SPEC §6's. Empty: none",
    )
    exact_explanation: bool = Field(
        False,
        description="Solve again without each binding constraint, so that the score that it costs is exact and not estimated by shadow "
        "price × bound. [c]",
    )
    covariance: str | None = Field(
        None,
        pattern=f"^{PATH}$",
        description="module:function that gives the covariance which `tracking_error` and `risk_aversion` need, from the "
        "signal day's prices and those before it (assets/portfolios/problem/terms.py has one and says how to write another). "
        "None: neither can be set",
    )
    stated_by: Literal["arrays", "cvxpy"] = Field(
        "arrays",
        description="How linear problems are passed to HiGHS: as arrays (fast), or through cvxpy. Score and turnover are equal. [c]",
    )

    def benchmark_index(self, index: str) -> str:
        """The code in index_prices whose closes are the benchmark of the portfolio on `index`."""
        return index if self.benchmark == "price" else self.total_return_indices[index]

    @property
    def alphas(self) -> tuple[str, ...]:
        """The factor keys whose mean is μ."""
        return (self.alpha,) if isinstance(self.alpha, str) else self.alpha

    @model_validator(mode="after")
    def _known_names(self) -> "PortfoliosSettings":
        if sorted(self.relaxation_order) != sorted(ELASTIC):
            raise ValueError(
                f"relaxation_order must name each of {', '.join(ELASTIC)} once, got {self.relaxation_order}"
            )
        if self.merger_growth_band[0] > self.merger_growth_band[1]:
            raise ValueError("merger_growth_band: {} is above {}".format(*self.merger_growth_band))
        if not self.alphas or len(set(self.alphas)) < len(self.alphas):
            raise ValueError(f"alpha must name a factor, or several once each, got {self.alpha!r}")
        for key, index in (("csi500", self.csi500), ("csi1000", self.csi1000)):
            if self.covariance is None and (index.tracking_error is not None or index.risk_aversion > 0):
                raise ValueError(f"{key} has tracking_error or risk_aversion, which need portfolios.covariance")
        missing = sorted({"000905.SH", "000852.SH"} - set(self.total_return_indices))
        if self.benchmark == "total_return" and missing:
            raise ValueError(f"benchmark = total_return needs total_return_indices of {', '.join(missing)}")
        if self.start is not None and self.start.weekday() != 0:
            raise ValueError(f"start = {self.start} is no Monday; a week is named by its Monday")
        return self
