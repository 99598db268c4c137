"""The reason codes of plans: why a partition is built, built again or not built now. Their words are in resources/reason_words/."""

from resources.reasons import Code

FORCED = Code("forced")
NOT_BUILT = Code("not_built")
DAMAGED = Code("damaged", ("cause",))
MANIFEST_DAMAGED = Code("manifest_damaged")
FILES_DIFFER = Code("files_differ")
FILES_MISSING = Code("files_missing")
INPUTS_IN_A_CYCLE = Code("inputs_in_a_cycle")
SETTINGS_CHANGED = Code("settings_changed", ("sections",))
CODE_CHANGED = Code("code_changed")
LIBRARIES_CHANGED = Code("libraries_changed", ("libraries",))
LIBRARIES_UNKNOWN = Code("libraries_unknown")
DECLARATION_CHANGED = Code("declaration_changed", ("settings",))
LANDING_CHANGED = Code("landing_changed", ("parts",))
INPUT_CHANGED = Code("input_changed", ("input",))
INPUT_NEW = Code("input_new", ("input",))
INPUT_GONE = Code("input_gone", ("input",))
NOT_RENEWED = Code("not_renewed")
REFUSED_BEFORE = Code("refused_before")
NO_TRADING_DAY = Code("no_trading_day", ("partition",))

# Reasons in a plan that follow from another partition of the plan, and INPUTS_AGAIN, which sums up many of them.
INPUT_AGAIN = Code("input_again", ("table", "partition"))
INPUTS_AGAIN = Code("inputs_again", ("table",))
INPUT_STOPPED = Code("input_stopped", ("table", "partition"))
INPUT_TRIED_FIRST = Code("input_tried_first", ("table", "partition"))
