"""Data Docs: the suites of all tables and the latest verdicts of their partitions as HTML, by Great Expectations' own renderers.

The pages load nothing from a network. Great Expectations' page templates load styles and scripts from eight hosts, so that the frame of
a page is the template here, and its content comes from Great Expectations. The verdicts are those of the manifests; nothing is judged
again.
"""

import datetime as dt
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resources.expectations import import_great_expectations
from resources.gate import RULE_BROKEN, Check, Verdict
from resources.lake import Lake
from resources.manifest import Manifest
from resources.suites import expectation_of
from resources.table import Table

INDEX = "index.html"
_FRAME = "zhoubao_page.j2"
_STYLE = """
body{font:14px/1.5 sans-serif;max-width:72rem;margin:1rem auto;padding:0 1rem;color:#222}
h1{font-size:1.4rem}h5{font-size:1.1rem;margin:1.2rem 0 .3rem}h6{font-size:1rem;margin:.6rem 0}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.3rem .5rem;text-align:left;vertical-align:top}
.badge{background:#eee;border-radius:3px;padding:0 .3rem}.text-danger,.failed{color:#a40000}.text-success{color:#1a7a1a}
td:nth-child(5){white-space:nowrap}.fa-times::before{content:"✗"}.fa-check-circle::before{content:"✓"}.fa-exclamation-triangle::before{content:"!"}i{font-style:normal}
.collapse{display:block}[data-toggle=collapse],.cooltip .top,.modal{display:none}thead[hidden]{display:none}
"""
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>{{ style }}</style></head>
<body><p><a href="{{ home }}">All tables</a></p><h1>{{ title }}</h1>
{% for section in sections %}{% set section_loop = loop %}{% include "section.j2" %}{% endfor %}
</body></html>
"""


@dataclass(frozen=True)
class JudgedPartitions:
    """The partitions of a table in a lake: their number, those with failed checks, and the manifests that are shown."""

    partitions: int
    failed: int
    refused: int
    shown: Mapping[dt.date, Manifest]

    @classmethod
    def of(cls, lake: Lake, table: Table) -> "JudgedPartitions":
        """The history of a table. The newest partition is shown, and the newest one with a failed check if that is another one."""
        manifests = {key: one for key in lake.keys(table) if (one := lake.manifest(table, key)) is not None}
        failed = [key for key, one in manifests.items() if not all(verdict.passed for verdict in one.checks.values())]
        refused = sum(bool(one.refusals) for one in manifests.values())
        keys = {max(some) for some in (list(manifests), failed) if some}
        return cls(len(manifests), len(failed), refused, {key: manifests[key] for key in sorted(keys)})


def data_docs(tables: Mapping[str, Table], lake: Lake) -> Iterator[tuple[str, str]]:
    """Render all pages: path inside the site → HTML.

    Args:
        tables: the tables, with their checks as the settings change them.
        lake: the lake whose manifests hold the verdicts.
    """
    render = _renderer()
    histories = {name: JudgedPartitions.of(lake, table) for name, table in tables.items()}
    yield INDEX, _index(tables, histories)
    for name, table in tables.items():
        yield f"expectations/{name}.html", render(_suite(table), f"{name}: checks", f"../{INDEX}")
        for key, manifest in histories[name].shown.items():
            if result := _validation(table, key, manifest):
                yield _page_of(name, key), render(result, f"{name} of {key}", f"../../../../{INDEX}")


def _page_of(table: str, key: dt.date) -> str:
    # Great Expectations links a suite from a validation by the path ../../../../expectations/<suite>.html.
    return f"validations/{table}/{key}/{key}/{table}.html"


def _renderer() -> Any:
    """A function (suite or validation, title, home) → HTML."""
    import_great_expectations()
    from great_expectations.core import ExpectationSuite
    from great_expectations.render.renderer.page_renderer import (
        ExpectationSuitePageRenderer,
        ValidationResultsPageRenderer,
    )
    from great_expectations.render.view.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, DictLoader

    view = DefaultJinjaPageView()
    own = DictLoader({_FRAME: _PAGE})
    view.env.loader = ChoiceLoader([own, *filter(None, [view.env.loader])])
    suites, validations = ExpectationSuitePageRenderer(), ValidationResultsPageRenderer()

    def render(content: Any, title: str, home: str) -> str:
        document = (suites if isinstance(content, ExpectationSuite) else validations).render(content)
        return str(view.render(document, template=_FRAME, title=title, home=home, style=_STYLE))

    return render


def _suite(table: Table) -> Any:
    """The suite of a table, whose expectations are described by name, severity, rule and remedy."""
    from great_expectations.core import ExpectationSuite

    described = [
        expectation_of(check, description=_described(check, check.critical, f"{_sentence(check)}.{check.advice()}"))
        for check in table.checks
    ]
    return ExpectationSuite(name=table.name, expectations=described)


def _described(check: Check, critical: bool, text: str) -> str:
    """The name of a check, its severity and a text, escaped, because Great Expectations prints descriptions as they are."""
    return html.escape(f"{check.name} ({'critical' if critical else 'warning'}): {text}")


def _sentence(check: Check) -> str:
    """The rule of a check in words, with the share of rows that must satisfy it where that is not every row."""
    return f"{check.rule.reason}{'' if check.mostly == 1 else f' in {check.mostly:.4%} of the rows'}"


def _validation(table: Table, key: dt.date, manifest: Manifest) -> Any:
    """The verdicts of a partition as Great Expectations' result; None where no declared check was judged."""
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult

    results = []
    for check in table.checks:
        if (verdict := manifest.checks.get(check.name)) is None:
            continue
        found = verdict.text() or f"{_sentence(check)}."
        config = expectation_of(check, description=_described(check, verdict.critical, found)).configuration
        results.append(
            ExpectationValidationResult(
                success=verdict.passed, expectation_config=config, result=_counts(verdict), meta={},
                exception_info={"raised_exception": False, "exception_traceback": None, "exception_message": None},
            )
        )  # fmt: skip
    if not results:
        return None
    passed = sum(bool(one.success) for one in results)
    moment = dt.datetime.combine(key, dt.time(), dt.UTC).isoformat()
    return ExpectationSuiteValidationResult(
        success=passed == len(results), results=results, suite_name=table.name,
        statistics={
            "evaluated_expectations": len(results), "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed, "success_percent": 100 * passed / len(results),
        },
        meta={
            "run_id": {"run_name": str(key), "run_time": moment},
            "batch_kwargs": {"data_asset_name": table.name},
            "great_expectations_version": import_great_expectations().__version__,
        },
    )  # fmt: skip


