"""The stage `models`: the networks of the report, trained on features, and their weekly scores.

The folder holds the training weeks and windows of a model, its input (panel), its target (labels), the networks and their
orthogonal layer, their training, the checkpoint and its card, the registry of all cards, and the score. It does not hold the
features (assets/features/) or the uses of a score (assets/portfolios/, assets/report/).
"""
