"""Checkpoints reach a folder, a syslog and an HTTPS address; real sockets on the loopback."""

from __future__ import annotations

import datetime as dt
import http.server
import re
import socket
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from daemon.checkpoint_targets import deliver, file_name, folder_of
from policy.config import Target, TargetKind
from policy.errors import IntegrityError, Unavailable
from store.logbook.checkpoints import Checkpoint, Signed
from store.logbook.notes import Signer
from tests.store.scene import STARTED_AT, CountingRandomness

SIGNER = Signer.make("consentline/0123456789abcdef", CountingRandomness())


def signed(size: int, root: bytes = bytes(32)) -> Signed:
    checkpoint = Checkpoint(origin=SIGNER.name, size=size, root=root)
    return Signed(checkpoint=checkpoint, note=SIGNER.sign(checkpoint.text), made_at=STARTED_AT)


def target(kind: str, to: object, *, ca_file: Path | None = None, token_file: Path | None = None) -> Target:
    return Target(
        name="second",
        kind=TargetKind(kind),
        to=str(to),
        ca_file=None if ca_file is None else str(ca_file),
        token_file=None if token_file is None else str(token_file),
    )


# ---------------------------------------------------------------- a folder


def test_a_folder_gets_one_file_a_checkpoint_and_each_stays(tmp_path: Path) -> None:
    place = target("directory", tmp_path)
    for size in (3, 40, 500):
        deliver(place, signed(size))
        deliver(place, signed(size))
    folder = folder_of(tmp_path, SIGNER.name)
    assert sorted(path.name for path in folder.iterdir()) == [file_name(size) for size in (3, 40, 500)]
    assert (folder / file_name(40)).read_text(encoding="utf-8") == signed(40).note
    assert (folder / file_name(40)).stat().st_mode & 0o222 == 0


def test_a_folder_that_holds_another_log_under_this_size_refuses(tmp_path: Path) -> None:
    deliver(target("directory", tmp_path), signed(3))
    with pytest.raises(IntegrityError, match="second: .*another checkpoint of as many entries"):
        deliver(target("directory", tmp_path), signed(3, b"\x01" * 32))
    assert (folder_of(tmp_path, SIGNER.name) / file_name(3)).read_text(encoding="utf-8") == signed(3).note


def test_a_log_that_was_put_back_from_a_backup_is_noticed_by_the_folder(tmp_path: Path) -> None:
    deliver(target("directory", tmp_path), signed(40))
    with pytest.raises(IntegrityError, match="the ledger was longer"):
        deliver(target("directory", tmp_path), signed(7))


def test_a_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="second: .*is it mounted"):
        deliver(target("directory", tmp_path / "mnt"), signed(3))
    assert not (tmp_path / "mnt").exists()


# ---------------------------------------------------------------- syslog

MESSAGE = re.compile(
    rb"<109>1 2026-11-21T17:29:21\.250Z [!-~]+ consentline [0-9]+ checkpoint - "
    rb"checkpoint consentline/0123456789abcdef 3 note=([A-Za-z0-9+/=]+)"
)


def note_in(message: bytes) -> str:
    match = MESSAGE.fullmatch(message)
    assert match is not None, message
    return b64decode(match[1]).decode()


def test_a_syslog_gets_one_rfc_5424_message_by_datagram(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.settimeout(5)
        deliver(target("syslog", f"udp://127.0.0.1:{there.getsockname()[1]}"), signed(3))
        assert note_in(there.recv(4096)) == signed(3).note
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
        local.bind(str(tmp_path / "log"))
        local.settimeout(5)
        deliver(target("syslog", f"unix://{tmp_path / 'log'}"), signed(3))
        assert note_in(local.recv(4096)) == signed(3).note


def test_a_syslog_gets_it_with_its_length_before_it_by_tcp() -> None:
    with listening(_read_all) as (port, heard):
        deliver(target("syslog", f"tcp://127.0.0.1:{port}"), signed(3))
    length, _, message = heard[0].partition(b" ")
    assert int(length) == len(message)
    assert note_in(message) == signed(3).note


def test_a_syslog_by_tls_is_asked_who_it_is(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with listening(_read_all, context) as (port, heard):
        place = f"tls://localhost:{port}"
        deliver(target("syslog", place, ca_file=certificate), signed(3))
        with pytest.raises(Unavailable, match="second: .*(certificate|CERTIFICATE)"):
            deliver(target("syslog", place), signed(3))
    assert note_in(heard[0].partition(b" ")[2]) == signed(3).note


def test_a_syslog_that_nobody_listens_at_is_no_delivery() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unavailable, match="second: .*refused"):
        deliver(target("syslog", f"tcp://127.0.0.1:{port}"), signed(3))


def test_a_syslog_that_resets_the_connection_has_not_taken_it() -> None:
    def reset(connection: socket.socket) -> bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        return b""

    with listening(reset) as (port, _), pytest.raises(Unavailable):
        deliver(target("syslog", f"tcp://127.0.0.1:{port}"), signed(3))


# ---------------------------------------------------------------- https


def test_an_https_address_gets_a_post_with_the_note(certificate: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n", encoding="utf-8")
    with web(certificate, 201) as (port, heard):
        place = f"https://localhost:{port}/kluis?log=1"
        deliver(target("https", place, ca_file=certificate, token_file=token), signed(3))
        deliver(target("https", place, ca_file=certificate), signed(4))
    assert heard == [
        ("/kluis?log=1", "text/plain; charset=utf-8", "Bearer s3cret", signed(3).note),
        ("/kluis?log=1", "text/plain; charset=utf-8", None, signed(4).note),
    ]


@pytest.mark.parametrize("status", [302, 403, 500])
def test_any_answer_but_success_is_no_delivery(certificate: Path, status: int) -> None:
    with web(certificate, status) as (port, _), pytest.raises(Unavailable, match=f"answered {status}"):
        deliver(target("https", f"https://localhost:{port}/", ca_file=certificate), signed(3))


def test_an_https_address_that_proves_nothing_gets_nothing(certificate: Path, tmp_path: Path) -> None:
    with web(certificate, 200) as (port, heard):
        with pytest.raises(Unavailable, match="certificate|CERTIFICATE"):
            deliver(target("https", f"https://localhost:{port}/"), signed(3))
        with pytest.raises(Unavailable, match="No such file"):
            deliver(
                target(
                    "https", f"https://localhost:{port}/", ca_file=certificate, token_file=tmp_path / "no"
                ),
                signed(3),
            )
    assert heard == []


# ---------------------------------------------------------------- the other side


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def _read_all(connection: socket.socket) -> bytes:
    found = b""
    while block := connection.recv(4096):
        found += block
    return found


@contextmanager
def listening(
    answer: Callable[[socket.socket], bytes], context: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[bytes]]]:
    """A TCP server in a thread; what each connection sent is in the list once the block is left."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    try:
                        stream = context.wrap_socket(connection, server_side=True) if context else connection
                        heard.append(answer(stream))
                        if context:
                            stream.close()
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)


Heard = list[tuple[str, str | None, str | None, str]]


@contextmanager
def web(certificate: Path, status: int) -> Iterator[tuple[int, Heard]]:
    """An HTTPS server in a thread that answers every POST alike."""
    heard: Heard = []

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.append((self.path, self.headers["Content-Type"], self.headers["Authorization"], body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    class Server(http.server.HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            return  # whoever does not trust us hangs up in the handshake

    server = Server(("127.0.0.1", 0), Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1], heard
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
