"""The channels of alerts: the log, e-mail, robots of DingTalk and WeCom, and a webhook with JSON.

A channel that fails raises ChannelError in `send` and nothing anywhere else: `deliver` logs it and goes on. Secrets come from the
environment alone (SECRET_VARIABLES), and no message contains one.

DingTalk: https://open.dingtalk.com/document/robots/custom-robot-access and …/customize-robot-security-settings (sign).
WeCom: https://developer.work.weixin.qq.com/document/path/91770 (a text has at most 2048 bytes).
"""

import base64
import dataclasses
import hashlib
import hmac
import json
import logging
import smtplib
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from resources.alerts import Alert, Throttle, is_wanted
from resources.errors import describe_fault
from resources.language import Bilingual
from resources.settings.alerts import SECRET_VARIABLES, AlertsSettings, Channel

LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
HIDDEN = "***"
WECOM_BYTES, DINGTALK_BYTES = 2048, 18_000
ANSWER_BYTES = 64 << 10


class ChannelError(Exception):
    """A channel could not send an alert. The message contains no secret."""


@dataclass(frozen=True)
class Delivery:
    """The result for one alert and channel. error: why it was not sent, "" where it was."""

    alert: Alert
    channel: Channel
    error: str = ""


class Secrets:
    """The secrets of the environment. Its representation shows none of them."""

    def __init__(self, environment: Mapping[str, str]):
        self._values = {name: value for name in SECRET_VARIABLES if (value := environment.get(name, "").strip())}

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._values)})"

    def get(self, name: str) -> str:
        """A secret, "" where the variable is not set."""
        return self._values.get(name, "")

    def require(self, name: str, channel: str) -> str:
        """A secret that a channel cannot do without.

        Raises:
            ChannelError: the variable is not set.
        """
        if name not in self._values:
            raise ChannelError(f"the channel {channel} needs the environment variable {name}, which is not set")
        return self._values[name]

    def hide(self, text: str) -> str:
        """The text with each secret, and each part of an address of a robot that is a secret, replaced by stars."""
        parts: set[str] = set()
        for name, value in self._values.items():
            parts |= {value, urllib.parse.quote(value, safe=""), base64.b64encode(value.encode()).decode()}
            if name.endswith("_URL"):
                path, _, query = value.split("://", 1)[-1].partition("?")
                parts |= {query, *(one for _, one in urllib.parse.parse_qsl(query))}
                parts |= {part for part in path.split("/")[1:] if len(part) >= 8} | {path.rpartition("@")[0]}
        for part in sorted(parts, key=len, reverse=True):
            if len(part) >= 4:
                text = text.replace(part, HIDDEN)
        return text


# --- one alert through one channel ------------------------------------------------------------------------------------


def send_email(alert: Alert, settings: AlertsSettings, secrets: Secrets) -> None:
    """Send an alert by e-mail.

    Raises:
        ChannelError: the server refused the login, the sender or a recipient.
        OSError, smtplib.SMTPException: the server cannot be reached or does not speak SMTP.
    """
    mail = settings.email
    if not (mail.host and mail.sender and mail.recipients):
        raise ChannelError("alerts.email.host, sender and recipients are not set")
    message = EmailMessage()
    text = alert.text(settings.language)
    message["Subject"] = " ".join(text.split("\n")[0].split())
    message["From"], message["To"] = mail.sender, ", ".join(mail.recipients)
    message["Date"], message["Message-ID"] = formatdate(localtime=True), make_msgid(domain="zhoubao.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, charset="utf-8")
    port = mail.port or {"ssl": 465, "starttls": 587, "none": 25}[mail.security]
    context = ssl.create_default_context(cafile=mail.ca_file)
    # The fully qualified name would be looked up in the network.
    options: dict[str, Any] = {"local_hostname": socket.gethostname(), "timeout": settings.timeout_seconds}
    if mail.security == "ssl":
        server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, port, context=context, **options)
    else:
        server = smtplib.SMTP(mail.host, port, **options)
    with server:
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.user is not None:
            server.login(mail.user, secrets.require("ZHOUBAO_SMTP_PASSWORD", "email"))
        refused = server.send_message(message)
    if refused:
        raise ChannelError(f"the mail server refused the recipients {', '.join(refused)}")


def send_dingtalk(alert: Alert, settings: AlertsSettings, secrets: Secrets) -> None:
    """Send an alert to a DingTalk robot, signed where ZHOUBAO_DINGTALK_SECRET is set.

    Raises:
        ChannelError: the robot refused it.
        OSError: the robot cannot be reached.
    """
    url = secrets.require("ZHOUBAO_DINGTALK_URL", "dingtalk")
    if key := secrets.get("ZHOUBAO_DINGTALK_SECRET"):
        url = sign(url, key, round(time.time() * 1000))
    text = {"content": alert.text(settings.language, DINGTALK_BYTES)}
    at = {"atMobiles": list(settings.mobiles), "isAtAll": False}
    _require_accepted(_post(url, {"msgtype": "text", "text": text, "at": at}, settings))


def sign(url: str, key: str, milliseconds: int) -> str:
    """The address of a signed DingTalk robot: HMAC-SHA256 of the time and the key, in base64."""
    mark = hmac.new(key.encode(), f"{milliseconds}\n{key}".encode(), hashlib.sha256).digest()
    signed = urllib.parse.urlencode({"timestamp": milliseconds, "sign": base64.b64encode(mark).decode()})
    return f"{url}{'&' if '?' in url else '?'}{signed}"


