"""Generates docs/settings.md from the settings tree: python -m resources.settings_page.

This module has the page's text and the format of a setting. The settings themselves are in resources/settings/. A test checks that the
page is current.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from resources.settings import Settings
from resources.settings.base import EXECUTION, Section
from resources.settings.rulebook import EXTENDED

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
HEAD = """# Settings

This page lists every setting with its default, its bounds and its meaning. It is generated from the tree in `resources/settings/`, one
module per section:

```bash
python -m resources.settings_page
```

A settings file is TOML in UTF-8. It may extend a profile or another file, and changes only what it names:

```toml
[profile]
extends = "production"

[factors]
window = 5
```

`make report PROFILE=my.toml` runs with it. One value may also be set in the environment, as JSON:
`ZHOUBAO__FACTORS__WINDOW=5`. The defaults are the values of the [specification](spec.md), so that an empty file is the profile `production`; the
other profiles in `orchestration/profiles/` state a reason for every setting they change, and the report prints it.

- Types are strict: `"5"`, `true` and `5.0` are not whole numbers. Unknown keys, values out of bounds, `nan` and infinities are errors that
  name the key.
- A partition is made from the one or few sections that its table declares. A changed setting makes the partitions of those tables stale, and
  no others. Settings marked *execution* only affect how something is computed and make no partition stale.
- A list replaces its default. Entries of a table (`{…}`) are added to its default. Rows of the rulebook are added to the shipped rows.
- [c] marks a choice that no source publishes, and "SPEC §n" the section of the specification to which a setting belongs.
"""
UNITS = (  # (beginning or part of a description, part of a name, unit); the first match applies
    (r"(Least |Largest |Smallest )?[Ss]hare of\b", r"_share$", "fraction"),
    (r".*\btrading days\b|Trading days\b", r"(?!)", "trading days"),
    (r"(?!)", r"(^|_)days$", "days"),
    (r"Weeks of\b", r"_weeks$", "weeks"),
    (r"Minutes of\b", r"_minutes$", "minutes"),
    (r"Seconds of\b", r"_seconds$", "seconds"),
    (r"Milliseconds\b", r"_ms$", "ms"),
    (r"(?!)", r"_mb$", "MB"),
    (r"(?!)", r"_gb$", "GB"),
    (r"Whole percent\b", r"(?!)", "percent"),
    (r"Yuan\b", r"(?!)", "yuan"),
    (r"Shares (by|of the smallest)\b", r"(?!)", "shares"),
    (r"Standard deviations\b", r"(?!)", "std"),
    (r"(Distance|The same distance)\b", r"(?!)", "1.4826 MAD"),
)


def page(settings: Settings | None = None) -> str:
    """Generate the whole page in Markdown; by default for the default settings."""
    tree = settings or Settings()
    parts = [HEAD]
    for name, field in type(tree).model_fields.items():
        if isinstance(section := getattr(tree, name), Section):
            parts += _section(name, section, level=2)
        else:
            parts += _keyed(name, field)
    return "\n".join(parts) + "\n"


def _section(path: str, section: Section, level: int) -> list[str]:
    """A heading, a table of the section's own settings, then its subsections. Subsections of one class share a table."""
    parts = [f"{'#' * level} `{path}`\n", f"{_text(type(section).__doc__)}\n", *_table([section])]
    inner: dict[type[Section], list[str]] = {}
    for name in type(section).model_fields:
        if isinstance(value := getattr(section, name), Section):
            inner.setdefault(type(value), []).append(name)
    for names in inner.values():
        if len(names) == 1:
            parts += _section(f"{path}.{names[0]}", getattr(section, names[0]), level + 1)
        else:
            parts += _alike(path, section, names, level + 1)
    for name, field in type(section).model_fields.items():
        if row := _row_of(field):
            parts += _rows(f"{path}.{name}", row, level + 1, shipped=field.json_schema_extra == EXTENDED)
    return parts


def _row_of(field: FieldInfo) -> type[Section] | None:
    """The class of the rows of a setting that is a list of tables; None for other settings."""
    first = next(iter(get_args(field.annotation)), None)
    return first if isinstance(first, type) and issubclass(first, Section) else None


def _keyed(path: str, field: FieldInfo) -> list[str]:
    """Sections of one class by two keys of the user's choice, such as `[gates.<table>.<check>]`: one table."""
    inner = get_args(get_args(field.annotation)[1])[1]
    return [f"## `{path}`\n", f"{_text(inner.__doc__)}\n", *_table([inner()])]


def _alike(path: str, section: Section, names: Sequence[str], level: int) -> list[str]:
    """Sections of one class: the description of each, and one table with differing defaults by section."""
    fields = type(section).model_fields
    sections = [getattr(section, name) for name in names]
    parts = [f"{'#' * level} {', '.join(f'`{path}.{name}`' for name in names)}\n"]
    parts.append(f"{_text(type(sections[0]).__doc__)}\n")
    parts.append("\n".join(f"- `{path}.{name}`: {_text(fields[name].description)}" for name in names) + "\n")
    return parts + _table(sections, names)


