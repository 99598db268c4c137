"""Declares the vendors' layouts: which header belongs to which table, and the meaning of every column that is read.

This package contains the declarations (one file per vendor) and the recognition of headers. Files are read in vendor_files.py, and
the rules of canonical rows are in canonical.py. A new vendor is a new file here with its entry in LAYOUTS (known.py), or a user's
own layout that `ticks.extra_layouts` names; docs/layouts.md has an example.
"""

from assets.ticks.layouts.known import LAYOUTS, known_layouts
from assets.ticks.layouts.layout import (
    BUY,
    CANCEL,
    CANCELLED,
    CANCELS_WITHOUT_CHANNEL,
    FILL,
    LEVELS,
    LIMIT,
    MARKET,
    NEITHER,
    NO_CHANNEL,
    ORDER,
    ORDER_KINDS,
    OWN_BEST,
    SELL,
    STATUS,
    Exchange,
    Field,
    Kind,
    Layout,
    Numbering,
    TableName,
    header_of,
    integers,
)
from assets.ticks.layouts.recognition import Unrecognised, exchange_of, nearest, recognise, symbols_in

__all__ = [
    "BUY",
    "CANCEL",
    "CANCELLED",
    "CANCELS_WITHOUT_CHANNEL",
    "FILL",
    "LAYOUTS",
    "LEVELS",
    "LIMIT",
    "MARKET",
    "NEITHER",
    "NO_CHANNEL",
    "ORDER",
    "ORDER_KINDS",
    "OWN_BEST",
    "SELL",
    "STATUS",
    "Exchange",
    "Field",
    "Kind",
    "Layout",
    "Numbering",
    "TableName",
    "Unrecognised",
    "exchange_of",
    "header_of",
    "integers",
    "known_layouts",
    "nearest",
    "recognise",
    "symbols_in",
]
