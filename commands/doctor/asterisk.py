"""What `doctor` asks a running Asterisk: does it let us in, which version is it, is our app there."""

from __future__ import annotations

import json
import re
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote, urlsplit

from commands.doctor.diagnosis import Check, note, ok, problem
from policy.config import AsteriskAccess

ANSWER_TIMEOUT_S = 5.0
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024

MINIMUM = {20: (20, 20, 1), 22: (22, 10, 1), 23: (23, 4, 1)}
"""The oldest version of each branch with the security and crash fixes that this needs (fact 19)."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_SHELL_ACTIONS = {
    "MixMonitor": "system",
    "Command": "command",
    "UpdateConfig": "config",
    "Originate": "originate",
}


def asterisk_checks(access: AsteriskAccess) -> list[Check]:
    """Return what a running Asterisk says over ARI and AMI."""
    without = [note("ARI", "not used: every call enters by Gosub(consentline-agi,s,1)")]
    return [*(without if access.without_ari else _ari(access)), *_ami(access)]


def version_check(version: str) -> Check:
    """Return whether a version has the fixes that this needs.

    Args:
        version: As Asterisk states it, such as `22.10.1~dfsg+~cs6.15.60671435-1`.
    """
    match = _VERSION.search(version)
    if match is None or version.startswith("certified"):
        return note("Asterisk version", f"{version}: its fixes are not known here")
    number = (int(match[1]), int(match[2]), int(match[3]))
    wanted = ", ".join(".".join(map(str, oldest)) for oldest in MINIMUM.values())
    least = MINIMUM.get(number[0])
    if least is None:
        newer = number[0] > max(MINIMUM)
        return (note if newer else problem)("Asterisk version", f"{version}: tried are {wanted} and later")
    if number < least:
        return problem(
            "Asterisk version", f"{version}: must be {wanted} or later in its branch", "upgrade it"
        )
    return ok("Asterisk version", version)


def _ari(access: AsteriskAccess) -> Iterator[Check]:
    status, body = _get(access, "/asterisk/info?only=system")
    if status != 200:
        yield problem("ARI login", _refusal(access, status, body), "check asterisk.ari_* in the config file")
        return
    yield ok("ARI login", f"{access.ari_url} as {access.ari_user}")
    try:
        yield version_check(str(json.loads(body)["system"]["version"]))
    except (ValueError, KeyError, TypeError):
        yield problem("Asterisk version", "ARI does not tell it")
    status, _ = _get(access, f"/applications/{quote(access.app, safe='')}")
    if status == 200:
        yield ok("Stasis application", f"{access.app} is registered")
    else:
        found = f"{access.app} is not registered: every caller goes on unrecorded"
        yield problem("Stasis application", found, "start the daemon: consentline serve")


def _refusal(access: AsteriskAccess, status: int, body: bytes) -> str:
    if status == 0:
        return f"{access.ari_url}: {body.decode()}"
    if status in (401, 403):
        return f"{access.ari_url}: refuses user {access.ari_user} or the password"
    return f"{access.ari_url}: answers {status}; is ARI on there?"


def _get(access: AsteriskAccess, path: str) -> tuple[int, bytes]:
    """Return status and body; status 0 and the reason when there is no answer."""
    parts = urlsplit(access.ari_url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    login = b64encode(f"{access.ari_user}:{access.ari_password}".encode()).decode()
    where = f"{parts.path.rstrip('/')}/ari{path}"
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=ANSWER_TIMEOUT_S)) as connection:
            # In a header, never in the URL, which logs keep (fact 17).
            connection.request("GET", where, headers={"Authorization": f"Basic {login}"})
            answer = connection.getresponse()
            return answer.status, answer.read(LARGEST_ANSWER_BYTES)
    except OSError as error:
        return 0, (error.strerror or str(error)).encode()
    except HTTPException as error:
        return 0, f"is no HTTP server ({type(error).__name__})".encode()


def _ami(access: AsteriskAccess) -> Iterator[Check]:
    where = f"{access.ami_host}:{access.ami_port}"
    try:
        with _AmiConnection(access) as link:
            refusal = link.login()
            if refusal is not None:
                found = f"{where}: refuses user {access.ami_user}: {refusal}"
                yield problem("AMI login", found, "check asterisk.ami_* in the config file")
                return
            yield ok("AMI login", f"{where} as {access.ami_user}")
            actions = link.actions()
    except OSError as error:
        advice = "is AMI on, and does its permit= let this machine in?"
        yield problem("AMI login", f"{where}: {error.strerror or error}", advice)
        return
    if "StopMixMonitor" not in actions:
        yield problem("AMI rights", f"{access.ami_user} may not stop a tape", "give it: write = call")
    elif shells := sorted(kind for action, kind in _SHELL_ACTIONS.items() if action in actions):
        found = f"{access.ami_user} has class {', '.join(shells)}: whoever has its password has a shell"
        yield problem("AMI rights", found, "give it: write = call")
    else:
        yield ok("AMI rights", f"{access.ami_user} may stop a tape and run nothing")


class _AmiConnection:
    """A few questions to AMI, blocking; the daemon's own client is asynchronous."""

    def __init__(self, access: AsteriskAccess) -> None:
        self._access = access
        self._link = socket.create_connection((access.ami_host, access.ami_port), timeout=ANSWER_TIMEOUT_S)
        self._answers = self._link.makefile("rb")

    def __enter__(self) -> _AmiConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._link.close()

    def login(self) -> str | None:
        """Return None when let in, else what Asterisk says.

        Raises:
            OSError: If it is no manager, or does not answer.
        """
        banner = self._answers.readline(200)
        if not banner.startswith(b"Asterisk Call Manager"):
            raise ConnectionError("answers, but is no Asterisk manager")
        credentials = {"Username": self._access.ami_user, "Secret": self._access.ami_password}
        answer = self._ask({"Action": "Login", **credentials, "Events": "off"})
        return None if answer.get("Response") == "Success" else answer.get("Message", "no reason given")

    def actions(self) -> frozenset[str]:
        """Return the actions that this user may ask for.

        Raises:
            OSError: If it does not answer.
        """
        return frozenset(self._ask({"Action": "ListCommands"}))

    def _ask(self, action: dict[str, str]) -> dict[str, str]:
        if any(sign in value for value in action.values() for sign in "\r\n\0"):
            raise ConnectionError("user or password holds a line break")  # I10
        self._link.sendall("".join(f"{key}: {value}\r\n" for key, value in action.items()).encode() + b"\r\n")
        while True:
            answer = self._message()
            if "Response" in answer:
                return answer

    def _message(self) -> dict[str, str]:
        message: dict[str, str] = {}
        while (line := self._answers.readline(65_536)) not in (b"\r\n", b"\n"):
            if not line:
                raise ConnectionError("closed the connection")
            key, _, value = line.decode(errors="replace").partition(":")
            message[key.strip()] = value.strip()
        return message
