"""What each vendor's files look like: which header belongs to which table, and what every column that is read means.

Here: declarations (a file for each vendor), and recognising a header. Not here: reading files (vendor_files.py) and what canonical
rows must be (canonical.py). A new vendor is a new file here and its entry in LAYOUTS (known.py), or a layout of a user's own that
`ticks.extra_layouts` names: docs/layouts.md shows one.
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
