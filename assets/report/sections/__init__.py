"""What an issue says: one module for each section, whose function turns findings and a language into blocks.

Here: which sentence, table and figure is printed, filled with the week's figures. Not here: the figures (tables.py,
contributions.py, lines.py), the wording (words/), the look (render/).
"""
