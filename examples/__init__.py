"""Examples of a user's own code that settings name: a factor, a network, two constraints and a vendor layout.

The settings file desk.toml names them. No module of the project imports this package.
"""
