"""Code of a user's own, wired by settings alone: a factor, a network, two constraints, a vendor layout, and desk.toml,
which names them. Nothing of the project imports this package."""
