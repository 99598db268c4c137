"""Renders an issue to files: HTML, PDF, workbook and charts.

This package holds the appearance of an issue. It does not hold its content (sections/, words/).
"""
