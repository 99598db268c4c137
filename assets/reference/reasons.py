"""The codes of the reasons that the reference tables record: what was not delivered, or not known by a day.

Their wording is in resources/reason_words/; the reasons for which single rows are set aside are in validate.py.
"""

from resources.reasons import Code

NOT_DELIVERED = Code("not_delivered", ("table",))
NO_FIRST_DAYS = Code("no_first_days", ("column",))
DAY_IS_EMPTY = Code("day_is_empty", ("table", "date"))
NO_MEMBERSHIP_YET = Code("no_membership_yet", ("date",))
NOTHING_ANNOUNCED = Code("nothing_announced", ("column", "date"))
NO_VECTOR_YET = Code("no_vector_yet", ("date",))
NO_ROW_OF_DAY = Code("no_row_of_day", ("table", "date"))
NO_WEIGHTS_YET = Code("no_weights_yet")
