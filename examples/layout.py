"""A user's own vendor layout, named by `ticks.extra_layouts`: the fictitious vendor Acme delivers SSE trades and orders in one file.

Prices are in 1/10 000 yuan. `T` is a fill, `O` an order, `X` a cancellation, and `H` a heartbeat, which belongs to no table. The
platform checks the rows: formats as described in docs/layouts.md, totals by tape_health.
"""

from assets.ticks.layouts import (
    BUY,
    CANCELLED,
    FILL,
    LIMIT,
    NEITHER,
    ORDER,
    SELL,
    STATUS,
    Field,
    Layout,
    header_of,
    integers,
)

HEADER = header_of("security,at,what,chan,no,buyer,seller,px10000,shares,dir,worth")
ROW = {
    **integers(channel="chan", seq="no", bid_order="buyer", ask_order="seller"),
    "code": Field("security", "symbol"),
    "time": Field("at", "clock"),
    "price": Field("px10000", "ticks", blank=True),
    "row": Field("what", "code", {"T": FILL, "O": ORDER, "X": ORDER, "H": STATUS}),
}
TRADES = {
    **integers(volume="shares"),
    "flag": Field("dir", "code", {"buy": BUY, "sell": SELL, "": NEITHER}),
    "money": Field("worth", "money", blank=True),
}
ORDERS = {
    **integers(quantity="shares"),
    "side": Field("dir", "code", {"buy": BUY, "sell": SELL}),
    "kind": Field("what", "code", {"O": LIMIT, "X": CANCELLED}),
}
LAYOUTS = (
    Layout("Acme trades", "trades", "SH", HEADER, ROW | TRADES, keep=("row", (FILL,)), numbering="trades"),
    Layout("Acme orders", "orders", "SH", HEADER, ROW | ORDERS, keep=("row", (ORDER,)), numbering="orders"),
)
