"""The issue as a workbook: both tables, RankICs and the evaluation, the daily series behind them, and the settings, as numbers.

Here: sheets and number formats. Not here: figures and words.
"""

import datetime as dt
import io
from collections.abc import Sequence
from typing import Any

import polars as pl

from assets.performance.evaluation_summary import Summary
from assets.report.issue import Grid, Weekly


def write_workbook(
    issue: Weekly,
    factor_returns: pl.DataFrame,
    rank_ics: pl.DataFrame,
    portfolio_returns: pl.DataFrame,
    attribution: pl.DataFrame,
    summary: Summary,
    day: dt.date,
) -> bytes:
    """Bytes of an .xlsx; equal input gives equal bytes (it carries the signal day as its date of creation)."""
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "yyyy-mm-dd"})
    book.set_properties({"title": issue.title, "created": dt.datetime.combine(day, dt.time())})
    formats = {
        "head": book.add_format({"bold": True, "bottom": 1, "bg_color": "#1f3864", "font_color": "white"}),
        "title": book.add_format({"bold": True, "font_size": 13}),
        "percent": book.add_format({"num_format": "0.00%"}),
        "warning": book.add_format({"bold": True, "font_color": "#b3282d"}),
    }
    for grid in (
        issue.table1,
        issue.table2,
        issue.ics,
        issue.evaluation,
        issue.attribution,
        *issue.explanations,
        *issue.optional,
    ):
        _write_grid(book, issue, grid, formats)
    for name, frame in (
        ("factor_returns", factor_returns.sort("factor", "date")),
        ("portfolio_returns", portfolio_returns.sort("portfolio", "date")),
        ("attribution", attribution.sort("portfolio", "week", "component", "item")),
        ("rank_ics", rank_ics.sort("factor", "signal_date")),
        ("evaluation", summary.factors),
        ("ic_decay", summary.decay),
        ("decile_returns", summary.deciles),
        ("factor_correlations", summary.correlations),
        ("style_exposures", summary.exposures),
        ("seeds", summary.seeds),
    ):
        _write_frame(book.add_worksheet(name), frame, formats)
    for grid in (issue.verdicts, *issue.settings_used):
        _write_grid(book, issue, grid, formats)
    book.close()
    return buffer.getvalue()


def _write_grid(book: Any, issue: Weekly, grid: Grid, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(f"{issue.labels['table']}{grid.number}".strip())
    sheet.write_string(0, 0, f"{issue.labels['table']}{grid.number} {grid.title}", formats["title"])
    row = 1
    for warning in issue.warnings:
        sheet.write_string(row, 0, warning, formats["warning"])
        row += 1
    sheet.write_string(row, 0, issue.source)
    for head in grid.heads:
        row, column = row + 1, 0
        for text, span in head:
            for offset in range(span):
                sheet.write_string(row, column + offset, text if offset == 0 else "", formats["head"])
            column += span
    sheet.freeze_panes(row + 1, 1)
    for line in grid.rows:
        row += 1
        for column, cell in enumerate(line.cells):
            _write_cell(sheet, row, column, cell, formats)
        if line.absent:
            sheet.write_string(row, len(line.cells), line.absent)
    for note in grid.notes:
        row += 1
        sheet.write_string(row, 0, note)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 16, 14)


def _write_cell(sheet: Any, row: int, column: int, cell: str, formats: dict[str, Any]) -> None:
    """A printed percentage goes in as a number; anything else as the text it is."""
    if column and cell.endswith("%") and cell[:-1].replace(".", "", 1).lstrip("-").isdigit():
        sheet.write_number(row, column, round(float(cell[:-1]) / 100, 8), formats["percent"])
    else:
        sheet.write_string(row, column, cell)


def _write_frame(sheet: Any, frame: pl.DataFrame, formats: dict[str, Any]) -> None:
    for column, name in enumerate(frame.columns):
        values: Sequence[Any] = frame[name].to_list()
        sheet.write_string(0, column, name, formats["head"])
        sheet.write_column(1, column, values)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(frame.columns) - 1, 14)
