"""Alerts: their words, their throttle tick by tick, and their settings, which hold no secret and no figure."""

import json
import string
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from orchestration.platform import PROFILES, Names, open_builder
from resources.alerts import SEVERITY, WORDS, Alert, Throttle, is_wanted, make_alert
from resources.errors import SettingsError
from resources.language import Bilingual
from resources.reasons import TEXT
from resources.settings import Settings
from resources.settings.alerts import SECRET_VARIABLES, AlertKind, AlertsSettings, EmailSettings
from resources.settings.load import load_profile

WHERE = Bilingual("数据区 /m，数据湖 /l", "market /m, lake /l")
FIGURES = {"free": 1.5, "share": 0.05, "limit": 0.1}


def alert(kind: AlertKind = "disk", subject: str = "/lake", folder: str = "/lake") -> Alert:
    return make_alert(kind, subject, WHERE, {"folder": folder, **FIGURES}, words="disk", command="python -m x")


@pytest.mark.parametrize("name", WORDS)
def test_the_words_of_an_alert_are_in_both_languages_with_the_same_values(name: str) -> None:
    for part in (WORDS[name].title, WORDS[name].what, WORDS[name].action):
        fields = {
            language: {one[1] for one in string.Formatter().parse(part[language]) if one[1]}
            for language in ("zh", "en")
        }
        assert fields["zh"] == fields["en"]
        assert not any("一" <= letter <= "鿿" for letter in part.en)


def test_every_kind_has_words_and_a_severity() -> None:
    kinds = set(get_args(AlertKind))
    assert set(SEVERITY) == kinds
    assert kinds - set(WORDS) == {"late_day", "late_week"}  # they have two wordings each
    assert set(AlertsSettings().throttle_minutes) == kinds


def test_an_alert_says_what_happened_where_and_what_to_do() -> None:
    assert alert().text("en").split("\n") == [
        "[zhoubao] Disk space is low: /lake",
        "What happened: The disk of /lake has 1.5 GB left, 5.0% of it, less than 10%.",
        "Where: market /m, lake /l",
        "What to do: List what can be removed with python -m orchestration.vacuum, or enlarge the disk. Runs fail when it is full.",
        "python -m x",
    ]
    assert alert().text("zh").startswith("[zhoubao] 磁盘空间不足：/lake\n发生了什么：")


def test_a_reason_is_worded_in_the_language_and_braces_in_values_are_kept() -> None:
    found = make_alert("sensor", "s", WHERE, {"name": "s", "error": TEXT(text="{what} 100%")})
    assert "{what} 100%" in found.text("en")


@pytest.mark.parametrize("most", [10, 200, 400, 2048])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_long_alert_is_cut_where_it_says_what_happened(most: int, language) -> None:
    found = alert(folder="目录" * 2000)
    text = found.text(language, most)
    assert len(text.encode()) <= most
    short = make_alert("sensor", "s", WHERE, {"name": "s", "error": "错误 " * 3000}, command="python -m x").text(
        language, most
    )
    assert len(short.encode()) <= most
    if most >= 400:
        assert short.endswith("python -m x")
        assert "…" in short


# --- the throttle -----------------------------------------------------------------------------------------------------


def test_a_channel_repeats_an_alert_only_after_its_time() -> None:
    settings = AlertsSettings(throttle_minutes={"disk": 60.0})
    cursor, sent = None, []
    for minute in range(0, 181, 30):
        throttle, now = Throttle.loads(cursor), 1e9 + 60 * minute
        if throttle.is_due(alert(), "email", now, settings):
            throttle.note(alert(), "email", now)
            sent.append(minute)
        cursor = throttle.dumps(now, settings)
    assert sent == [0, 60, 120, 180]


def test_other_subjects_kinds_and_channels_are_not_held_back() -> None:
    settings, throttle = AlertsSettings(), Throttle()
    throttle.note(alert(), "email", 1e9)
    assert not throttle.is_due(alert(), "email", 1e9, settings)
    assert throttle.is_due(alert(), "log", 1e9, settings)
    assert throttle.is_due(alert(subject="/home"), "email", 1e9, settings)
    assert throttle.is_due(alert("sensor"), "email", 1e9, settings)


def test_a_clock_that_is_set_back_holds_nothing_back() -> None:
    settings, throttle = AlertsSettings(), Throttle()
    throttle.note(alert(), "email", 2e9)
    assert throttle.is_due(alert(), "email", 1e9, settings)


