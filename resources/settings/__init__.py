"""The settings tree: every choice that SPEC marks [c] and every window and bound has a name and a default.

A pure function receives its own section and never the tree, and a partition's version covers only that section. The defaults are
SPEC's values, so that an empty file is the production profile.
"""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from resources.settings.alerts import AlertsSettings
from resources.settings.bars import BarsSettings
from resources.settings.base import Section
from resources.settings.calendar import CalendarSettings
from resources.settings.distributions import DistributionsSettings
from resources.settings.engine import EngineSettings
from resources.settings.evaluation import EvaluationSettings
from resources.settings.factors import FactorsSettings
from resources.settings.features import FeaturesSettings
from resources.settings.gates import GateSettings
from resources.settings.lake import LakeSettings
from resources.settings.landing import LandingSettings
from resources.settings.lines import LinesSettings
from resources.settings.models import ModelsSettings
from resources.settings.portfolios import PortfoliosSettings
from resources.settings.reference import ReferenceSettings
from resources.settings.report import ReportSettings
from resources.settings.retention import RetentionSettings
from resources.settings.returns import ReturnsSettings
from resources.settings.rulebook import RulebookSettings
from resources.settings.sensors import SensorsSettings
from resources.settings.styles import StylesSettings
from resources.settings.ticks import TicksSettings


class Settings(Section):
    """The whole tree, in the order in which the data flows."""

    calendar: CalendarSettings = Field(default_factory=CalendarSettings)
    rulebook: RulebookSettings = Field(default_factory=RulebookSettings)
    lake: LakeSettings = Field(default_factory=LakeSettings)
    execution: EngineSettings = Field(default_factory=EngineSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    landing: LandingSettings = Field(default_factory=LandingSettings)
    ticks: TicksSettings = Field(default_factory=TicksSettings)
    reference: ReferenceSettings = Field(default_factory=ReferenceSettings)
    bars: BarsSettings = Field(default_factory=BarsSettings)
    styles: StylesSettings = Field(default_factory=StylesSettings)
    factors: FactorsSettings = Field(default_factory=FactorsSettings)
    features: FeaturesSettings = Field(default_factory=FeaturesSettings)
    models: ModelsSettings = Field(default_factory=ModelsSettings)
    distributions: DistributionsSettings = Field(default_factory=DistributionsSettings)
    portfolios: PortfoliosSettings = Field(default_factory=PortfoliosSettings)
    lines: LinesSettings = Field(default_factory=LinesSettings)
    returns: ReturnsSettings = Field(default_factory=ReturnsSettings)
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    report: ReportSettings = Field(default_factory=ReportSettings)
    sensors: SensorsSettings = Field(default_factory=SensorsSettings)
    alerts: AlertsSettings = Field(default_factory=AlertsSettings)
    gates: Mapping[str, Mapping[str, GateSettings]] = Field(
        {}, description="Changes of declared checks, by table and check"
    )

    @model_validator(mode="after")
    def _benchmark_is_checked(self) -> Self:
        """Both sections must name the same code, since otherwise no check would cover the closes of the benchmark."""
        if self.portfolios.benchmark == "total_return":
            known = self.reference.total_return_indices
            for index, code in self.portfolios.total_return_indices.items():
                if known.get(index) != code:
                    raise ValueError(
                        f"portfolios.total_return_indices has {code} for {index} and reference.total_return_indices "
                        f"{known.get(index, 'nothing')}: name the same code in both, so that its closes are checked"
                    )
        return self
