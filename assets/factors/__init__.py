"""The stage `factors`: day indicators and styles, and the ten high-frequency factors that are made from them."""
