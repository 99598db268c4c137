"""Files of reference tables that are damaged as a whole: an error names the file and says what it is."""

from pathlib import Path

import polars as pl
import pytest

from assets.ticks import values
from resources.delivered_files import read_delivered
from resources.errors import InputError
from resources.values import read_column

HEADER = "date,symbol,close\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"\0" * 1_000_000, "begins with a line of"),
        (b"\0" + b"\0" * 1_000_000, "begins with a line of"),
        (b"7" * 1_000_000, "begins with a line of 1000000 characters"),
        (b'"' * 1_000_000, "begins with a line of 1000000 characters"),
        (b",".join(b"column%d" % at for at in range(100_000)), "begins with a line of"),
        (HEADER.encode() + b"2023-02-01," + b"9" * 200_000 + b",1,2\n", "no readable CSV file"),
    ],
    ids=[
        "nothing",
        "zeros",
        "zeros of an odd number",
        "no line end",
        "quotes",
        "columns",
        "a cell under too short a header",
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "daily_prices.csv"
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"daily_prices\.csv.*{says}"):
        read_delivered(path, {"date", "symbol", "close"})


@pytest.mark.parametrize(
    "cell", ["9" * 1_000_000 + "x", "." + "9" * 1_000_000 + "x", "1" + ",000" * 300_000 + "x", "1e" * 500_000]
)
def test_a_cell_of_a_million_characters_takes_no_longer_than_its_length(cell: str) -> None:
    """A quadratic search would need hours. No such cell is a number."""
    assert values.number(cell, 0) is None
    read = read_column(pl.Series("close", ["1.5", cell]), pl.Float64)
    assert read.values[0] == 1.5
    assert read.values[1] is None
