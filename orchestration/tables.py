"""The registry of all tables, in the order in which the data flows. The tables are declared in assets/<stage>/assets.py."""

import importlib
import inspect

import assets  # imported while Dagster has the repository on its path; `load_tables` finds the stages through it later
from resources.table import Table

STAGES = (
    "ticks",
    "reference",
    "tape_health",
    "bars",
    "factors",
    "features",
    "models",
    "distributions",
    "portfolios",
    "performance",
    "report",
)

OWNERS = {
    "ticks": ["team:data"],
    "reference": ["team:data"],
    "bars": ["team:data"],
    "factors": ["team:research"],
    "features": ["team:research"],
    "models": ["team:research"],
    "distributions": ["team:data"],
    "portfolios": ["team:portfolios"],
    "report": ["team:portfolios"],
}


def load_tables() -> dict[str, Table]:
    """Load the tables by name, each after the tables that it reads.

    Raises:
        ValueError: tables read each other in a circle, or a table reads one that no stage declares.
    """
    declared = {
        table.name: table
        for stage in STAGES
        for table in importlib.import_module(f"{assets.__name__}.{stage}.assets").TABLES
    }
    ordered: dict[str, Table] = {}

    def place(table: Table, seeking: tuple[str, ...] = ()) -> None:
        if table.name in seeking:
            raise ValueError(f"tables read each other in a circle: {' → '.join((*seeking, table.name))}")
        for read in table.reads:
            if read.table not in declared:
                raise ValueError(f"{table.name} reads {read.table}, which no stage declares")
            if read.table != table.name and read.table not in ordered:
                place(declared[read.table], (*seeking, table.name))
        ordered.setdefault(table.name, table)

    for table in declared.values():
        place(table)
    return ordered


def describe(table: Table) -> str:
    """A table's description followed by its schema, in Markdown for the UI."""
    columns = "\n".join(f"| `{name}` | {_type_name(dtype)} |" for name, dtype in table.schema.items())
    return f"{inspect.cleandoc(table.description)}\n\n| column | type |\n|---|---|\n{columns}\n"


def _type_name(dtype: object) -> str:
    return str(dtype() if isinstance(dtype, type) else dtype)