def _counts(verdict: Verdict) -> dict[str, Any]:
    """Numbers of rows as Great Expectations names them, where a verdict has them."""
    if verdict.detail is None or verdict.detail.code != RULE_BROKEN.name:
        return {}
    bad, rows = verdict.detail.parameters["bad"], verdict.detail.parameters["rows"]
    share = 100 * bad / rows
    return {
        "element_count": rows,
        "unexpected_count": bad,
        "unexpected_percent": share,
        "unexpected_percent_total": share,
        "unexpected_percent_nonmissing": share,
        "partial_unexpected_list": [],
    }


def _index(tables: Mapping[str, Table], histories: Mapping[str, JudgedPartitions]) -> str:
    """The list of all tables, which Great Expectations renders by scripts alone."""
    heads = ("table", "partitions", "with failed checks", "refused", "shown", "failed checks of these")
    rows = [_index_row(table, histories[name]) for name, table in tables.items()]
    head = "".join(f"<th>{one}</th>" for one in heads)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Checks</title><style>{_STYLE}</style></head><body>'
        f"<h1>Checks of all tables</h1><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></body></html>\n"
    )


def _index_row(table: Table, history: JudgedPartitions) -> str:
    declared = {check.name for check in table.checks}
    links, failures = [], []
    for key, manifest in history.shown.items():
        judged = declared & set(manifest.checks)
        links.append(f'<a href="{_page_of(table.name, key)}">{key}</a>' if judged else str(key))
        failures += [
            f"{key}, {name}: {verdict.text()}" for name, verdict in manifest.checks.items() if not verdict.passed
        ]
    cells: Sequence[str] = (
        f'<a href="expectations/{table.name}.html">{table.name}</a>',
        str(history.partitions),
        str(history.failed),
        str(history.refused),
        "<br>".join(links),
        "<br>".join(f'<span class="failed">{html.escape(one)}</span>' for one in failures),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"
