"""qlib's side of benchmarks.portfolio, run by an environment of its own, in which pyqlib is installed.

    python _qlib_optimiser.py FOLDER

Reads problem_<k>.npz from the folder and answers each line of its input, the number k, with one line of JSON: seconds of one
call of EnhancedIndexingOptimizer, the weights' file, and what it logged. Nothing of this project is imported.

With λ = 0 its objective is ours. It knows bounds of holding and of selling all, no "at most what is held": the caller says
what that leaves out. Its only solver is ECOS, which cvxpy no longer brings; where it is not installed, or fails, qlib logs a
warning and returns the old weights, and the answer says so.
"""

import json
import logging
import sys
import time
from pathlib import Path

import numpy as np
from qlib.contrib.strategy.optimizer import EnhancedIndexingOptimizer, enhanced_indexing


def solve(path: Path) -> dict[str, object]:
    said: list[str] = []
    enhanced_indexing.logger.warning = said.append
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
    return {"seconds": seconds, "said": said, "solved": not any("failed" in one for one in said)}


def main(folder: Path) -> None:
    logging.disable(logging.INFO)
    for line in sys.stdin:
        print(json.dumps(solve(folder / f"problem_{int(line)}.npz")), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
