"""The stage `features`: raw features per bar and per day, from minute bars and daily prices, which the networks read."""
