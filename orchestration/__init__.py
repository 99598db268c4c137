"""When, and in which pieces, it runs: everything that knows Dagster, and the driver. Imports assets/ and resources/."""
