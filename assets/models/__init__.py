"""Features → the networks of the report and their weekly scores.

In this folder: when a model is trained and on which days (windows), its input (panel), its target (labels), the networks and
their orthogonal layer, their training, the checkpoint and its card, the registry of all cards, and the score. Not here: the features themselves (assets/features/), what is done with a
score (assets/portfolios/, assets/report/).
"""
