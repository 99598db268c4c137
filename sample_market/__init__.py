"""A seeded exchange that makes test data: `python -m sample_market` writes a whole landing zone.

What belongs here: the simulation and the vendor's and reference files it leaves behind (SPEC §10, §2.1, §2.3).
What does not: anything of the platform itself. Nothing here imports the pipeline, and the pipeline reads only the files,
so that the two are independent implementations of the same contracts. Importing this package loads nothing heavy.

Modules: `settings` (profiles), `plan` (calendar, names, scheduled events), `signals` (the planted alpha and the common
factors), `book` (order book and one stock-day of trading), `bars` (its own minute bars), `delivery` (the vendor's files),
`reference` (the reference tables), `generate` (puts it together), `folder` (where it appears).
"""
