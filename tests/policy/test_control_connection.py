"""The connection to the control socket, against a real socket."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from policy.control_connection import ControlConnection


def _connection(path: Path, *, answer_timeout_s: float = 5) -> ControlConnection:
    return ControlConnection(path, connect_timeout_s=5, answer_timeout_s=answer_timeout_s)


def test_a_question_goes_over_the_socket_file(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            link, _ = listener.accept()
            with link:
                assert link.recv(4096).startswith(b"GET /status HTTP/1.1\r\n")
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        daemon = threading.Thread(target=answer)
        daemon.start()
        with closing(_connection(path)) as connection:
            connection.request("GET", "/status")
            assert connection.getresponse().read() == b"{}"
        daemon.join()


def test_where_nobody_listens_is_told_at_once_and_leaves_no_socket(tmp_path: Path) -> None:
    connection = _connection(tmp_path / "control.sock")
    with pytest.raises(FileNotFoundError):
        connection.connect()
    assert connection.sock is None


def test_an_answer_that_does_not_come_is_waited_for_only_so_long(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with closing(_connection(path, answer_timeout_s=0.05)) as connection:
            connection.request("GET", "/status")
            with pytest.raises(TimeoutError):
                connection.getresponse()
