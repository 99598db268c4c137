"""Settings of alerts and deadlines: who is notified of what, through which channel, and by when days and weeks are due.

Nothing here decides a figure, so that no partition is stale after a change and no report lists these settings. Secrets are never
settings: SECRET_VARIABLES of the environment hold them.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from resources.settings.base import Section

AlertKind = Literal[
    "refused", "machine", "killed", "failed", "late_day", "late_week", "calendar", "rulebook", "disk", "sensor", "test"
]
Severity = Literal["info", "warning", "error"]
Channel = Literal["log", "email", "dingtalk", "wecom", "webhook"]
DayOfWeek = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[DayOfWeek, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

SECRET_VARIABLES = (
    "ZHOUBAO_SMTP_PASSWORD",
    "ZHOUBAO_DINGTALK_URL",
    "ZHOUBAO_DINGTALK_SECRET",
    "ZHOUBAO_WECOM_URL",
    "ZHOUBAO_WEBHOOK_URL",
    "ZHOUBAO_WEBHOOK_TOKEN",
)
"""The variables of the environment with passwords, and with addresses of robots, which contain their keys."""

Host = Annotated[str, Field(pattern=r"^(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)$")]
Address = Annotated[str, Field(pattern=r"^[^\s@,;<>\"]+@[^\s@,;<>\"]+$")]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Mobile = Annotated[str, Field(pattern=r"^\+?[0-9]{6,20}$")]
CLOSE = dt.time(15)  # of the exchanges


class EmailSettings(Section):
    """The mail server and the recipients of the channel `email`. ZHOUBAO_SMTP_PASSWORD holds the password of `user`."""

    host: Host | None = Field(None, description="The SMTP server.")
    port: int | None = Field(
        None, ge=1, le=65_535, description="Its port; none: 465 for ssl, 587 for starttls, 25 for none."
    )
    security: Literal["starttls", "ssl", "none"] = Field(
        "starttls",
        description="How the connection is encrypted. With none there is no login, because the password would be readable.",
    )
    ca_file: Annotated[str, Field(pattern=r"^\S(.*\S)?\.(pem|crt|cer)$")] | None = Field(
        None,
        description="File with the certificates of a private authority that signed the server's; none: those of the system.",
    )
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+@\\-]+$")] | None = Field(
        None, description="Name of the login; none: no login."
    )
    sender: Address | None = Field(None, description="Address of the sender.")
    recipients: tuple[Address, ...] = Field((), description="Addresses of the recipients.")

    @model_validator(mode="after")
    def _encrypted_login(self) -> Self:
        if self.user is not None and self.security == "none":
            raise ValueError("user needs security = 'starttls' or 'ssl', because the password would be readable")
        return self


class AlertsSettings(Section):
    """Alerts, and the deadlines by which days and weeks are due. Changes make no partition stale, and no report lists these settings."""

    language: Literal["zh", "en"] = Field("zh", description="Language of alerts.")
    channels: tuple[Channel, ...] = Field(
        ("log",),
        description="The channels that are used: the log, e-mail, robots of DingTalk and WeCom, and a webhook with JSON.",
    )
    from_severity: Mapping[Channel, Severity] = Field(
        {"log": "info", "email": "warning", "dingtalk": "warning", "wecom": "warning", "webhook": "warning"},
        description="The lowest severity for which a channel is used. Entries of a profile are added to these",
    )
    off: tuple[AlertKind, ...] = Field((), description="Kinds of alerts that are not sent.")
    throttle_minutes: Mapping[AlertKind, Annotated[float, Field(ge=0, le=525_600)]] = Field(
        {
            "refused": 720.0, "machine": 60.0, "killed": 60.0, "failed": 360.0, "late_day": 720.0, "late_week": 360.0,
            "calendar": 10_080.0, "rulebook": 10_080.0, "disk": 360.0, "sensor": 360.0, "test": 0.0,
        },
        description="Minutes in which a channel does not send the same alert again, by kind. Entries of a profile are added to these",
    )  # fmt: skip
    timeout_seconds: float = Field(
        15.0,
        ge=1,
        le=40,
        description="Seconds of waiting for all channels together. A channel that takes longer counts as failed. Dagster ends a sensor after 60",
    )
    mobiles: tuple[Mobile, ...] = Field(
        (), description="Telephone numbers whose owners the robots of DingTalk and WeCom mention."
    )
    email: EmailSettings = Field(default_factory=EmailSettings)
    day_deadline: Clock = Field(
        "23:00", description="Time in Shanghai by which the tables of a trading day are built; later, the day is late."
    )
    day_deadline_next_day: bool = Field(
        False, description="Whether day_deadline is on the day after the trading day, for data that arrives overnight."
    )
    day_hours: float = Field(
        3.0, ge=0, le=168, description="Hours after the last file of a day before which the day does not count as late."
    )
    week_deadline_day: DayOfWeek = Field(
        "saturday",
        description="Day on which the report of a week is due; a day before saturday is that of the following week.",
    )
    week_deadline: Clock = Field("12:00", description="Time in Shanghai at which the report of a week is due.")
    week_hours: float = Field(
        12.0,
        ge=0,
        le=168,
        description="Hours after the last file of a week before which its report does not count as late.",
    )
    archive_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="Days without a new trading day after which a market counts as an archive, for which no further data is expected.",
    )
    min_free_share: float = Field(
        0.1,
        ge=0,
        le=0.9,
        description="Share of a disk with the lake or with DAGSTER_HOME below whose free space an alert is sent.",
    )

    @model_validator(mode="after")
    def _after_the_close(self) -> Self:
        late = dt.time.fromisoformat(self.day_deadline) > CLOSE
        if late == self.day_deadline_next_day:
            flag = str(self.day_deadline_next_day).lower()
            when = "not after 15:00" if self.day_deadline_next_day else "after 15:00"
            raise ValueError(
                f"with day_deadline_next_day = {flag}, day_deadline must be {when}, because data of a day comes after the close at 15:00"
            )
        return self

    @model_validator(mode="after")
    def _email_is_complete(self) -> Self:
        mail = self.email
        if "email" in self.channels and not (mail.host and mail.sender and mail.recipients):
            raise ValueError("channels names email, which needs email.host, email.sender and email.recipients")
        return self
