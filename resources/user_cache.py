"""The folder of this user for what can be computed again."""

import os
import tempfile
from pathlib import Path


def user_cache() -> Path:
    """The folder, which need not exist: in XDG_CACHE_HOME, else in the home folder, else among temporary files."""
    home = os.environ.get("XDG_CACHE_HOME") or (Path(os.environ["HOME"]) / ".cache" if "HOME" in os.environ else None)
    return Path(home or tempfile.gettempdir()) / "zhoubao"
