"""Statistical claims as reproducible studies, each with one command, its conditions, and a record of its figures beside it.

A study makes claims that need a training and weeks out of sample. Speed and memory are measured in benchmarks/. A study runs the
project's own functions on its own tables and holds no second version of them, except to verify them.
"""
