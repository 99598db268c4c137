"""From bars to factors: day indicators, styles, and the ten factors. No network, no portfolio."""
