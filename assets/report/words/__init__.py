"""Every word of the report, in Chinese and English: one module for each section, and what several of them share.

Here: texts alone, patterns that `str.format` fills. Not here: which of them is printed when (sections/), and the words of reasons
(resources/reason_words.py).
"""
