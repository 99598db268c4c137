"""The settings tree: every choice SPEC marks [c], and every window and bound, under a name with its default.

A pure function is handed one section, never the tree; a partition's version covers that section alone. The defaults are
SPEC's values: an empty file is the production profile.
"""

from pydantic import Field

from resources.settings.base import Section
from resources.settings.calendar import CalendarSettings


class Settings(Section):
    """The whole tree."""

    calendar: CalendarSettings = Field(default_factory=CalendarSettings)
