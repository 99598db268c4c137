"""The peer qlib of benchmarks.portfolio, which runs in a separate environment with pyqlib.

    python _qlib_optimiser.py FOLDER

Reads problem_<k>.npz from the folder and answers each line of its input, the number k, with one line of JSON: the seconds of one
call of EnhancedIndexingOptimizer and its warnings. The weights are written to a file. Nothing of this project is imported.

With λ = 0 its objective is the same. It supports stocks that must be held and stocks that must be sold, but not the bound "at most
the present weight"; the caller records what is missing. Its only solver is ECOS, which cvxpy no longer installs. Without ECOS, or if
it fails, qlib logs a warning and returns the old weights.
"""

import json
import logging
import sys
import time
from pathlib import Path

import numpy as np
from qlib.contrib.strategy.optimizer import EnhancedIndexingOptimizer, enhanced_indexing


def solve(path: Path) -> dict[str, object]:
    """Solve one problem, write its weights beside it, and return seconds, warnings, and whether it was solved."""
    warnings: list[str] = []
    enhanced_indexing.logger.warning = warnings.append
    given = dict(np.load(path).items())
    factors = len(given["limit"])
    began = time.perf_counter()
    optimiser = EnhancedIndexingOptimizer(
        lamb=0.0, delta=float(given["delta"]), b_dev=float(given["deviation"]), f_dev=given["limit"], scale_return=False
    )
    weights = optimiser(
        given["mu"], given["matrix"].T, np.zeros((factors, factors)), np.zeros(len(given["mu"])), given["drifted"],
        given["benchmark"], mfh=given["frozen"], mfs=given["forbidden"],
    )  # fmt: skip
    seconds = time.perf_counter() - began
    np.save(path.with_suffix(".weights.npy"), weights)
    return {"seconds": seconds, "warnings": warnings, "solved": not any("failed" in one for one in warnings)}


def main(folder: Path) -> None:
    """Answer each line of the input."""
    logging.disable(logging.INFO)
    for line in sys.stdin:
        print(json.dumps(solve(folder / f"problem_{int(line)}.npz")), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