def test_the_state_does_not_grow() -> None:
    settings, throttle = AlertsSettings(), Throttle()
    for n in range(1000):
        throttle.note(alert(subject=str(n)), "log", 1e9 + n)
    longest = 60 * max(settings.throttle_minutes.values())
    assert throttle.dumps(1e9 + longest + 2000, settings) == "{}"


@pytest.mark.parametrize("cursor", [None, "", "{", "[]", "3", "null", '{"a": 3}', '{"a": {"log": "x"}}'])
def test_a_state_of_any_shape_is_read(cursor: str | None) -> None:
    assert Throttle.loads(cursor).dumps(1e9, AlertsSettings()) == "{}"


def test_a_channel_is_used_from_its_severity_and_not_for_kinds_that_are_off() -> None:
    settings = AlertsSettings(from_severity={"email": "error"}, off=("disk",))
    assert is_wanted(alert("sensor"), "email", settings)
    assert not is_wanted(alert("rulebook"), "email", settings)
    assert is_wanted(alert("rulebook"), "log", settings)
    assert not is_wanted(alert("disk"), "log", settings)


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"channels": ["email"]}, "email.host"),
        ({"channels": ["pigeon"]}, "channels"),
        ({"day_deadline": "14:00"}, "day_deadline"),
        ({"day_deadline": "18:00", "day_deadline_next_day": True}, "day_deadline"),
        ({"day_deadline": "25:00"}, "day_deadline"),
        ({"email": {"user": "desk", "security": "none"}}, "user"),
        ({"email": {"recipients": ["nobody"]}}, "recipients"),
        ({"throttle_minutes": {"nonsense": 1.0}}, "throttle_minutes"),
    ],
)
def test_settings_that_could_not_work_are_refused(values: dict, key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        AlertsSettings.model_validate_json(json.dumps(values))


def test_alerts_are_no_part_of_a_report_and_make_no_partition_stale(tmp_path: Path) -> None:
    """Addresses and telephone numbers are not printed, and another recipient does not make a report stale."""
    file = tmp_path / "desk.toml"
    file.write_text('[alerts]\nmobiles = ["13800000000"]\n[alerts.email]\nrecipients = ["desk@example.com"]\n')
    plain = load_profile("production", PROFILES, {})
    own = load_profile(str(file), PROFILES, {"ZHOUBAO__ALERTS__LANGUAGE": "en"})
    assert own.settings.alerts.language == "en"
    assert {key: own.describe()[key] for key in ("settings", "differences")} == {
        key: plain.describe()[key] for key in ("settings", "differences")
    }
    assert "alerts" not in json.dumps(own.describe())


SECRETS = dict.fromkeys(SECRET_VARIABLES, "hush-2f7c1e90")


def test_secrets_are_known_variables_and_never_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load_profile("production", PROFILES, SECRETS)
    assert profile.settings == Settings()
    fields = [*AlertsSettings.model_fields, *EmailSettings.model_fields]
    assert not [name for name in fields if any(word in name for word in ("password", "secret", "token", "url", "key"))]
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "market").mkdir()
    builder = open_builder(Names(str(tmp_path / "market"), str(tmp_path / "lake"), "production"))
    shown = json.dumps(builder.run_settings, default=str) + repr(builder.settings)
    assert "hush-2f7c1e90" not in shown


@pytest.mark.parametrize(
    "text",
    ['[alerts.email]\npassword = "hush-2f7c1e90"', '[alerts]\ndingtalk_url = "https://x/hush-2f7c1e90"',
     '[alerts.dingtalk]\nsecret = "hush-2f7c1e90"'],
)  # fmt: skip
def test_a_secret_in_a_settings_file_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    file = tmp_path / "desk.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_profile(str(file), PROFILES, {})
    assert "hush-2f7c1e90" not in str(caught.value)


def test_a_misspelt_variable_of_a_secret_is_named_without_its_value() -> None:
    with pytest.raises(SettingsError, match="ZHOUBAO_SMTP_PASSWORD") as caught:
        load_profile("production", PROFILES, {"ZHOUBAO_SMTP_PASWORD": "hush-2f7c1e90"})
    assert "hush-2f7c1e90" not in str(caught.value)


def test_the_form_of_the_webhook_is_json() -> None:
    assert json.loads(json.dumps(alert().to_json("zh")))["severity"] == "error"
