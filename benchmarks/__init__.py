"""Measurements of speed and memory, each beside a peer in the same run.

All claims of the project about speed are made here, and no test judges a time.
"""
