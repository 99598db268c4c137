"""The channels of alerts against local servers: what arrives, and what a failure says. No test leaves this machine."""

import base64
import hashlib
import hmac
import logging
import socket
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from resources.alerts import Alert, Throttle, make_alert
from resources.channels import Delivery, Secrets, deliver, sign
from resources.language import Bilingual
from resources.settings.alerts import AlertsSettings
from tests.resources.servers import Hook, MailServer, certificate

WHERE = Bilingual("数据区 /m，数据湖 /l", "market /m, lake /l")
NOW = 1.7e9
PASSWORD, KEY, SIGNING = "pa55-word-of-mail", "access-4be1c9d07712", "SECf00dcafe1234567890"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def hook() -> Iterator[Hook]:
    with closing(Hook()) as found:
        yield found


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


def an_alert(error: str = "磁盘 full") -> Alert:
    return make_alert("sensor", "s", WHERE, {"name": "week_has_landed", "error": error}, command="python -m x")


class Sent:
    """The lines that were logged and the results, of alerts that were sent."""

    def __init__(self, settings: AlertsSettings, environment: dict[str, str], *alerts: Alert):
        self.lines: list[tuple[int, str]] = []
        self.throttle = Throttle()
        began = time.monotonic()
        self.deliveries = deliver(
            alerts or [an_alert()], settings, environment, self.throttle, NOW, lambda *one: self.lines.append(one)
        )
        self.seconds = time.monotonic() - began

    @property
    def errors(self) -> list[str]:
        return [one.error for one in self.deliveries]


def mail(server: MailServer, **values: Any) -> AlertsSettings:
    own = {"host": "localhost", "port": server.port, "security": "none", "sender": "zhoubao@example.com"}
    return AlertsSettings(
        channels=("email",), timeout_seconds=10,
        email={**own, "recipients": ("a@example.com", "b@example.com"), **values},
    )  # fmt: skip


# --- e-mail -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["none", "starttls", "ssl"])
def test_an_alert_is_mailed_with_the_encryption_and_login_of_the_settings(security: str, pem: Path) -> None:
    login = ("desk", PASSWORD) if security != "none" else None
    own = {"user": "desk", "ca_file": str(pem)} if login else {}
    with closing(MailServer(security, pem, login)) as server:
        found = Sent(mail(server, security=security, **own), {"ZHOUBAO_SMTP_PASSWORD": PASSWORD})
    assert found.errors == [""]
    assert server.encrypted == [security != "none"]
    ((sender, recipients, message),) = server.messages
    assert (sender, recipients) == ("zhoubao@example.com", ["a@example.com", "b@example.com"])
    assert message["Subject"] == "[zhoubao] 传感器或计划任务出错：week_has_landed"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().strip() == an_alert().text("zh")
    assert PASSWORD not in message.as_string()


def test_a_server_without_a_trusted_certificate_gets_no_password(pem: Path) -> None:
    with closing(MailServer("starttls", pem, ("desk", PASSWORD))) as server:
        found = Sent(mail(server, security="starttls", user="desk"), {"ZHOUBAO_SMTP_PASSWORD": PASSWORD})
    assert "CERTIFICATE_VERIFY_FAILED" in found.errors[0]
    assert server.messages == []


def test_a_refused_login_is_reported_without_the_password_that_the_server_repeats(pem: Path) -> None:
    with closing(MailServer("ssl", pem, ("desk", "other"))) as server:
        own = {"security": "ssl", "user": "desk", "ca_file": str(pem)}
        found = Sent(mail(server, **own), {"ZHOUBAO_SMTP_PASSWORD": PASSWORD})
    assert "535" in found.errors[0]
    assert PASSWORD not in str(found.lines)


def test_a_refused_recipient_is_named_and_the_others_get_the_mail() -> None:
    with closing(MailServer()) as server:
        server.refused = {"b@example.com"}
        found = Sent(mail(server), {})
    assert found.errors == ["the mail server refused the recipients b@example.com"]
    assert server.messages[0][1] == ["a@example.com"]


