"""Dagster's webserver, closed to other web pages: `python -m orchestration.ui`, with the options of `dagster-webserver`.

    python -m orchestration.ui --port 3000                 the UI on loopback
    python -m orchestration.ui --port 3001 --read-only     a UI for readers, without any button that changes something
    python -m orchestration.ui dev                         webserver and daemon, with the options of `dagster dev`

Dagster has no login, and a browser sends requests to this machine for any web page that it shows. The guard here refuses them: it
admits only the names of this server (ZHOUBAO_UI_HOSTS, by default those of the loopback interface), pages of its own origin, and
GraphQL in the body of a POST. docs/operations.md describes who may reach the server at all.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster._cli.dev
import dagster_webserver.cli
from dagster_shared.ipc import open_ipc_subprocess
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

NAME = "orchestration.ui"
HOSTS = "ZHOUBAO_UI_HOSTS"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
GRAPHQL_TYPES = (
    "application/json",
    "application/graphql",
)  # a page of another origin cannot send them without asking first
# No other page may show the UI in a frame, where a click on it could be guided, or embed what it serves.
HEADERS = {"X-Frame-Options": "SAMEORIGIN", "Cross-Origin-Resource-Policy": "same-origin"}


def allowed_hosts(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names of this server: those of ZHOUBAO_UI_HOSTS, separated by commas, or the loopback interface's.

    A name without a port admits every port.
    """
    named = tuple(filter(None, (one.strip().lower() for one in environment.get(HOSTS, "").split(","))))
    return named or LOOPBACK


def reason_to_refuse(scope: Scope, hosts: Sequence[str]) -> tuple[int, str] | None:
    """The status and the text of a refusal; None for a request that is admitted.

    Args:
        scope: an ASGI scope of type http or websocket.
        hosts: the names of this server (`allowed_hosts`).
    """
    headers = Headers(scope=scope)
    host = headers.get("host", "").lower()
    if len(headers.getlist("host")) != 1 or not {host, _without_port(host)} & set(hosts):
        return (
            403,
            f"This server is not known as {host or 'a server without a name'}. Add the name to {HOSTS} and start again.",
        )
    reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")
    origin = headers.get("origin")
    if origin is not None:
        if urlsplit(origin).netloc.lower() != host:
            return 403, f"A page of {origin} may not use this server, only a page of {host}."
    elif not reads and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return 403, f"A page of another site may not use this server, only a page of {host}."
    if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/graphql"):
        return _reason_to_refuse_graphql(scope, headers)
    return None


def _reason_to_refuse_graphql(scope: Scope, headers: Headers) -> tuple[int, str] | None:
    """GraphQL is admitted in the body of a POST. Dagster would also execute it, mutations included, from an address alone."""
    if scope["method"] != "POST":
        in_address = "query" in parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return (405, "Send GraphQL as JSON in the body of a POST, not in the address.") if in_address else None
    if headers.get("content-type", "").partition(";")[0].strip().lower() not in GRAPHQL_TYPES:
        return 415, f"Send GraphQL with the Content-Type {GRAPHQL_TYPES[0]}."
    return None


def _without_port(host: str) -> str:
    """The name of a Host header without its port. An IPv6 address is in brackets."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


class Guard:
    """An ASGI application around another one, which receives only the requests that are admitted."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]):
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = reason_to_refuse(scope, self._hosts)
        if refused is None:
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await WebSocketClose(code=1008, reason=refused[1])(scope, receive, send)
        else:
            await PlainTextResponse(refused[1] + "\n", status_code=refused[0])(scope, receive, send_with_headers)


def guarded(*arguments: Any, **options: Any) -> Guard:
    """Dagster's ASGI application for these arguments of `create_app_from_workspace_process_context`, inside the guard."""
    return Guard(create_app_from_workspace_process_context(*arguments, **options), allowed_hosts(os.environ))


def open_guarded_process(command: Sequence[str], **options: Any) -> Any:
    """Start a process of `dagster dev`, with this module in place of the webserver's."""
    return open_ipc_subprocess([NAME if part == "dagster_webserver" else part for part in command], **options)


def main(arguments: Sequence[str]) -> None:
    """Run the webserver, or with "dev" as the first argument webserver and daemon."""
    # Dagster's commands have no option for another application. They are called with one name each replaced; the version of Dagster
    # is pinned, and tests/orchestration/test_ui.py starts both commands.
    development: Any = dagster._cli.dev
    webserver: Any = dagster_webserver.cli
    if arguments[:1] == ["dev"]:
        development.open_ipc_subprocess = open_guarded_process
        development.dev_command.main(arguments[1:], f"python -m {NAME} dev")
    else:
        webserver.create_app_from_workspace_process_context = guarded
        webserver.cli.main(arguments, f"python -m {NAME}", auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main(sys.argv[1:])
