"""Renders the issue as a workbook: its tables, the series and statistics behind them as numbers, and the run's settings.

This module holds sheets and number formats. It does not hold figures and words.
"""

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from assets.report.issue import Grid, Issue
from assets.report.render.layout import layout_words

# sections whose tables are the first sheets, and those whose tables are the last ones
FIRST, LAST = ("factors", "portfolios", "evidence", "each-portfolio"), ("health", "settings")


def write_workbook(issue: Issue, frames: Mapping[str, pl.DataFrame], day: dt.date) -> bytes:
    """Write an .xlsx and return its bytes, which are equal for equal input (its date of creation is the signal day).

    frames: name of a sheet → its numbers; these sheets follow the tables FIRST and precede the tables LAST.
    """
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "yyyy-mm-dd"})
    book.set_properties({"title": issue.front.title, "created": dt.datetime.combine(day, dt.time())})
    formats = {
        "head": book.add_format({"bold": True, "bottom": 1, "bg_color": "#1f3864", "font_color": "white"}),
        "title": book.add_format({"bold": True, "font_size": 13}),
        "percent": book.add_format({"num_format": "0.00%"}),
        "warning": book.add_format({"bold": True, "font_color": "#b3282d"}),
    }
    sections = {section.anchor: section for section in issue.sections}
    for anchor in FIRST:
        for grid in sections[anchor].grids:
            _write_grid(book, issue, grid, formats)
    for name, frame in frames.items():
        _write_frame(book.add_worksheet(name), frame, formats)
    for anchor in LAST:
        for grid in sections[anchor].grids:
            _write_grid(book, issue, grid, formats)
    book.close()
    return buffer.getvalue()


def _write_grid(book: Any, issue: Issue, grid: Grid, formats: dict[str, Any]) -> None:
    name = f"{layout_words(issue.language)['table']}{grid.number}"
    sheet = book.add_worksheet(name.strip())
    sheet.write_string(0, 0, f"{name} {grid.title}", formats["title"])
    row = 1
    for warning in issue.front.warnings:
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
    """Write a printed percentage as a number, and any other cell as text."""
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