def test_a_missing_password_is_named(pem: Path) -> None:
    with closing(MailServer("ssl", pem, ("desk", PASSWORD))) as server:
        found = Sent(mail(server, security="ssl", user="desk", ca_file=str(pem)), {})
    assert found.errors == ["the channel email needs the environment variable ZHOUBAO_SMTP_PASSWORD, which is not set"]


# --- robots and webhook -----------------------------------------------------------------------------------------------


def test_a_dingtalk_robot_receives_a_signed_text_with_mentions(hook: Hook) -> None:
    settings = AlertsSettings(channels=("dingtalk",), language="en", mobiles=("13800000000",))
    environment = {
        "ZHOUBAO_DINGTALK_URL": f"{hook.url}/robot/send?access_token={KEY}", "ZHOUBAO_DINGTALK_SECRET": SIGNING,
    }  # fmt: skip
    assert Sent(settings, environment).errors == [""]
    ((path, headers, body),) = hook.posts
    assert body == {
        "msgtype": "text", "text": {"content": an_alert().text("en")}, "at": {"atMobiles": ["13800000000"], "isAtAll": False}
    }  # fmt: skip
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    query = dict(urllib.parse.parse_qsl(path.split("?")[1]))
    assert query["access_token"] == KEY
    assert abs(int(query["timestamp"]) / 1000 - time.time()) < 60
    # The robot's own computation, by its documentation.
    text = "{}\n{}".format(query["timestamp"], SIGNING)
    assert base64.b64decode(query["sign"]) == hmac.digest(SIGNING.encode(), text.encode(), hashlib.sha256)


def test_a_signed_address_is_quoted() -> None:
    """The marks of fifty times hold each letter of base64 that an address may not hold as it is."""
    found = ""
    for n in range(50):
        query = urllib.parse.urlsplit(sign("https://x/send?a=1", SIGNING, n)).query
        decoded = urllib.parse.parse_qs(query, strict_parsing=True)
        mark = base64.b64encode(hmac.digest(SIGNING.encode(), f"{n}\n{SIGNING}".encode(), hashlib.sha256)).decode()
        assert decoded == {"a": ["1"], "timestamp": [str(n)], "sign": [mark]}
        assert query.split("sign=")[1] == urllib.parse.quote(mark, safe="")
        found += mark
    assert set("+/=") <= set(found)


def test_a_dingtalk_robot_without_a_secret_is_not_signed(hook: Hook) -> None:
    environment = {"ZHOUBAO_DINGTALK_URL": f"{hook.url}/robot/send?access_token={KEY}"}
    assert Sent(AlertsSettings(channels=("dingtalk",)), environment).errors == [""]
    assert hook.posts[0][0] == f"/robot/send?access_token={KEY}"


def test_a_wecom_robot_receives_a_text_of_at_most_2048_bytes(hook: Hook) -> None:
    settings = AlertsSettings(channels=("wecom",), mobiles=("13800000000",))
    environment = {"ZHOUBAO_WECOM_URL": f"{hook.url}/cgi-bin/webhook/send?key={KEY}"}
    assert Sent(settings, environment, an_alert("错误" * 2000)).errors == [""]
    ((_, _, body),) = hook.posts
    assert body["msgtype"] == "text"
    assert body["text"]["mentioned_mobile_list"] == ["13800000000"]
    content = body["text"]["content"]
    assert len(content.encode()) <= 2048
    assert content.endswith("python -m x")


def test_a_webhook_receives_json_and_a_bearer_token(hook: Hook) -> None:
    hook.answer = b""
    settings = AlertsSettings(channels=("webhook",), language="en")
    environment = {"ZHOUBAO_WEBHOOK_URL": f"{hook.url}/alerts", "ZHOUBAO_WEBHOOK_TOKEN": KEY}
    assert Sent(settings, environment).errors == [""]
    ((path, headers, body),) = hook.posts
    assert path == "/alerts"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (body["kind"], body["severity"], body["command"]) == ("sensor", "error", "python -m x")
    assert body["text"] == an_alert().text("en")


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["dingtalk", "wecom"])
@pytest.mark.parametrize(
    ("status", "answer", "says"),
    [
        (200, b'{"errcode": 310000, "errmsg": "sign not match"}', "errcode 310000: sign not match"),
        (200, b"<html>", "no JSON object"),
        (200, b"[]", "no JSON object"),
        (500, b"", "HTTP Error 500"),
        (200, f'{{"errcode": 1, "errmsg": "bad key {KEY} {SIGNING}"}}'.encode(), "bad key *** ***"),
    ],
)
def test_a_refusal_is_logged_without_the_key(hook: Hook, channel: Any, status: int, answer: bytes, says: str) -> None:
    hook.status, hook.answer = status, answer
    environment = {f"ZHOUBAO_{channel.upper()}_URL": f"{hook.url}/send?key={KEY}", "ZHOUBAO_DINGTALK_SECRET": SIGNING}
    found = Sent(AlertsSettings(channels=(channel,)), environment)
    assert says in found.errors[0]
    ((level, line),) = found.lines
    assert level == logging.ERROR
    assert KEY not in line
    assert SIGNING not in line


