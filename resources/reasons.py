"""Reasons in words, counted: the commonest first. Nothing decides on what is written here; it is for messages alone."""

import polars as pl

SHOWN_REASONS = 3
SHOWN_NAMES = 5


def counted_reasons(frame: pl.DataFrame, reason: str, name: str | None) -> list[str]:
    """'12 × close = 0.0 must be above 0 (600519.SH, 000001.SZ …)' of each reason of a frame's rows, the commonest first.

    reason: the column of the sentences, none of them null. name: the column of what they are about, if any. Reasons that
    differ in their numbers alone count as one and are shown by the first of them; all but the three commonest are added up.
    """
    who = pl.col(name).drop_nulls().unique(maintain_order=True) if name else pl.lit(None)
    kinds = (
        frame.with_columns(_kind=pl.col(reason).str.replace_all(r"\d[\d.,:]*", "#"))
        .group_by("_kind", maintain_order=True)
        .agg(pl.len(), pl.col(reason).first().alias("_shown"), who.alias("_names"))
        .sort("len", descending=True, maintain_order=True)
        .select("len", "_shown", "_names")
    )
    told = []
    for count, shown, names in kinds.head(SHOWN_REASONS).iter_rows():
        listed = ", ".join(map(str, (names or [])[:SHOWN_NAMES]))
        more = " …" if names and len(names) > SHOWN_NAMES else ""
        told.append(f"{count} × {shown}" + (f" ({listed}{more})" if listed else ""))
    if kinds.height > SHOWN_REASONS:
        told.append(f"{kinds['len'][SHOWN_REASONS:].sum()} for {kinds.height - SHOWN_REASONS} other reasons")
    return told
