"""What assets are handed: lake, landing zone, calendar, settings, gate. Imports nothing of assets/."""
