"""What every settings section is: a frozen model that refuses unknown keys. No section lives here."""

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

# Mark of a field, `Field(..., json_schema_extra=EXECUTION)`, that says how something is computed and not what: threads, devices.
EXECUTION: dict[str, Any] = {"execution": True}

# A date of the exchanges' history, or of a rule that is announced: a year mistyped by a digit is refused.
Day = Annotated[dt.date, Field(ge=dt.date(1990, 1, 1), le=dt.date(2100, 12, 31))]


class Section(BaseModel):
    """A frozen part of the settings tree; a pure function is handed exactly one of these."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    def decisive(self) -> dict[str, Any]:
        """All that a result depends on, in JSON's types: the fields without EXECUTION. Another thread makes nothing stale."""
        dumped = self.model_dump(mode="json")
        return {
            name: value.decisive() if isinstance(value := getattr(self, name), Section) else dumped[name]
            for name, field in type(self).model_fields.items()
            if field.json_schema_extra != EXECUTION
        }
