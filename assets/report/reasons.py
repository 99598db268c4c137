"""The codes of the reasons why an issue was restated.

This module holds the codes and the names of their parameters. It does not hold their wording (resources/reason_words/).
"""

from resources.reasons import Code

# Why an issue has other figures than the one before: what was delivered again, later or no longer, or was changed.
FILES_RESTATED = Code("files_restated", ("files",))
FILES_ADDED = Code("files_added", ("files",))
FILES_WITHDRAWN = Code("files_withdrawn", ("files",))
REFERENCE_RESTATED = Code("reference_restated", ("table", "day"))
REFERENCE_ADDED = Code("reference_added", ("table", "day"))
REFERENCE_WITHDRAWN = Code("reference_withdrawn", ("table", "day"))
DECLARATIONS_RESTATED = Code("declarations_restated", ("parts",))
SETTINGS_RESTATED = Code("settings_restated", ("sections",))
CODE_RESTATED = Code("code_restated", ("tables",))
LIBRARIES_RESTATED = Code("libraries_restated", ("libraries",))
SOURCES_UNKNOWN = Code("sources_unknown")
NO_SOURCE_RESTATED = Code("no_source_restated")
ISSUE_DAMAGED = Code("issue_damaged")
