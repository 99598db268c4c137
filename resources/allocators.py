"""What torch reads from the environment when it starts, set where nothing is set yet. Nothing else.

It stands here because no stage touches the environment; it imports nothing, so that it can be called before torch starts.
"""

import os

WANTED = {
    # cuBLAS repeats its results on several streams only with a workspace of fixed size.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    # Huge pages for torch's arrays, which it decides at its first one: a batch is gathered in 14 ms instead of 33.
    "THP_MEM_ALLOC_ENABLE": "1",
}


def settle_allocators() -> None:
    """Leaves alone what somebody has set."""
    for name, value in WANTED.items():
        os.environ.setdefault(name, value)
