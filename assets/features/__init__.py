"""From bars and daily prices to what the networks read: raw features per bar and per day. No label, no network."""
