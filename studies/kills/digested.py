"""Computes the code digest of every table when it is imported: a process that is forked afterwards has read all sources."""

from orchestration.tables import load_tables
from resources.code_digest import code_digest, libraries

for _table in load_tables().values():
    code_digest(_table.make)
    libraries(_table.make)
