"""What every settings section is: a frozen model that refuses unknown keys. No section lives here."""

import datetime as dt
from collections import Counter
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Mark of a field, `Field(..., json_schema_extra=EXECUTION)`, that says how something is computed and not what: threads, devices.
EXECUTION: dict[str, Any] = {"execution": True}

# A date of the exchanges' history, or of a rule that is announced: a year mistyped by a digit is refused.
Day = Annotated[dt.date, Field(ge=dt.date(1990, 1, 1), le=dt.date(2100, 12, 31))]

# A name of something; the empty one is a slip.
Name = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]


class Section(BaseModel):
    """A frozen part of the settings tree; a pure function is handed exactly one of these."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple) and all(isinstance(one, str | dt.date) for one in value):
                twice = [str(one) for one, count in Counter(value).items() if count > 1]
                if twice:
                    raise ValueError(f"{name} names {', '.join(twice)} twice")
        return self

    def decisive(self) -> dict[str, Any]:
        """All that a result depends on, in JSON's types: the fields without EXECUTION. Another thread makes nothing stale."""
        dumped = self.model_dump(mode="json")
        return {
            name: value.decisive() if isinstance(value := getattr(self, name), Section) else dumped[name]
            for name, field in type(self).model_fields.items()
            if field.json_schema_extra != EXECUTION
        }
