"""Resources of the assets: lake, landing zone, calendar, settings and gate. This package imports nothing from assets/."""
