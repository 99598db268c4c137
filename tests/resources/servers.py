"""Local servers for tests of channels: a mail server that speaks enough SMTP, with TLS and login, and an HTTP server that records."""

import base64
import contextlib
import datetime as dt
import email
import email.policy
import http.server
import ipaddress
import json
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any


def certificate(folder: Path) -> Path:
    """A file with a key and a certificate of localhost that is its own authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class MailServer:
    """A mail server on localhost. It records envelopes and messages, and refuses what it is asked to.

    security: "none", "starttls" or "ssl". login: user and password that it requires, None for none.
    """

    def __init__(self, security: str = "none", pem: Path | None = None, login: tuple[str, str] | None = None):
        self.messages: list[tuple[str, list[str], Any]] = []
        self.encrypted: list[bool] = []
        self.refused: set[str] = set()
        self.down = False
        self._security, self._login = security, login
        self._context = None
        if pem is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(pem)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            if self._security == "ssl":
                connection = self._context.wrap_socket(connection, server_side=True)
            self._dialogue(connection)
        connection.close()

    def _dialogue(self, connection: socket.socket) -> None:
        file, encrypted, known = connection.makefile("rb"), self._security == "ssl", self._login is None

        def answer(text: str) -> None:
            connection.sendall(f"{text}\r\n".encode())

        if self.down:
            answer("421 going down")
            return
        answer("220 localhost ESMTP")
        sender, recipients = "", []
        while line := file.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "EHLO":
                offers = ["AUTH PLAIN"] if encrypted else ["STARTTLS"] if self._security == "starttls" else []
                lines = ["localhost", *offers]
                for n, one in enumerate(lines):
                    answer(f"250{' ' if n == len(lines) - 1 else '-'}{one}")
            elif word == "STARTTLS":
                answer("220 go ahead")
                connection = self._context.wrap_socket(connection, server_side=True)
                file, encrypted = connection.makefile("rb"), True
            elif word == "AUTH":
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                known = (user, password) == self._login
                answer("235 welcome" if known else f"535 no such password: {password}")
            elif word == "MAIL":
                sender = line.split("<")[1].split(">")[0]
                answer("250 ok" if known else "530 log in first")
            elif word == "RCPT":
                recipient = line.split("<")[1].split(">")[0]
                answer("550 nobody" if recipient in self.refused else "250 ok")
                recipients += [] if recipient in self.refused else [recipient]
            elif word == "DATA":
                answer("354 go ahead")
                lines = []
                while (row := file.readline()) != b".\r\n":
                    lines.append(row.removeprefix(b".") if row.startswith(b"..") else row)
                message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                self.messages.append((sender, recipients, message))
                self.encrypted.append(encrypted)
                answer("250 taken")
            elif word == "QUIT":
                answer("221 bye")
                return
            else:
                answer("250 ok")


class Hook:
    """An HTTP server on localhost. It records paths, headers and bodies of posts.

    status, answer: what it answers. seconds: how long it waits before that.
    """

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], Any]] = []
        self.status, self.answer, self.seconds = 200, b'{"errcode": 0, "errmsg": "ok"}', 0.0
        self.location = ""
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posts.append((self.path, dict(self.headers), json.loads(body)))
                time.sleep(hook.seconds)
                with contextlib.suppress(OSError):
                    self.send_response(hook.status)
                    if hook.location:
                        self.send_header("Location", hook.location)
                    self.end_headers()
                    self.wfile.write(hook.answer)

            def do_GET(self) -> None:
                hook.posts.append((self.path, dict(self.headers), None))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
