"""Builds the point-in-time reference tables of each day: prices, listed stocks and indices. No ticks, no factors."""
