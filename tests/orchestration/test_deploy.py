"""The examples of deploy/: systemd accepts the units, the platform knows the variables, and the reverse proxy asks for a login."""

import base64
import configparser
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestration.platform import PROFILES
from orchestration.ui import allowed_hosts
from resources.settings.load import load_profile
from tests.conftest import ROOT
from tests.house.guides import OPERATIONS, read_blocks
from tests.orchestration.test_ui import MUTATION, QUERY, free_port

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
EXAMPLE = dict(
    line.removeprefix("# ").split("=", 1)
    for line in (DEPLOY / "zhoubao.env.example").read_text("utf-8").splitlines()
    if re.match(r"(# )?[A-Z_]+=", line)
)


def test_the_platform_knows_the_variables_of_the_example() -> None:
    assert load_profile(EXAMPLE["ZHOUBAO_SETTINGS"], PROFILES, EXAMPLE).name == "production"
    assert "zhoubao.example.com" in allowed_hosts(EXAMPLE)
    used = (DEPLOY / "dagster.postgres.yaml").read_text("utf-8")
    assert set(re.findall(r"env: (\w+)", used)) <= set(EXAMPLE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_accepts_a_unit_and_finds_it_closed(unit: Path, tmp_path: Path) -> None:
    """Its program is that of this environment, since systemd-analyze looks for it."""
    own = tmp_path / unit.name
    own.write_text(unit.read_text("utf-8").replace("/opt/zhoubao/.venv", str(ROOT / ".venv")))
    found = subprocess.run(["systemd-analyze", "verify", "--man=no", str(own)], capture_output=True, text=True)
    complaints = [line for line in (found.stdout + found.stderr).splitlines() if unit.name in line]
    assert complaints == []
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=45", str(own)], capture_output=True, text=True
    )
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr


def sections(unit: Path) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(unit.read_text("utf-8"))
    return parsed


def test_the_wrapper_runs_a_command_as_the_daemon_runs(tmp_path: Path) -> None:
    """A program in the place of systemd-run writes down its arguments; the properties are compared with the daemon's unit."""
    stub, asked = tmp_path / "systemd-run", tmp_path / "asked"
    stub.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {asked}\n')
    stub.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["python", "-c", "print('two  words')"]
    subprocess.run(["sh", str(DEPLOY / "zhoubao"), *command], env=environment, check=True)
    arguments = asked.read_text().splitlines()
    assert arguments[arguments.index("--") + 1 :] == ["/opt/zhoubao/.venv/bin/python", *command[1:]]
    properties = dict(
        one.removeprefix("--property=").split("=", 1) for one in arguments if one.startswith("--property=")
    )
    assert properties.pop("JoinsNamespaceOf") == "zhoubao-daemon.service"
    service = sections(DEPLOY / "systemd" / "zhoubao-daemon.service")["Service"]
    assert properties == {name: service[name] for name in properties}
    of_the_user = re.compile("User|Group|Environment|UMask|PrivateTmp|.*Directory")
    assert set(properties) == set(filter(of_the_user.match, service))
    assert subprocess.run(["sh", str(DEPLOY / "zhoubao")], env=environment, capture_output=True).returncode == 2


def test_the_steps_of_an_upgrade_stop_all_services_first() -> None:
    """Each block of the guide that stops the services stops all of them, and starts them when its other commands are done."""
    units = {path.stem for path in UNITS if path.stem != "zhoubao-vacuum"} | {"zhoubao-vacuum.timer"}
    blocks = [one.text.splitlines() for one in read_blocks(OPERATIONS) if "systemctl stop" in one.text]
    assert len(blocks) == 3
    for first, *between, last in blocks:
        assert first.split()[:2] == ["systemctl", "stop"]
        assert last.split()[:2] == ["systemctl", "start"]
        assert set(first.split()[2:]) == set(last.split()[2:]) == units
        assert between
    (upgrade,) = (lines for lines in blocks if any("git" in line for line in lines))
    steps = ["pull", "migrate", "--plan", "--adopt"]
    assert [next(n for n, line in enumerate(upgrade) if one in line) for one in steps] == [1, 3, 4, 5]


