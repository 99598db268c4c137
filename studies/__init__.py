"""Statistical claims, each a reproducible study: one command, its conditions, and the figures it found, kept beside it.

Here: what needs a training and weeks out of sample to say. Not here: speed and memory (the modules of benchmarks/). A study
runs the project's own functions on its own tables; it holds no second version of any of them.
"""
