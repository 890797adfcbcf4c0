"""The command line's side of the control socket: HTTP over a Unix socket, blocking.

Three things can be wrong and they are told apart: nobody listens (`DaemonAway`; some
commands then do the work themselves, under the daemon's lock), somebody listens but
cannot be talked to (`Unavailable`, `AccessRefused`), and the daemon answered with an
error of its own, which comes out here as the class it was there.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

from commands.frame.records import Row
from policy import errors
from policy.control_connection import ControlConnection
from policy.errors import AccessRefused, ConsentlineError, NotFound, Unavailable

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 600.0
LARGEST_ANSWER_BYTES = 256 * 1024 * 1024
BLOCK_BYTES = 256 * 1024

_START = "start it with: consentline serve (or: systemctl start consentline)"
_FORWARD = "forward it with: ssh -N -L {}:/path/on/the/PBX/control.sock LOGIN@PBX, see docs/listening.md"
_BEHIND = "does the daemon run on the PBX, and may your login there reach its socket?"


class DaemonAway(Unavailable):
    """Nobody listens on the control socket.

    Args:
        socket_path: Where the daemon was expected.
        forwarded: Whether ssh was to bring it here from another machine.
    """

    def __init__(self, socket_path: Path, *, forwarded: bool = False) -> None:
        what = "the control socket of the PBX is not forwarded" if forwarded else "the daemon is not running"
        hint = _FORWARD.format(socket_path) if forwarded else _START
        super().__init__(f"{socket_path}: {what}", hint=hint)
        self.socket_path = socket_path


class Daemon:
    """Asks one daemon; a connection for each question.

    Args:
        socket_path: The control socket.
        answer_timeout_s: How long an answer may take; purging many recordings takes long.
        forwarded: Whether ssh brings the socket here from another machine.
    """

    def __init__(
        self, socket_path: Path, *, answer_timeout_s: float = ANSWER_TIMEOUT_S, forwarded: bool = False
    ) -> None:
        self._socket_path = socket_path
        self._answer_timeout_s = answer_timeout_s
        self.forwarded = forwarded

    def status(self) -> Row:
        """Return what the daemon says of itself.

        Raises:
            DaemonAway: If nobody listens.
            ConsentlineError: If the daemon cannot be asked, or says no.
        """
        return self.ask_object("GET", "/status")

    def calls(self, *, queue: str | None = None, most: int | None = None) -> list[Row]:
        """Return one row a call, oldest first; of one queue, and at most so many, the newest."""
        return self.ask_rows("GET", "/calls" + _query(queue=queue, most=most))

    def recordings(self, *, most: int | None = None) -> list[Row]:
        """Return one row a recording, oldest first; at most so many, the newest."""
        return self.ask_rows("GET", "/recordings" + _query(most=most))

    def withdraw(self, *, by: str, call_id: str | None = None, recording_id: str | None = None) -> Row:
        """Withdraw the recording of a call, and return what was done."""
        subject = {"call": call_id} if recording_id is None else {"recording": recording_id}
        return self.ask_object("POST", "/withdraw", subject | {"by": by})

    def purge(self, *, dry_run: bool, as_of: str | None, clock_is_right: bool) -> list[Row]:
        """Destroy what is due, or say what would be; one row a recording."""
        question = {"dry_run": dry_run, "as_of": as_of, "clock_is_right": clock_is_right}
        return self.ask_rows("POST", "/purge", question)

    def sweep(self, *, dry_run: bool) -> list[Row]:
        """Put rows and bytes in step again; one row a finding."""
        return self.ask_rows("POST", "/sweep", {"dry_run": dry_run})

    def finalise(self) -> list[Row]:
        """Seal the captures that wait in the spool; one row a recording."""
        return self.ask_rows("POST", "/finalise")

    def alarms(self) -> list[Row]:
        """Return the alarms that stand, the one that was last raised last."""
        return self.ask_rows("GET", "/alarms")

    def settle_alarms(self, alarm_ids: Sequence[int] | None) -> list[Row]:
        """Put alarms aside, and return them; None: all that stand."""
        question = {"all": True} if alarm_ids is None else {"alarms": list(alarm_ids)}
        return self.ask_rows("POST", "/alarms/settle", question)

    def ledger(self, *, first: int) -> list[Row]:
        """Return the ledger's entries from a sequence number on."""
        return self.ask_rows("GET", "/ledger?" + urlencode({"from": first}))

    def whoami(self) -> str:
        """Return the person of this OS login.

        Raises:
            NotFound: If it is nobody's.
        """
        person = self.ask_object("GET", "/me").get("person")
        if not isinstance(person, str):
            raise NotFound(
                "this OS login is no person's here",
                hint="name one with --person; consentline people add says which login is whose",
            )
        return person

    def fetch(self, path: str, into: BinaryIO) -> None:
        """Copy an answer of any length into a file."""
        with closing(self._connection()) as connection:
            answer = self._answer(connection, "GET", path, None)
            while block := self._read(answer, BLOCK_BYTES):
                into.write(block)
            if answer.length:
                raise self._broken(f"{answer.length} bytes short")

    def send(self, path: str, source: BinaryIO, size_bytes: int) -> None:
        """Send a file from where it stands to its end.

        Raises:
            ConsentlineError: If the daemon cannot be asked, or says no.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes)}
        with closing(self._connection()) as connection:
            with self._failures_in_words():
                connection.request("PUT", path, body=source, headers=headers)
                answer = connection.getresponse()
            body = self._read(answer, LARGEST_ANSWER_BYTES)
            if answer.status >= 400:
                raise _error_of(answer.status, body)

    def ask_rows(self, method: str, path: str, question: Row | None = None) -> list[Row]:
        """Ask what is answered with rows.

        Raises:
            DaemonAway: If nobody listens.
            ConsentlineError: If the daemon cannot be asked, or says no.
        """
        content = self._json(method, path, question)
        if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
            raise self._nonsense(path, "an array of objects", content)
        return content

    def ask_object(self, method: str, path: str, question: Row | None = None) -> Row:
        """Ask what is answered with one object; errors as those of `ask_rows`."""
        content = self._json(method, path, question)
        if not isinstance(content, dict):
            raise self._nonsense(path, "an object", content)
        return content

    def _json(self, method: str, path: str, question: Row | None) -> object:
        with closing(self._connection()) as connection:
            body = self._read(self._answer(connection, method, path, question), LARGEST_ANSWER_BYTES)
        try:
            content: object = json.loads(body)
        except ValueError as error:
            raise self._nonsense(path, "JSON", body[:60]) from error
        return content

    def _connection(self) -> HTTPConnection:
        connection = ControlConnection(
            self._socket_path,
            connect_timeout_s=CONNECT_TIMEOUT_S,
            answer_timeout_s=self._answer_timeout_s,
        )
        try:
            connection.connect()
        except OSError as error:
            raise self._in_words(error) from error
        return connection

    def _answer(
        self, connection: HTTPConnection, method: str, path: str, question: Row | None
    ) -> HTTPResponse:
        body = None if question is None else json.dumps(question).encode()
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with self._failures_in_words():
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
        if answer.status >= 400:
            raise _error_of(answer.status, self._read(answer, LARGEST_ANSWER_BYTES))
        return answer

    def _read(self, answer: HTTPResponse, most_bytes: int) -> bytes:
        with self._failures_in_words():
            return answer.read(most_bytes)

    @contextmanager
    def _failures_in_words(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise Unavailable(
                f"{self._socket_path}: the daemon gave no answer within {self._answer_timeout_s:g} s",
                hint="what was asked may still be done; look with: consentline recordings list",
            ) from error
        except (HTTPException, OSError) as error:
            raise self._broken(type(error).__name__) from error

    def _broken(self, how: str) -> Unavailable:
        hint = _BEHIND if self.forwarded else "see the daemon's log"
        return Unavailable(f"{self._socket_path}: the daemon broke off: {how}", hint=hint)

    def _in_words(self, error: OSError) -> ConsentlineError:
        if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR):
            return DaemonAway(self._socket_path, forwarded=self.forwarded)
        if error.errno in (errno.EACCES, errno.EPERM):
            return AccessRefused(
                f"{self._socket_path}: this login may not talk to the daemon",
                hint="run this as the daemon's own user, or name the login in control.operator_logins",
            )
        reason = error.strerror or str(error)
        return Unavailable(
            f"{self._socket_path}: cannot be connected to: {reason}", hint="check paths.socket"
        )

    def _nonsense(self, path: str, expected: str, got: object) -> Unavailable:
        return Unavailable(
            f"{self._socket_path}: {path}: must answer with {expected}, got {str(got)[:60]!r}",
            hint="the daemon may be of another version; restart it",
        )


def _query(**given: str | int | None) -> str:
    """Return the query of a question, such as `?most=5`; nothing where there is none."""
    asked = {name: value for name, value in given.items() if value is not None}
    return "?" + urlencode(asked) if asked else ""


def _error_of(status: int, body: bytes) -> ConsentlineError:
    """Return the error that the daemon raised, as the class it was there."""
    try:
        content = json.loads(body)
        text, hint, exit_code = str(content["error"]), content.get("hint"), content.get("exit_code", 1)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unavailable(f"the daemon answered {status} without a reason", hint="see the daemon's log")
    return _kind_of(exit_code)(text, hint=hint if hint is None else str(hint))


def _kind_of(exit_code: object) -> type[ConsentlineError]:
    return _KINDS.get(exit_code, ConsentlineError) if isinstance(exit_code, int) else ConsentlineError


_KINDS: Mapping[int, type[ConsentlineError]] = {
    kind.exit_code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ConsentlineError)
}
