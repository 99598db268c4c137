"""What was known on each day from the reference tables: prices, listed names, indices. No tick, no factor."""
