"""How an issue is written to files: HTML, PDF, workbook and charts.

Here: looks. Not here: what an issue says (sections/, words/).
"""
