"""Runs the benchmarks, prints the table and writes benchmarks/results.json.

python -m benchmarks [NAME …]      runs all modules of this folder, or those with the given names
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
COLUMNS = ("name", "ours", "peer", "ratio", "target", "floor")


def main(chosen: list[str]) -> int:
    """Run the chosen benchmarks, or all if none is chosen, update the record, and return the exit status."""
    known = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    unknown = set(chosen) - set(known)
    if unknown:
        print(
            f"error: there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(known)}",
            file=sys.stderr,
        )
        return 1
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else []
    for name in chosen or known:
        print(f"{name} …", flush=True)
        # Each benchmark has its own process, so that imports, caches and peak memory do not affect the next one.
        code = f"import json; from benchmarks.{name} import main; print(json.dumps(main()))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=True
        )
        measured: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        for row in measured:
            row["conditions"] = {
                **row.get("conditions", {}),
                "cores": os.cpu_count(),
                "python": platform.python_version(),
            }
            kept = [old for old in kept if old["name"] != row["name"]] + [row]
        _print(measured)
    RESULTS.write_text(
        json.dumps(sorted(kept, key=lambda row: row["name"]), indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    print(f"written to {RESULTS.relative_to(HERE.parent)}")
    return 0


def _print(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print("  " + " · ".join(f"{column} {_show(row.get(column))}" for column in COLUMNS))


def _show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "–" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
