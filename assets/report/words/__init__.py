"""The words of the report in Chinese and English: one module per section, and modules that several sections share.

This package holds texts, which are patterns for `str.format`. It does not select the printed ones (sections/) or hold the words of
reasons (resources/reason_words/).
"""
