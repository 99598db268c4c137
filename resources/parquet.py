"""The Parquet encoding of every part and side file of the lake."""

import io

import polars as pl


def encode(frame: pl.DataFrame) -> bytes:
    """Encode a frame as Parquet with zstd and statistics. Equal frames have equal bytes."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()
