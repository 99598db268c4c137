"""Command line of the sample market: `python -m sample_market --help`. Parsing and printing only."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from pathlib import Path

from pydantic import ValidationError

from .folder import FolderTakenError, is_made
from .settings import PROFILES, profile


def main(arguments: list[str] | None = None) -> int:
    """Make the market, or say that it is there; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m sample_market",
        description="Write a landing zone of invented stocks: vendor tick files, minute bars, reference tables, and the truth.",
    )
    parser.add_argument("--profile", choices=sorted(PROFILES), default="sample")
    parser.add_argument("--out", type=Path, default=Path("market"), help="folder of the landing zone (default: market)")
    parser.add_argument("--seed", type=int, help="another seed, another market")
    parser.add_argument(
        "--alpha", type=float, metavar="STRENGTH", help="planted alpha; 0 = nothing predicts (default: 1)"
    )
    parser.add_argument(
        "--last-day", type=dt.date.fromisoformat, metavar="YYYY-MM-DD", help="a week's last trading day"
    )
    parser.add_argument("--days", type=int, help="trading days with minute data")
    parser.add_argument("--tick-days", type=int, help="the most recent of them, as vendor files")
    parser.add_argument("--workers", type=int, default=2, help="threads; the market does not depend on it (default: 2)")
    options = vars(parser.parse_args(arguments))
    name, out, workers = options.pop("profile"), options.pop("out"), options.pop("workers")
    began = time.monotonic()
    try:
        settings = profile(name, **{k: v for k, v in options.items() if v is not None})
        if is_made(out, settings):
            print(f"sample market: {out} already holds this market (profile {name}, seed {settings.seed})")
            return 0
        from .generate import generate  # numba and polars load only when there is something to do

        generate(settings, out, workers=workers, report=lambda line: print(line, flush=True))
    except ValidationError as error:
        problems = "; ".join(f"{' '.join(f'--{x}' for x in e['loc'])} {e['msg']}".strip() for e in error.errors())
        print(f"sample market: settings refused: {problems}", file=sys.stderr)
        return 2
    except (ValueError, FolderTakenError) as error:
        print(f"sample market: {error}", file=sys.stderr)
        return 2
    megabytes = sum(f.stat().st_size for f in (out / "ticks").rglob("*.csv")) / 1e6
    print(
        f"sample market: {out} ready: {settings.names} names, {settings.days} days, {settings.tick_days} of them as vendor "
        f"files ({megabytes:.0f} MB), seed {settings.seed}, alpha {settings.alpha:g}; {time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
