"""The weekly report: tables, charts and sentences from the results of earlier stages. No portfolio reads its results."""
