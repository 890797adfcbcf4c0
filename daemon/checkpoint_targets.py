"""Bringing checkpoints off this host: into a folder of another one, to a syslog, or to an HTTPS address.

Blocking, each delivery bounded in time. A target only ever gets more: a folder's files are
made and never replaced, and what the others keep is out of our hands, which is the point.

    directory   <folder>/<origin, / as _>/<entries, 20 digits>.checkpoint    the note, as it is
    syslog      one RFC 5424 message: "checkpoint <origin> <entries> note=<base64 of the note>"
    https       POST, text/plain; a 2xx answer means kept
"""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, assert_never
from urllib.parse import urlsplit

from policy.clock import to_iso
from policy.config import Target, TargetKind
from policy.errors import IntegrityError, Unavailable
from store.logbook.checkpoints import Signed

TIMEOUT_S: Final = 5.0
SUFFIX: Final = ".checkpoint"
LARGEST_ANSWER_BYTES: Final = 64 * 1024

_NOTICE_OF_LOG_AUDIT: Final = 13 * 8 + 5
"""RFC 5424, 6.2.1: facility `log audit`, severity `notice`."""
_DIGITS: Final = 20
_FILE_MODE: Final = 0o444


def deliver(target: Target, signed: Signed, *, timeout_s: float = TIMEOUT_S) -> None:
    """Bring one checkpoint to a target; again is harmless.

    Raises:
        Unavailable: If the target does not take it now.
        IntegrityError: If the target holds what this log cannot have been.
    """
    with _in_words(target):
        match target.kind:
            case TargetKind.DIRECTORY:
                _put(Path(target.to), signed)
            case TargetKind.SYSLOG:
                _log(target, signed, timeout_s)
            case TargetKind.HTTPS:
                _post(target, signed, timeout_s)
            case _:
                assert_never(target.kind)


def folder_of(root: Path, origin: str) -> Path:
    """Return where a directory target keeps the checkpoints of one log."""
    return root / origin.replace("/", "_")


def file_name(size: int) -> str:
    """Return the name of one checkpoint in a directory target; names sort by size."""
    return f"{size:0{_DIGITS}d}{SUFFIX}"


def syslog_message(signed: Signed, *, at: datetime, host: str, process: int) -> bytes:
    """Return a checkpoint as one RFC 5424 message, one line, ASCII."""
    checkpoint, note = signed.checkpoint, b64encode(signed.note.encode()).decode("ascii")
    head = f"<{_NOTICE_OF_LOG_AUDIT}>1 {to_iso(at)} {host} consentline {process} checkpoint -"
    return f"{head} checkpoint {checkpoint.origin} {checkpoint.size} note={note}".encode("ascii")


def _put(root: Path, signed: Signed) -> None:
    if not root.is_dir():  # an unmounted folder must not be made on our own disk
        raise Unavailable(f"{root}: no such folder; is it mounted?")
    folder = folder_of(root, signed.checkpoint.origin)
    folder.mkdir(exist_ok=True)
    path, content = folder / file_name(signed.size), signed.note.encode()
    try:
        if path.read_bytes() == content:
            return
        raise IntegrityError(f"{path}: holds another checkpoint of as many entries")
    except FileNotFoundError:
        pass
    newest = max((name for name in os.listdir(folder) if name.endswith(SUFFIX)), default="")  # noqa: PTH208
    if newest > path.name:
        raise IntegrityError(
            f"{folder}: holds a checkpoint of more entries than this one ({newest}): the ledger was longer"
        )
    beside = folder / f".{path.name}.{os.getpid()}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        _take_name(beside, path)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()
    _sync(folder)


def _take_name(beside: Path, path: Path) -> None:
    """Give a file its name; never in place of another, where the file system can link."""
    try:
        path.hardlink_to(beside)
    except FileExistsError as error:
        raise IntegrityError(f"{path}: appeared meanwhile; does another installation write there?") from error
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        beside.rename(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems of other hosts cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def _log(target: Target, signed: Signed, timeout_s: float) -> None:
    message = syslog_message(signed, at=signed.made_at, host=socket.gethostname() or "-", process=os.getpid())
    scheme, _, rest = target.to.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
            local.settimeout(timeout_s)
            local.connect(rest)
            local.send(message)
        return
    address = urlsplit(target.to)
    host, port = address.hostname or "", address.port or 0
    if scheme == "udp":
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as datagrams:
            datagrams.settimeout(timeout_s)
            datagrams.connect(where)
            datagrams.send(message)
        return
    with socket.create_connection((host, port), timeout=timeout_s) as plain:
        if scheme == "tls":
            with _trust(target).wrap_socket(plain, server_hostname=host) as stream:
                _send_framed(stream, message)
        else:
            _send_framed(plain, message)


def _send_framed(stream: socket.socket, message: bytes) -> None:
    """Send with octet counting (RFC 5425, 4.3; RFC 6587, 3.4.1), and see that the other side took it.

    Syslog has no answer. An orderly close is waited for, so that a connection that the other
    side resets is seen here and not taken for a delivery.
    """
    stream.sendall(f"{len(message)} ".encode("ascii") + message)
    if isinstance(stream, ssl.SSLSocket):
        with suppress(TimeoutError, ssl.SSLError):  # some close without saying so
            stream.unwrap()
        return
    stream.shutdown(socket.SHUT_WR)
    with suppress(TimeoutError):
        stream.recv(1)


def _post(target: Target, signed: Signed, timeout_s: float) -> None:
    address = urlsplit(target.to)
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    if target.token_file is not None:
        token = Path(target.token_file).read_text(encoding="utf-8", errors="replace").strip()
        if not token.isascii() or not token.isprintable():
            raise Unavailable(f"{target.token_file}: must hold one line, the token")
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port, timeout=timeout_s, context=_trust(target)
    )
    try:
        connection.request("POST", path, body=signed.note.encode(), headers=headers)
        answer = connection.getresponse()
        answer.read(LARGEST_ANSWER_BYTES)
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise Unavailable(f"{target.to}: answered {answer.status}")


def _trust(target: Target) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=target.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def _in_words(target: Target) -> Iterator[None]:
    """Name the target in everything that goes wrong."""
    try:
        yield
    except IntegrityError as error:
        raise IntegrityError(f"checkpoint target {target.name}: {error.text}", hint=error.hint) from error
    except Unavailable as error:
        raise Unavailable(f"checkpoint target {target.name}: {error.text}", hint=error.hint) from error
    except (OSError, http.client.HTTPException) as error:  # sockets, TLS, names, files
        what = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unavailable(f"checkpoint target {target.name}: {target.to}: {what}") from error
