"""The codes of the reasons that the ticks stage records. Their wording is in resources/reason_words/."""

from resources.reasons import Code

NO_FILE_OF = Code("no_file_of", ("folder", "table"))
NO_READABLE_ROW = Code("no_readable_row", ("folder", "table"))
NO_FOLDER = Code("no_folder", ("folder",))
NO_LIMITS_IN_SNAPSHOTS = Code("no_limits_in_snapshots")
