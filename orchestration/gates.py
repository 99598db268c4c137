"""The checks of all tables as suites of Great Expectations that can be read and edited.

    python -m orchestration.gates --write suites [--profile my.toml]     write suites/<table>.json, under the present settings
    python -m orchestration.gates --read suites > gates.toml             print edited suites as settings
    python -m orchestration.gates --docs docs [--lake DIR]               write suites and latest verdicts of a lake as HTML

The printed text is the whole section `[gates]` and replaces that of a settings file. Tables whose file was removed have no changes.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.platform import PROFILES, Names
from orchestration.tables import load_tables
from resources.data_docs import INDEX, data_docs
from resources.errors import SettingsError, ZhoubaoError
from resources.gate_changes import with_gates
from resources.lake import Lake
from resources.settings.gates import GateSettings
from resources.settings.load import load_profile
from resources.suites import changes_in, to_json
from resources.table import Table

HEAD = "# Changes of declared checks, from edited suites. They replace the section [gates] of a settings file.\n"


def write_suites(tables: Mapping[str, Table], folder: Path) -> list[Path]:
    """Write one suite per table, `<table>.json`, and return the files.

    Raises:
        SettingsError: the folder cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables.values():
            path = folder / f"{table.name}.json"
            path.write_text(json.dumps(to_json(table), ensure_ascii=False, indent=2) + "\n", "utf-8")
            written.append(path)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {error.strerror}. Name another folder.") from error
    return written


def read_suites(tables: Mapping[str, Table], folder: Path) -> str:
    """Read edited suites and return the changes as the text of settings.

    Args:
        tables: the tables as declared, without changes by settings.
        folder: a folder with files `<table>.json`.

    Raises:
        SettingsError: there is no such file, a file cannot be read, or a suite has other changes than those of thresholds, severity and
            shares.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise SettingsError(
            f"{folder} holds no suite. Write the suites: python -m orchestration.gates --write {folder}."
        )
    found = {}
    for path in files:
        if path.stem not in tables:
            raise SettingsError(f"{path} is named after no table. Remove it, or name it after the table of the suite.")
        try:
            edited = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise SettingsError(f"{path} cannot be read as JSON: {error}. Correct it or write it again.") from error
        if changes := changes_in(tables[path.stem], edited, str(path)):
            found[path.stem] = changes
    with_gates(
        tables,
        {name: {one: GateSettings(**values) for one, values in checks.items()} for name, checks in found.items()},
    )
    return to_settings(found)


def write_docs(names: Names, folder: Path) -> Path:
    """Write the Data Docs of a lake, and return the path of their first page. Files of an earlier site are replaced.

    Raises:
        NotReadyError: there is no lake.
        SettingsError: the folder cannot be written, or holds other files than a site.
    """
    profile = load_profile(names.settings, PROFILES)
    lake = Lake(names.lake, profile.settings.lake)
    lake.require_any()
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / INDEX).is_file():
                raise SettingsError(f"{folder} holds other files than Data Docs. Name a new or empty folder.")
            for old in ("expectations", "validations"):
                shutil.rmtree(folder / old, ignore_errors=True)
        for path, page in data_docs(with_gates(load_tables(), profile.settings.gates), lake):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(page, "utf-8")
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {error.strerror}. Name another folder.") from error
    return folder / INDEX


def to_settings(changes: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Changes by table and check as the text of a settings file.

    >>> print(to_settings({"factors": {"most_of_universe_covered": {"min": 0.9, "critical": True}}}))
    # Changes of declared checks, from edited suites. They replace the section [gates] of a settings file.
    <BLANKLINE>
    [gates.factors.most_of_universe_covered]
    min = 0.9
    critical = true
    <BLANKLINE>
    """
    parts = [HEAD if changes else "# No check differs from the declared one.\n"]
    for table, checks in changes.items():
        for check, values in checks.items():
            lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
            parts.append("\n".join([f"[gates.{table}.{check}]", *lines]) + "\n")
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 after an error, which is printed to stderr."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.gates", description=__doc__.split("\n")[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", metavar="FOLDER", type=Path, help="write one suite per table, as JSON")
    action.add_argument("--read", metavar="FOLDER", type=Path, help="print edited suites as the text of settings")
    action.add_argument(
        "--docs", metavar="FOLDER", type=Path, help="write suites and latest verdicts of a lake as HTML"
    )
    parser.add_argument("--profile", help="a profile's name or a settings file, for --write and --docs")
    parser.add_argument("--lake", help="a folder or an s3:// URL, for --docs")
    options = parser.parse_args(arguments)
    try:
        if options.lake and options.docs is None:
            raise SettingsError("--lake names the lake whose verdicts --docs shows, and needs --docs.")
        if options.read is not None:
            if options.profile:
                raise SettingsError("--read compares with the declared checks and takes no --profile.")
            print(read_suites(load_tables(), options.read), end="")
            return 0
        names = Names.of(lake=options.lake, settings=options.profile)
        if options.docs is not None:
            print(write_docs(names, options.docs))
            return 0
        profile = load_profile(names.settings, PROFILES)
        written = write_suites(with_gates(load_tables(), profile.settings.gates), options.write)
        print(f"{len(written)} suites written to {options.write}")
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
