"""Every claim of speed and memory, beside a peer in the same run. No test is timed; no claim stands elsewhere."""
