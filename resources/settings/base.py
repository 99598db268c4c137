"""What every settings section is: a frozen model that refuses unknown keys. No section lives here."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen part of the settings tree; a pure function is handed exactly one of these."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
