"""The UI is closed to other web pages: through the ASGI application with Dagster's own one inside, and through the real commands."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest

# The webserver makes its application from these; they have no public names.
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.app import create_app_from_workspace_process_context

import orchestration.definitions
import orchestration.ui
from orchestration.ui import Guard, allowed_hosts, guarded, reason_to_refuse
from tests.conftest import ROOT

HOST = "127.0.0.1:3000"
MUTATION = 'mutation { setConcurrencyLimit(concurrencyKey: "gpu", limit: 7) }'
QUERY = "{ version }"
OTHER = {"origin": "https://evil.example"}


def call(
    app: Any, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """One HTTP request to an ASGI application: status, headers and body of its answer."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 3000), "headers": [(k.encode(), v.encode()) for k, v in {"host": HOST, **headers}.items()],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    answer = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answer, b"".join(one.get("body", b"") for one in sent[1:])


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance:
        yield instance


def webserver(instance: dg.DagsterInstance, read_only: bool) -> WorkspaceProcessContext:
    return WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), version="", read_only=read_only)


def limit(instance: dg.DagsterInstance) -> int | None:
    return next((one.limit for one in instance.event_log_storage.get_pool_limits() if one.name == "gpu"), None)


def forget(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.delete_concurrency_limit("gpu")


ATTEMPTS = {
    "GET from any page": ("GET", f"/graphql?query={quote(MUTATION)}", {}, b""),
    "GET with the origin of another page": ("GET", f"/graphql?query={quote(MUTATION)}", OTHER, b""),
    "GET below a trailing slash": ("GET", f"/graphql/?query={quote(MUTATION)}", {}, b""),
    "GET with an encoded name": ("GET", f"/graphql?%71uery={quote(MUTATION)}", {}, b""),
    "POST of a form in the address": ("POST", f"/graphql?query={quote(MUTATION)}", {"content-type": "text/plain"}, b""),
    "POST without a type": ("POST", f"/graphql?query={quote(MUTATION)}", {}, b""),
    "POST of JSON from another page": ("POST", "/graphql", OTHER | {"content-type": "application/json"}, b"JSON"),
    "POST of JSON from a sandboxed page": ("POST", "/graphql", {"origin": "null", "content-type": "application/json"}, b"JSON"),
    "POST of JSON from another port": (
        "POST", "/graphql", {"origin": "http://127.0.0.1:8000", "content-type": "application/json"}, b"JSON",
    ),
    "POST of JSON marked as text": ("POST", "/graphql", {"content-type": "text/plain; application/json"}, b"JSON"),
    "POST from another site without an origin": (
        "POST", "/graphql", {"sec-fetch-site": "cross-site", "content-type": "application/json"}, b"JSON",
    ),
    "POST by a name that leads here": (
        "POST", "/graphql", {"host": "rebound.example:3000", "origin": "http://rebound.example:3000", "content-type": "application/json"}, b"JSON",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTEMPTS)
def test_another_page_cannot_change_anything(home: dg.DagsterInstance, name: str) -> None:
    method, target, headers, body = ATTEMPTS[name]
    body = json.dumps({"query": MUTATION}).encode() if body else b""
    forget(home)
    with webserver(home, False) as context:
        status, answer, text = call(guarded(context), method, target, headers, body)
        assert status in (403, 405, 415), text
        assert limit(home) is None
        assert answer["x-frame-options"] == "SAMEORIGIN"
        assert not [one for one in answer if one.startswith("access-control")]


def test_without_the_guard_such_an_address_changes_something(home: dg.DagsterInstance) -> None:
    """What the guard is for. If this fails, Dagster itself refuses it and the guard may go."""
    forget(home)
    with webserver(home, False) as context:
        app = create_app_from_workspace_process_context(context)
        assert call(app, "GET", f"/graphql?query={quote(MUTATION)}", OTHER)[0] == 200
    assert limit(home) == 7


@pytest.mark.parametrize("origin", [{"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}, {}])
def test_the_ui_and_a_program_can(home: dg.DagsterInstance, origin: dict[str, str]) -> None:
    forget(home)
    sent = json.dumps({"query": MUTATION}).encode()
    with webserver(home, False) as context:
        status, _, text = call(
            guarded(context), "POST", "/graphql", origin | {"content-type": "application/json"}, sent
        )
    assert (status, limit(home)) == (200, 7), text


def test_a_ui_for_readers_reads_and_changes_nothing(home: dg.DagsterInstance) -> None:
    forget(home)
    with webserver(home, True) as context:
        app = guarded(context)
        as_json = {"content-type": "application/json"}
        status, _, text = call(app, "POST", "/graphql", as_json, json.dumps({"query": QUERY}).encode())
        assert (status, list(json.loads(text)["data"])) == (200, ["version"])
        status, _, text = call(app, "POST", "/graphql", as_json, json.dumps({"query": MUTATION}).encode())
        assert b"Unauthorized" in text or json.loads(text).get("errors")
        assert limit(home) is None
        status, _, text = call(app, "POST", "/report_asset_materialization/prices", {})
        assert status in (401, 403), text
        assert call(app, "GET", "/", {"accept": "text/html"})[0] == 200
    assert home.fetch_materializations(dg.AssetKey("prices"), limit=1).records == []


def test_hosts_are_those_of_the_environment_or_the_loopback_interface() -> None:
    assert allowed_hosts({}) == ("localhost", "127.0.0.1", "[::1]")
    assert allowed_hosts({"ZHOUBAO_UI_HOSTS": " Zhoubao.example , 10.0.0.5:3000,"}) == (
        "zhoubao.example",
        "10.0.0.5:3000",
    )
    admitted = {
        host: reason_to_refuse(
            {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", host.encode())]},
            ("zhoubao.example", "10.0.0.5:3000", "[::1]"),
        )
        is None
        for host in (
            "zhoubao.example", "ZHOUBAO.example:443", "10.0.0.5:3000", "[::1]:80", "[::1]",
            "10.0.0.5:3001", "10.0.0.5", "evil.zhoubao.example", "zhoubao.example.evil", "zhoubao.example:80@evil", "",
        )
    }  # fmt: skip
    assert list(admitted.values()) == [True] * 5 + [False] * 6


def test_a_socket_of_another_page_is_closed_before_it_opens() -> None:
    opened, sent = [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        opened.append(scope)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    for headers in ({}, {"origin": f"http://{HOST}"}, OTHER, {"sec-fetch-site": "same-site"}):
        scope = {
            "type": "websocket", "path": "/graphql", "query_string": b"",
            "headers": [(k.encode(), v.encode()) for k, v in {"host": HOST, **headers}.items()],
        }  # fmt: skip
        asyncio.run(Guard(app, ("127.0.0.1",))(scope, receive, send))
    assert len(opened) == 2
    assert [one["type"] for one in sent] == ["websocket.close"] * 2


def test_the_processes_of_the_development_server_are_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(orchestration.ui, "open_ipc_subprocess", lambda command, **options: commands.append(command))
    for command in (["python", "-m", "dagster_webserver", "--port", "3"], ["python", "-m", "dagster._daemon", "run"]):
        orchestration.ui.open_guarded_process(command)
    assert commands == [["python", "-m", "orchestration.ui", "--port", "3"], ["python", "-m", "dagster._daemon", "run"]]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [[], ["dev"]])
def test_the_command_serves_a_guarded_ui(tmp_path: Path, mode: list[str]) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (tmp_path / "none.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.ui", *mode, "--port", str(port), "-h", "127.0.0.1", "-f", str(tmp_path / "none.py")],
        cwd=ROOT, env=os.environ | {"DAGSTER_HOME": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        asked = {"Content-Type": "application/json"}
        body = json.dumps({"query": QUERY})
        deadline = time.monotonic() + 300
        while True:
            try:
                answer = _ask(port, "POST", "/graphql", body, asked)
                break
            except ConnectionError:
                assert process.poll() is None, process.stdout.read().decode() if process.stdout else ""
                assert time.monotonic() < deadline
                time.sleep(0.5)
        assert answer == 200
        assert _ask(port, "GET", f"/graphql?query={quote(MUTATION)}", None, {}) == 405
        assert _ask(port, "POST", "/graphql", body, asked | {"Origin": "http://evil.example"}) == 403
        assert _ask(port, "GET", "/", None, {"Host": "rebound.example"}) == 403
    finally:
        _interrupt(process)


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """End a process group by Ctrl-C, again where a process that is still being imported has ignored it."""
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
            return
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError("Ctrl-C ended the processes neither at once nor when it was repeated")


def _ask(port: int, method: str, target: str, body: str | None, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, target, body, headers)
    return connection.getresponse().status


@pytest.mark.parametrize("key", ["market", "lake", "settings"])
def test_the_configuration_of_a_run_names_no_path(key: str) -> None:
    job = orchestration.definitions.build_defs().resolve_implicit_global_asset_job_def()
    assert dg.validate_run_config(job, {})
    with pytest.raises(dg.DagsterInvalidConfigError, match="unexpected config entr"):
        dg.validate_run_config(job, {"resources": {"platform": {"config": {key: "elsewhere"}}}})
