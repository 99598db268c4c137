"""All layouts: those of the project, a file for each vendor, and those that `ticks.extra_layouts` names."""

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
    """The layouts of a user's own that `ticks.extra_layouts` names, then LAYOUTS: of equals the own one is meant.

    paths: "module:name" of a Layout or of several. Raises SettingsError where one can't be loaded, is no Layout, or has the
    name and table of another.
    """
    own: list[Layout] = []
    for path in paths:
        named = load_named("ticks.extra_layouts", path, "examples.layout:LAYOUTS")
        several = list(named) if isinstance(named, tuple | list) else [named]
        if not several or not all(isinstance(one, Layout) for one in several):
            raise SettingsError(
                f"ticks.extra_layouts: {path} is a {type(named).__name__}, no Layout of assets.ticks.layouts and no tuple of them"
            )
        for one in several:
            if any((one.name, one.table) == (other.name, other.table) for other in (*own, *LAYOUTS)):
                raise SettingsError(
                    f"ticks.extra_layouts: {path} has a layout {one.name!r} of {one.table}, and so has another; name it otherwise"
                )
            own.append(one)
    return (*own, *LAYOUTS)
