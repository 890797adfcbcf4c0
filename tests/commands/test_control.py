"""The client of the control socket, against the daemon's own server."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands.frame.control import Daemon, DaemonAway
from daemon.desks.operations import Operations
from policy import errors
from policy.errors import ConsentlineError, Unavailable
from policy.vocabulary import WithdrawnBy
from tests.commands.asked import ScriptedOperations

Serve = Callable[[Operations], None]

KINDS = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ConsentlineError)),
    key=lambda kind: kind.exit_code,
)


@pytest.fixture
def daemon(config_file: Path) -> Daemon:
    return Daemon(config_file.parent / "control.sock")


def test_rows_come_through_unchanged(serve: Serve, daemon: Daemon) -> None:
    rows = [{"call_id": "1795282161.17", "caller": "********78", "digit": None, "number": "14040"}]
    serve(ScriptedOperations(rows))
    assert daemon.calls() == rows
    assert daemon.recordings() == rows
    assert daemon.ledger(first=3) == rows


def test_every_question_arrives_as_it_was_asked(serve: Serve, daemon: Daemon) -> None:
    operations = ScriptedOperations([{"result": "withdrawn"}])
    serve(operations)
    daemon.withdraw(by="operator", call_id="1795282161.17")
    daemon.withdraw(by="operator", recording_id="0" * 32)
    daemon.purge(dry_run=True, as_of="2027-01-20T12:00:00Z", clock_is_right=False)
    daemon.sweep(dry_run=True)
    daemon.finalise()
    assert operations.asked == [
        ("withdraw_call", {"call": "1795282161.17", "by": WithdrawnBy.OPERATOR}),
        ("withdraw", {"recording": "0" * 32, "by": WithdrawnBy.OPERATOR}),
        ("purge", {"dry_run": True, "as_of": "2027-01-20T12:00:00.000Z", "clock_is_right": False}),
        ("sweep", {"dry_run": True}),
        ("finalise", {}),
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_of_the_daemon_comes_out_as_the_class_it_was(
    serve: Serve, daemon: Daemon, kind: type[ConsentlineError]
) -> None:
    serve(ScriptedOperations(refusal=kind("recording 5f: is purged", hint="look again")))
    with pytest.raises(ConsentlineError) as raised:
        daemon.recordings()
    assert type(raised.value) is kind
    assert (raised.value.text, raised.value.hint) == ("recording 5f: is purged", "look again")


def test_without_a_socket_the_daemon_is_away(daemon: Daemon) -> None:
    with pytest.raises(DaemonAway, match="is not running"):
        daemon.status()


def test_a_socket_that_a_killed_daemon_left_behind_means_away_too(daemon: Daemon, config_file: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(config_file.parent / "control.sock"))
    left.close()
    with pytest.raises(DaemonAway):
        daemon.status()


def test_a_path_longer_than_a_socket_can_have_is_not_taken_for_an_absent_daemon(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as raised:
        Daemon(tmp_path / ("x" * 120)).status()
    assert not isinstance(raised.value, DaemonAway)


@contextmanager
def _answering(path: Path, answer: bytes) -> Iterator[None]:
    """Say the same bytes to whoever connects first, then close."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def answer_once() -> None:
        with listener.accept()[0] as link:
            link.recv(65_536)
            link.sendall(answer)

    thread = threading.Thread(target=answer_once)
    thread.start()
    try:
        yield
    finally:
        thread.join(timeout=10)
        listener.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "broke off"),
        (b"nonsense\r\n\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json!", "must answer with JSON"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}', "an array of objects"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]", "an array of objects"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", "answered 500 without a reason"),
    ],
    ids=["nothing", "no HTTP", "no JSON", "no array", "no objects", "a bug"],
)
def test_an_answer_that_is_none_is_told_apart_from_an_absent_daemon(
    daemon: Daemon, config_file: Path, answer: bytes, told: str
) -> None:
    with _answering(config_file.parent / "control.sock", answer), pytest.raises(Unavailable) as raised:
        daemon.calls()
    assert told in raised.value.text
    assert not isinstance(raised.value, DaemonAway)


def test_sealed_bytes_that_stop_short_are_noticed(daemon: Daemon, config_file: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"
    with (
        _answering(config_file.parent / "control.sock", answer),
        pytest.raises(Unavailable, match="broke off"),
    ):
        daemon.fetch("/access/0/sealed", io.BytesIO())


def test_a_daemon_that_says_nothing_is_not_waited_for_for_ever(config_file: Path) -> None:
    path = config_file.parent / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        with pytest.raises(Unavailable, match="gave no answer within"):
            Daemon(path, answer_timeout_s=0.05).status()
