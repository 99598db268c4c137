"""A seeded exchange that makes test data: `python -m sample_market` writes a whole landing zone.

This package holds the simulation, and the vendor files and reference tables that it writes (SPEC §10, §2.1, §2.3). It does not import
the pipeline, and the pipeline reads only the files, so that the two are independent implementations of the same contracts. Importing
this package loads nothing heavy.

Modules: `settings` (profiles), `plan` (calendar, stocks, scheduled events), `signals` (the planted alpha and the common
factors), `book` (order book and one stock-day of trading), `bars` (its own minute bars), `delivery` (the vendor's files),
`reference` (the reference tables), `generate` (the whole market), `folder` (the output folder).
"""
