"""The base class of all settings sections: a frozen model that refuses unknown keys."""

import datetime as dt
from collections import Counter
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# The mark `Field(..., json_schema_extra=EXECUTION)` of a field that only affects execution, such as threads or the device.
EXECUTION: dict[str, Any] = {"execution": True}

# A date of the exchanges' history or of an announced rule. The bounds refuse a year with a mistyped digit.
Day = Annotated[dt.date, Field(ge=dt.date(1990, 1, 1), le=dt.date(2100, 12, 31))]

# A name, which must not be empty or begin or end with a blank.
Name = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]


class Section(BaseModel):
    """A frozen part of the settings tree. A pure function receives its own section."""

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
        """The fields that decide a result, in JSON's types. Fields with the mark EXECUTION (threads, device) are excluded."""
        dumped = self.model_dump(mode="json")
        return {
            name: value.decisive() if isinstance(value := getattr(self, name), Section) else dumped[name]
            for name, field in type(self).model_fields.items()
            if field.json_schema_extra != EXECUTION
        }