def test_a_unit_holds_no_secret_and_starts_what_there_is() -> None:
    for unit in UNITS:
        service = sections(unit)["Service"]
        assert service["EnvironmentFile"] == "/etc/zhoubao/zhoubao.env"
        assert not re.search(r"PASS|SECRET|URL", service["Environment"])
        command = service["ExecStart"].split()
        if service.get("Type") == "oneshot":
            assert (ROOT / "orchestration" / f"{command[2].removeprefix('orchestration.')}.py").exists()
            timer = sections(unit.with_suffix(".timer"))
            assert dict(timer["Timer"]) == {"OnCalendar": "Sun 03:00", "Persistent": "true"}
            assert dict(timer["Install"]) == {"WantedBy": "timers.target"}
            continue
        assert "--workspace" in command
        assert (ROOT / command[command.index("--workspace") + 1]).exists()
        if "orchestration.ui" in command:
            assert command[command.index("--host") + 1] == "127.0.0.1"
    assert [unit.stem for unit in (DEPLOY / "systemd").glob("*.timer")] == ["zhoubao-vacuum"]
    read_only = [unit.stem for unit in UNITS if "--read-only" in unit.read_text("utf-8")]
    assert read_only == ["zhoubao-readers"]


@contextmanager
def running(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    """A server that answers on a port, stopped at the end."""
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                ask(port, "GET", "/server_info")
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.3)
        yield
    finally:
        process.terminate()
        process.wait(60)


def ask(port: int, method: str, target: str, body: str | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("localhost", port, timeout=60)
    connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("caddy"), reason="needs Caddy (Debian: apt-get install caddy)")
def test_the_proxy_asks_for_a_login_and_readers_only_read(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (tmp_path / "none.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    site, readers, upstream, closed = (free_port() for _ in range(4))
    hash_ = subprocess.run(
        ["caddy", "hash-password", "--plaintext", "a-password"], capture_output=True, text=True, check=True
    ).stdout.strip()
    served = [
        sys.executable, "-m", "orchestration.ui", "--port", str(upstream), "--read-only", "-f", str(tmp_path / "none.py")
    ]  # fmt: skip
    proxy = ["caddy", "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    environment = {
        "ZHOUBAO_SITE": f"http://localhost:{site}", "ZHOUBAO_PORT": str(closed), "ZHOUBAO_OPERATOR_HASH": hash_,
        "ZHOUBAO_READERS_SITE": f"http://localhost:{readers}", "ZHOUBAO_READERS_PORT": str(upstream), "ZHOUBAO_READER_HASH": hash_,
        "CADDY_ADMIN": f"localhost:{free_port()}", "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path),
    }  # fmt: skip
    login = {
        name: "Basic " + base64.b64encode(f"{name}:a-password".encode()).decode() for name in ("reader", "operator")
    }
    as_json = {"Content_Type": "application/json"}
    with running(served, {"DAGSTER_HOME": str(tmp_path)}, upstream), running(proxy, environment, readers):
        assert ask(readers, "GET", "/server_info")[0] == 401
        assert ask(site, "GET", "/server_info")[0] == 401
        assert ask(readers, "GET", "/server_info", Authorization=login["operator"])[0] == 401
        assert ask(site, "GET", "/server_info", Authorization=login["reader"])[0] == 401
        assert ask(site, "GET", "/server_info", Authorization=login["operator"])[0] == 502  # nothing listens there
        own = {"Authorization": login["reader"], **as_json}
        status, text = ask(
            readers, "POST", "/graphql", json.dumps({"query": QUERY}), Origin=f"http://localhost:{readers}", **own
        )
        assert (status, list(json.loads(text)["data"])) == (200, ["version"])
        assert (
            ask(readers, "POST", "/graphql", json.dumps({"query": QUERY}), Origin="http://evil.example", **own)[0]
            == 403
        )
        changed = json.loads(ask(readers, "POST", "/graphql", json.dumps({"query": MUTATION}), **own)[1])
        assert "error" in json.dumps(changed).lower()
