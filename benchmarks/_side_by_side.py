"""What the benchmarks share: alternating runs, the record's row, the peak memory of ours alone, peers of another environment.

Here: measuring. Not here: what is measured.
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
    """Median seconds of each, run by turns, so that another load on the machine falls on all alike. All were run before."""
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
    """One row of the record. medians: seconds of "ours", "floor" and the peers; the best of `peers` is the one compared with."""
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
    """The peers that are there, ready to read the file; of the others the conditions say so."""
    peers = {}
    for name, make in makers.items():
        try:
            peers[name] = make(path)
        except ImportError as missing:
            conditions[f"{name}_s"] = f"n/a: {missing}; make bench installs it"
    return peers


def peak_gb(module: str, path: Path) -> float:
    """Peak resident memory in GB of `ours(path)` of that benchmark, in a process of its own."""
    # VmHWM, not getrusage: what the latter says of a child begins with the memory of its parent.
    code = (
        f"import pathlib; from benchmarks.{module} import ours; ours(pathlib.Path({str(path)!r})); "
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return round(int(done.stdout.splitlines()[-1]) / 1024**2, 2)


@contextlib.contextmanager
def qlib(program: str, folder: Path) -> Iterator[Ask | None]:
    """A function that has benchmarks/<program>, run in qlib's environment over the arrays in `folder`, do what a line asks
    for, and returns its answer; None where qlib isn't installed."""
    if not QLIB.is_file():
        yield None
        return
    command = [str(QLIB), str(ROOT / "benchmarks" / program), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        questions, answers = cast(IO[str], running.stdin), cast(IO[str], running.stdout)

        def ask(line: str) -> dict[str, Any]:
            print(line, file=questions, flush=True)
            while answer := answers.readline():
                if answer.startswith("{"):  # qlib prints of its own
                    return json.loads(answer)
            raise RuntimeError(f"benchmarks/{program} ended at {line!r} with code {running.wait()}.")

        try:
            yield ask
        finally:
            questions.close()