def send_wecom(alert: Alert, settings: AlertsSettings, secrets: Secrets) -> None:
    """Send an alert to a WeCom robot.

    Raises:
        ChannelError: the robot refused it.
        OSError: the robot cannot be reached.
    """
    url = secrets.require("ZHOUBAO_WECOM_URL", "wecom")
    text = {
        "content": alert.text(settings.language, WECOM_BYTES),
        "mentioned_mobile_list": list(settings.mobiles),
    }
    _require_accepted(_post(url, {"msgtype": "text", "text": text}, settings))


def send_webhook(alert: Alert, settings: AlertsSettings, secrets: Secrets) -> None:
    """Post an alert as JSON, with ZHOUBAO_WEBHOOK_TOKEN as a bearer token where it is set.

    Raises:
        ChannelError: the server refused it.
        OSError: the server cannot be reached.
    """
    url = secrets.require("ZHOUBAO_WEBHOOK_URL", "webhook")
    token = secrets.get("ZHOUBAO_WEBHOOK_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    _post(url, alert.to_json(settings.language), settings, headers)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, which would pass the key in the address on to another server."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _post(url: str, body: Mapping[str, Any], settings: AlertsSettings, headers: Mapping[str, str] = {}) -> bytes:
    split = urllib.parse.urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname:
        raise ChannelError("its address is no http:// or https:// URL")
    request = urllib.request.Request(
        url,
        data=json.dumps(body, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "zhoubao", **headers},
    )
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=settings.timeout_seconds) as answer:
        return answer.read(ANSWER_BYTES)


def _require_accepted(answer: bytes) -> None:
    """Check the answer of a robot of DingTalk or WeCom, whose `errcode` is 0 after a success.

    Raises:
        ChannelError: it is another number, or the answer is no JSON object.
    """
    try:
        found = json.loads(answer)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "errcode" not in found:
        raise ChannelError("the robot's answer is no JSON object with errcode; is the address that of a robot?")
    if found["errcode"] != 0:
        raise ChannelError(f"the robot refused it with errcode {found['errcode']}: {found.get('errmsg', '')}")


SENDERS: Mapping[Channel, Callable[[Alert, AlertsSettings, Secrets], None]] = {
    "email": send_email,
    "dingtalk": send_dingtalk,
    "wecom": send_wecom,
    "webhook": send_webhook,
}


# --- all alerts through all channels ----------------------------------------------------------------------------------


def deliver(
    alerts: Sequence[Alert],
    settings: AlertsSettings,
    environment: Mapping[str, str],
    throttle: Throttle,
    now: float,
    log: Callable[[int, str], None],
    only: Sequence[Channel] | None = None,
) -> list[Delivery]:
    """Send alerts through every channel that the settings name, except those that the throttle holds back.

    The channels work side by side, and the call returns after `alerts.timeout_seconds` at the latest. It raises nothing: a channel that
    fails is logged, and its alerts are due again at the next call.

    Args:
        alerts: the alerts.
        settings: channels, recipients and throttles.
        environment: the variables with the secrets.
        throttle: what was sent before; what is sent now is noted in it.
        now: seconds since 1970.
        log: receives level and text of the channel `log` and of failures.
        only: the channels to use, of those that the settings name; by default all.

    Returns:
        One result per alert and channel that was used.
    """
    secrets = Secrets(environment)
    alerts = [_hidden(alert, secrets) for alert in alerts]
    done: dict[Channel, list[Delivery]] = {}
    threads: list[tuple[Channel, list[Alert], threading.Thread]] = []
    for channel in settings.channels:
        own = [
            alert
            for alert in alerts
            if is_wanted(alert, channel, settings) and throttle.is_due(alert, channel, now, settings)
        ]
        if not own or (only is not None and channel not in only):
            continue
        results = done.setdefault(channel, [])
        if channel == "log":
            for alert in own:
                log(LEVELS[alert.severity], alert.text(settings.language))
                results.append(Delivery(alert, channel))
            continue
        work = threading.Thread(target=_send_all, args=(channel, own, settings, secrets, results), daemon=True)
        threads.append((channel, own, work))
        work.start()
    until = time.monotonic() + settings.timeout_seconds
    for channel, own, work in threads:
        work.join(max(0.0, until - time.monotonic()))
        sent = list(done[channel])
        slow = f"no answer within {settings.timeout_seconds:g} s"
        done[channel] = [*sent, *(Delivery(alert, channel, slow) for alert in own[len(sent) :])]
    deliveries = [one for own in done.values() for one in own]
    for one in deliveries:
        if one.error:
            log(logging.ERROR, f"The channel {one.channel} failed: {one.error}. Not sent: {one.alert.key}")
        else:
            throttle.note(one.alert, one.channel, now)
    return deliveries


def _hidden(alert: Alert, secrets: Secrets) -> Alert:
    """The alert without a secret that an error repeats."""

    def hide(text: Bilingual) -> Bilingual:
        return Bilingual(secrets.hide(text.zh), secrets.hide(text.en))

    return dataclasses.replace(
        alert,
        title=hide(alert.title),
        what=hide(alert.what),
        where=hide(alert.where),
        action=hide(alert.action),
        command=secrets.hide(alert.command),
    )


def _send_all(
    channel: Channel, alerts: Sequence[Alert], settings: AlertsSettings, secrets: Secrets, results: list[Delivery]
) -> None:
    for alert in alerts:
        try:
            SENDERS[channel](alert, settings, secrets)
        except Exception as error:
            results.append(Delivery(alert, channel, _worded(error, secrets)))
        else:
            results.append(Delivery(alert, channel))


def _worded(error: Exception, secrets: Secrets) -> str:
    """An error in one line without a secret."""
    text = str(error) if isinstance(error, ChannelError) else describe_fault(error)
    return secrets.hide(" ".join(text.split()))