def _rows(path: str, row: type[BaseModel], level: int, *, shipped: bool) -> list[str]:
    """The keys of one row of a list of tables. shipped: whether the rulebook has such rows."""
    head = f"{'#' * level} Rows of `[[{path}]]`\n"
    where = " The shipped rows are in [rulebook.md](rulebook.md)." if shipped else ""
    lines = [f"{_text(row.__doc__)}{where}\n", *TABLE]
    schema = row.model_json_schema()
    for name, field in row.model_fields.items():
        default = "required" if field.is_required() else _value(field.default)
        lines.append(_line(name, default, _allowed(schema["properties"][name], schema), field.description))
    return [head, lines[0], "\n".join(lines[1:]) + "\n"]


TABLE = ("| setting | default | unit | allowed | meaning |", "|---|---|---|---|---|")


def _table(sections: Sequence[Section], names: Sequence[str] = ()) -> list[str]:
    """A table of the settings, other than subsections, of sections of one class; [] where there are none."""
    schema, lines = type(sections[0]).model_json_schema(), list(TABLE)
    for name, field in type(sections[0]).model_fields.items():
        values = [getattr(section, name) for section in sections]
        if isinstance(values[0], Section):
            continue
        if _row_of(field):
            default = f"{len(values[0])} rows" if field.json_schema_extra == EXTENDED else _value(values[0])
            lines.append(_line(name, default, "rows, see below", field.description))
            continue
        default, allowed = (
            _defaults([_value(one) for one in values], names),
            _allowed(schema["properties"][name], schema),
        )
        execution = " *execution*" if field.json_schema_extra == EXECUTION else ""
        lines.append(_line(name, default, allowed, field.description, execution))
    return ["\n".join(lines) + "\n"] if len(lines) > len(TABLE) else []


def _defaults(values: Sequence[str], names: Sequence[str]) -> str:
    """The commonest value, and the other values with the names of their sections."""
    usual = max(values, key=values.count)
    others: dict[str, list[str]] = {}
    for value, name in zip(values, names or [""] * len(values), strict=True):
        if value != usual:
            others.setdefault(value, []).append(name)
    return "; ".join([usual, *(f"{value} for {', '.join(own)}" for value, own in others.items())])


def _line(name: str, default: str, allowed: str, text: str | None, mark: str = "") -> str:
    cells = (f"`{name}`", default, _unit(name, text or ""), allowed, _text(text) + mark)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _unit(name: str, text: str) -> str:
    """The unit that follows from the name or the description of a setting; "" where neither states one."""
    if text.startswith("Whether "):
        return ""
    found = (unit for says, ends, unit in UNITS if re.match(says, text) or re.search(ends, name))
    return next(found, "")


def _value(value: Any) -> str:
    """A default as a settings file writes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(_plain(one) for one in value)}]`"
    if isinstance(value, Mapping):
        return "`{" + ", ".join(f"{_key(key)} = {_plain(one)}" for key, one in value.items()) + "}`"
    return f"`{_plain(value)}`"


def _key(key: str) -> str:
    """A key as TOML writes it: one with a dot is quoted."""
    return key if re.fullmatch(r"[\w-]+", key) else json.dumps(key)


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | int) else f"{value}"


WORDS = {"integer": "whole number", "number": "number", "boolean": "`true`, `false`", "string": "text"}


def _allowed(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """The allowed values by the JSON schema: type, bounds, choices."""
    if "$ref" in schema:
        return _allowed(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root)
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") != "null"]
        return "; or ".join(["none"] * (len(kinds) < len(schema["anyOf"])) + [_allowed(one, root) for one in kinds])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "")
    if kind == "array":
        if "prefixItems" in schema:
            each = dict.fromkeys(_allowed(one, root) for one in schema["prefixItems"])
            return f"list of {len(schema['prefixItems'])}, each: {', '.join(each)}"
        least = f" (at least {schema['minItems']})" if schema.get("minItems") else ""
        return f"list{least} of: {_allowed(schema.get('items', {}), root)}"
    if kind == "object":
        values = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()))
        return f"table of: {_allowed(values, root)}"
    if schema.get("format") == "date":
        return "date"
    return f"{WORDS[kind]}{_bounds(schema)}"


def _bounds(schema: Mapping[str, Any]) -> str:
    """The bounds as `, 1 to 52`; excluded bounds as "above" or "below"."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f", {_number(low)} to {_number(high)}"
    ends = [(low, "at least"), (above, "above"), (high, "at most"), (below, "below")]
    bounds = [f"{word} {_number(end)}" for end, word in ends if end is not None]
    if pattern := schema.get("pattern"):
        bounds.append(f"that matches `{pattern}`" if "\\S" not in pattern else "not empty")
    return f", {' and '.join(bounds)}" if bounds else ""


def _number(bound: float) -> str:
    """Format a bound: 120, 0.05, 1e9."""
    if bound != int(bound):
        return f"{bound:g}"
    zeros = len(digits := str(int(bound))) - len(digits.rstrip("0"))
    return f"{digits[:-zeros]}e{zeros}" if zeros > 5 else digits


def _text(text: str | None) -> str:
    """A description as one line that ends in a full stop."""
    line = " ".join((text or "").split())
    return line if not line or line[-1] in ".?!…]" else f"{line}."


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
