"""The stage that makes order_sizes and minute_bars from ticks or from delivered one-minute bars (SPEC §1, §2.2, §3).

This package sums trades and quotes into minutes. It does not read vendor files (assets/ticks), judge whether a tape is complete
(assets/tape_health) or compute statistics over several minutes (assets/factors).
"""
