"""What exists: one folder per stage, in the order the data flows. No Dagster; no stage imports one below it."""
