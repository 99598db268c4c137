"""The sections of an issue: one module per section, whose function converts findings and a language into blocks.

This package selects the sentences, tables and figures, and fills them with the week's figures. It does not compute figures (tables.py,
contributions.py, lines.py) or hold the wording (words/) and the appearance (render/).
"""
