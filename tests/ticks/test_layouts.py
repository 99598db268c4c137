"""What the declared layouts promise: numberings, optional columns, rules that hold for every layout."""

import polars as pl

from assets.ticks.canonical import split_duplicates
from assets.ticks.layouts import LAYOUTS, recognise


def test_numberings_say_what_seq_counts():
    said = {layout.name: layout.numbering for layout in LAYOUTS}
    for layout in LAYOUTS:
        if layout.table == "quotes" or layout.name.startswith("Wind"):
            assert said[layout.name] is None
        elif layout.exchange == "SZ":
            assert said[layout.name] == "events"
            assert layout.fields["seq"].column == "ApplSeqNum"
        else:
            assert said[layout.name] in (layout.table, "events")


def test_an_optional_column_may_be_missing_and_is_then_not_read():
    for layout in LAYOUTS:
        optional = {item.column for item in layout.fields.values() if item.optional}
        header = [name for name in layout.header if name not in optional - layout.columns]
        found = next(item for item in recognise(header, layout.exchange) if item.table == layout.table)
        assert found.name == layout.name
        assert {item.column for item in found.fields.values()} <= set(header)


def test_a_row_without_event_contradicts_nobody_and_takes_it_from_its_repetition():
    rows = [(600519, 6, 1, 100, None), (600519, 6, 1, 100, 7), (600519, 6, 2, 100, 8), (600519, 6, 2, 100, 9)]
    frame = pl.DataFrame(rows, schema=["code", "channel", "seq", "volume", "event"], orient="row")
    kept, again = split_duplicates(frame)
    assert kept["event"].to_list() == [7, 8]
    assert again["conflicts"].to_list() == [False, True]
