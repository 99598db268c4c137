"""The command line of the sample market, `python -m sample_market --help`, which only parses and prints."""

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
    """Make the market unless it exists, and return the exit status: 0, or 2 if the options or the folder are refused."""
    parser = argparse.ArgumentParser(
        prog="python -m sample_market",
        description="Write a landing zone of simulated stocks: vendor tick files, minute bars, reference tables, and the planted "
        "truth.",
    )
    parser.add_argument("--profile", choices=sorted(PROFILES), default="sample")
    parser.add_argument("--out", type=Path, default=Path("market"), help="folder of the landing zone (default: market)")
    parser.add_argument("--seed", type=int, help="seed of the simulation; every seed gives a different market")
    parser.add_argument(
        "--alpha",
        type=float,
        metavar="STRENGTH",
        help="strength of the planted alpha; with 0 nothing predicts (default: 1)",
    )
    parser.add_argument(
        "--last-day",
        type=dt.date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="last day; must be a week's last trading day",
    )
    parser.add_argument("--days", type=int, help="number of trading days with minute data")
    parser.add_argument("--tick-days", type=int, help="number of the most recent of them to deliver as vendor files")
    parser.add_argument(
        "--workers", type=int, default=2, help="number of threads, which does not change the market (default: 2)"
    )
    options = vars(parser.parse_args(arguments))
    name, out, workers = options.pop("profile"), options.pop("out"), options.pop("workers")
    began = time.monotonic()
    try:
        settings = profile(name, **{k: v for k, v in options.items() if v is not None})
        if is_made(out, settings):
            print(f"sample market: {out} already holds this market (profile {name}, seed {settings.seed})")
            return 0
        from .generate import generate  # loads numba and polars, which an existing market does not need

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
        f"sample market: {out} ready: {settings.names} stocks, {settings.days} days, {settings.tick_days} of them as vendor "
        f"files ({megabytes:.0f} MB), seed {settings.seed}, alpha {settings.alpha:g}; {time.monotonic() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
