"""Parquet bytes of a frame, the same for every part and side file of the lake."""

import io

import polars as pl


def encode(frame: pl.DataFrame) -> bytes:
    """Parquet bytes: zstd, with statistics. The same frame gives the same bytes."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()