@pytest.mark.parametrize(
    "url",
    ["ftp://host/{}", "host/{}", "http://host:port/{}", "http://[::/{}", "http://127.0.0.1:1/{}?key={}", "http://user:{}@127.0.0.1:1/",
     "http://127.0.0.1/a b/{}", "http://nohost.invalid/hooks/{}"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_not_repeated(url: str) -> None:
    found = Sent(AlertsSettings(channels=("webhook",)), {"ZHOUBAO_WEBHOOK_URL": url.replace("{}", KEY)})
    assert found.errors[0]
    assert KEY not in str(found.lines)


def test_a_redirect_is_not_followed(hook: Hook) -> None:
    with closing(Hook()) as other:
        hook.status, hook.location = 302, f"{other.url}/elsewhere"
        found = Sent(AlertsSettings(channels=("webhook",)), {"ZHOUBAO_WEBHOOK_URL": f"{hook.url}/{KEY}"})
        assert "HTTP Error 302" in found.errors[0]
        assert other.posts == []


def test_channels_that_fail_or_hang_hold_back_neither_the_others_nor_the_caller(hook: Hook) -> None:
    with closing(Hook()) as slow, closing(socket.create_server(("127.0.0.1", 0))) as silent:
        slow.seconds = 5
        settings = AlertsSettings(
            channels=("email", "webhook", "dingtalk", "wecom", "log"), timeout_seconds=1,
            email={"host": "localhost", "port": silent.getsockname()[1], "sender": "z@x.cn", "recipients": ["a@x.cn"]},
        )  # fmt: skip
        environment = {
            "ZHOUBAO_WEBHOOK_URL": slow.url, "ZHOUBAO_DINGTALK_URL": "http://127.0.0.1:1/x", "ZHOUBAO_WECOM_URL": hook.url,
        }  # fmt: skip
        found = Sent(settings, environment)
    assert found.seconds < 3
    errors = {one.channel: one.error for one in found.deliveries}
    assert {channel for channel, error in errors.items() if error} == {"email", "webhook", "dingtalk"}
    assert "Connection refused" in errors["dingtalk"]
    assert len(hook.posts) == 1
    assert an_alert().text("zh") in [line for _, line in found.lines]
    assert len([line for level, line in found.lines if line.startswith("The channel ")]) == 3
    # What was not sent is due again at once; what was sent is held back.
    due = {one.channel for one in found.deliveries if found.throttle.is_due(one.alert, one.channel, NOW, settings)}
    assert due == {"email", "webhook", "dingtalk"}


def test_the_log_and_every_channel_hide_a_secret_that_an_error_repeats(hook: Hook) -> None:
    environment = {"ZHOUBAO_WECOM_URL": f"{hook.url}/send?key={KEY}"}
    found = Sent(
        AlertsSettings(channels=("log", "wecom")), environment, an_alert(f"cannot reach {hook.url}/send?key={KEY}")
    )
    assert found.errors == ["", ""]
    assert KEY not in str(found.lines)
    assert "***" in hook.posts[0][2]["text"]["content"]
    assert KEY not in str(hook.posts[0][2])
    assert repr(Secrets(environment)) == "Secrets(ZHOUBAO_WECOM_URL)"


def test_nothing_is_sent_where_no_channel_is_named() -> None:
    found: list[Delivery] = Sent(AlertsSettings(channels=()), {}).deliveries
    assert found == []
