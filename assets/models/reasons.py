"""The codes of the reasons why a week has no model, or a day no score of a model.

This module holds the names of the codes and of their parameters. It does not hold their words (resources/reason_words/).
"""

from resources.reasons import Code

MODEL_ABSENT = Code("model_absent", ("model", "cause"))

# why a week cannot be trained
SHORT_HISTORY = Code(
    "short_history", ("start", "held", "needed", "sequence", "train", "valid", "horizon", "missing", "first")
)
HISTORY_BEYOND_CALENDAR = Code(
    "history_beyond_calendar", ("start", "held", "needed", "sequence", "train", "valid", "horizon", "missing", "last")
)
FIRST_TRAINING_LATER = Code("first_training_later", ("date",))
NO_LABEL = Code("no_label", ("first", "last"))
NO_FEATURE = Code("no_feature", ("granularity", "first", "last"))
NO_EXPOSURE = Code("no_exposure", ("first", "last"))
NO_TRAINING_DAY = Code("no_training_day", ("first", "last", "names", "granularity"))
NO_VALIDATION_DAY = Code("no_validation_day", ("first", "last", "names", "granularity"))

# why a model has no score on a day
NO_MODEL_YET = Code("no_model_yet", ("date",))
NOBODY_COVERED = Code("nobody_covered", ("date", "granularities", "days"))
NOBODY_PLACED = Code("nobody_placed", ("date",))

# why a warm start that the settings ask for has no initial weights
NO_TRAINING_BEFORE = Code("no_training_before")
NO_MODEL_BEFORE = Code("no_model_before", ("cause",))
OTHER_FEATURES = Code("other_features", ("week", "lost", "gained"))
OTHER_ORDER = Code("other_order", ("week",))
NO_SUCH_NETWORKS = Code("no_such_networks", ("week", "seeds"))
