"""Shared functions of the benchmarks: alternating runs, rows of the record, peak memory, and peers in another environment.

This module measures. It does not hold the measured code.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

ROOT = Path(__file__).resolve().parent.parent
QLIB = ROOT / ".venv" / "qlib" / "bin" / "python"

Ask = Callable[[str], dict[str, Any]]


def alternate(works: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each function over alternating runs, so that other load on the machine affects all equally.

    The caller has run every function once before, so that compilation is not measured.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def row(
    name: str, medians: Mapping[str, float], peers: tuple[str, ...], target: float, conditions: Mapping[str, Any]
) -> dict[str, Any]:
    """Return one row of the record.

    medians: seconds of "ours", "floor" and the peers. The fastest of `peers` is the peer of the row. target: the least ratio of
    the peer's seconds to ours.
    """
    best = min(peers, key=lambda peer: medians[peer])
    return {
        "name": name,
        "unit": "s",
        "ours": medians["ours"],
        "peer": medians[best],
        "ratio": medians[best] / medians["ours"],
        "target": target,
        "floor": medians["floor"],
        "conditions": {"best_peer": best, **{f"{peer}_s": round(medians[peer], 3) for peer in peers}, **conditions},
    }


def installed(
    makers: Mapping[str, Callable[[Path], Callable[[], Any]]], path: Path, conditions: dict[str, Any]
) -> dict[str, Callable[[], Any]]:
    """Return the peers that are installed, ready to read the file; the others are recorded in `conditions`."""
    peers = {}
    for name, make in makers.items():
        try:
            peers[name] = make(path)
        except ImportError as missing:
            conditions[f"{name}_s"] = f"n/a: {missing}; make bench installs it"
    return peers


def peak_gb(module: str, path: Path) -> float:
    """Return the peak resident memory in GB of `ours(path)` of a benchmark, measured in a new process."""
    # VmHWM, because getrusage of a child includes the memory of its parent.
    code = (
        f"import pathlib; from benchmarks.{module} import ours; ours(pathlib.Path({str(path)!r})); "
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return round(int(done.stdout.splitlines()[-1]) / 1024**2, 2)


@contextlib.contextmanager
def qlib(program: str, folder: Path) -> Iterator[Ask | None]:
    """Run benchmarks/<program> in qlib's environment on the arrays in `folder`, and yield a function that asks it a line.

    None is yielded if qlib is not installed. The function raises RuntimeError if the program ends without an answer.
    """
    if not QLIB.is_file():
        yield None
        return
    command = [str(QLIB), str(ROOT / "benchmarks" / program), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        questions, answers = cast(IO[str], running.stdin), cast(IO[str], running.stdout)

        def ask(line: str) -> dict[str, Any]:
            print(line, file=questions, flush=True)
            while answer := answers.readline():
                if answer.startswith("{"):  # qlib prints other lines too
                    return json.loads(answer)
            raise RuntimeError(f"benchmarks/{program} ended with code {running.wait()} when it was asked {line!r}.")

        try:
            yield ask
        finally:
            questions.close()
