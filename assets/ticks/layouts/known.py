"""Collects all layouts: those of the project (one file per vendor) and those that `ticks.extra_layouts` names."""

import functools

from assets.ticks.layouts.datayes import DATAYES
from assets.ticks.layouts.insight import INSIGHT
from assets.ticks.layouts.layout import Layout
from assets.ticks.layouts.wind import WIND
from resources.errors import SettingsError
from resources.named import load_named

LAYOUTS: tuple[Layout, ...] = (*DATAYES, *INSIGHT, *WIND)


@functools.cache
def known_layouts(paths: tuple[str, ...]) -> tuple[Layout, ...]:
    """Return the user's layouts that `ticks.extra_layouts` names, then LAYOUTS; of equal candidates the first is used.

    paths: "module:name" of a Layout or of a tuple or list of them. Raises SettingsError where one cannot be loaded, is not a
    Layout, or has the name and table of another.
    """
    own: list[Layout] = []
    for path in paths:
        named = load_named("ticks.extra_layouts", path, "examples.layout:LAYOUTS")
        several = list(named) if isinstance(named, tuple | list) else [named]
        if not several or not all(isinstance(one, Layout) for one in several):
            raise SettingsError(
                f"ticks.extra_layouts: {path} is a {type(named).__name__}, but must be a Layout of assets.ticks.layouts or a tuple of them"
            )
        for one in several:
            if any((one.name, one.table) == (other.name, other.table) for other in (*own, *LAYOUTS)):
                raise SettingsError(
                    f"ticks.extra_layouts: {path} has a layout {one.name!r} of {one.table}, a name that another layout of the table has; rename it"
                )
            own.append(one)
    return (*own, *LAYOUTS)
