"""What assets are handed: the lake, the landing zone, the calendar, the settings, the gate. Imports nothing of assets/."""
