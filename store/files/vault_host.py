"""The vault on another machine: sealed there, re-read there, destroyed there, asked over a pipe.

Theory of operation

A recording is sealed here, into a file without a name, and authenticated; then its sealed bytes go to the
vault host, which makes them durable, names them, reads them again from its disk and tells their digest. That
it is the digest of what was sealed is what "re-read" means here (I2). Neither key nor plaintext goes there.

Short questions go over one link that is kept; each transfer of bytes has a link of its own, so that a long
one keeps no destruction waiting. Who serves calls cannot wait for a host that is away: with `kept_up` only
`keep_up`, called beside the calls, ever connects, and everybody else is told at once that it is away. What
cannot be done then stays open, and is tried again (I4).
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeVar, cast

from policy.errors import IntegrityError, Unavailable
from policy.vocabulary import RecordingId
from store.files import container
from store.files.vault import Stamp, Written, never
from store.files.vault_link import Link, LinkBroken
from store.files.vault_wire import BLOCK_BYTES
from store.steps import Step, straight_on

SHORT_S: Final = 5.0
"""How long the kept link may be silent; whoever asks holds up others."""
LONG_S: Final = 60.0
"""The same for a transfer."""
_SLICE: Final = 2048
Result = TypeVar("Result")


class VaultHost:
    """`store.files.vault.Vault` behind a command that runs `consentline vault serve`; for several threads.

    Args:
        command: Runs it, such as `ssh -o BatchMode=yes vault@store.example`.
        kept_up: Whether somebody calls `keep_up`; then nobody else waits for a connection.
    """

    elsewhere: Final = True

    def __init__(self, command: Sequence[str], *, kept_up: bool = False) -> None:
        self._command = tuple(command)
        self._kept_up = kept_up
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._away: Unavailable | None = None
        self._room_bytes: int | None = None

    def keep_up(self) -> None:
        """Connect if need be, and see that the vault is there and how much room it has.

        Raises:
            Unavailable: If it is away, or is not the vault.
        """
        fresh = None
        if self._link is None:
            try:
                fresh = Link(self._command, silence_s=SHORT_S)  # without the lock: nobody waits for it
            except LinkBroken as error:
                self._away = error
                raise
        with self._lock:
            if fresh is not None:
                self._hang_up()
                self._link, self._away = fresh, None
            self._in_turn(self._look, connects=True)

    def prepare(self, *, holds_some: bool) -> None:
        """Make sure that it is the vault; it is made by hand at the vault host."""
        self.must_be_there()

    def must_be_there(self) -> None:
        """Do nothing where this is the vault."""
        self._asked("there")

    def room_bytes(self) -> int | None:
        """Return how much there was when it was last looked at; None: it is away."""
        return None if self._away is not None else self._room_bytes

    def place(self, recording_id: RecordingId) -> str:
        """Return where a recording lies, in words."""
        return f"vault host: {recording_id}"

    def write(
        self,
        recording_id: RecordingId,
        plaintext: BinaryIO,
        *,
        key: bytes,
        salt: bytes,
        step: Step = straight_on,
        abandoned: Callable[[], bool] = never,
    ) -> Written:
        """Seal a stream, push what was sealed, and have it read again there (I2)."""
        context = container.recording_context(recording_id)
        with _nameless() as sealed:
            step("write the container")
            size_bytes = container.seal_stream(plaintext, sealed, key, context, salt)
            sealed.seek(0)
            container.authenticate(sealed, key, context)
            here = Written(size_bytes=size_bytes, sha256=_digest(sealed))
            with self._transfer(abandoned) as link:
                step("push the container")
                _push(link, "fill", recording_id, sealed, size_bytes)
                step("name the container")
                there = _written(link.ask("name", recording_id))
        if there != here:
            raise IntegrityError(
                f"recording {recording_id}: sealed {here.size_bytes} bytes with digest {here.sha256[:16]},"
                f" the vault host read {there.size_bytes} with {there.sha256[:16]} again"
            )
        return there

    def stage(self, recording_id: RecordingId) -> BinaryIO:
        """Return a file in which bytes are handed in; they are pushed when it is flushed."""

        def push(file: BinaryIO, size_bytes: int) -> None:
            with self._transfer() as link:
                _push(link, "stage", recording_id, file, size_bytes)

        self.must_be_there()
        return cast(BinaryIO, _HandedIn(push))

    def check_staged(self, recording_id: RecordingId) -> Written:
        """Return what was handed in, read again from the disk there."""
        return _written(self._asked("check", recording_id))

    def put_staged(self, recording_id: RecordingId) -> None:
        """Put what was handed in into the place of a recording's file."""
        self._asked("put", recording_id)

    def drop_staged(self, recording_id: RecordingId) -> None:
        """Remove what was handed in."""
        self._asked("drop", recording_id)

    def staged(self) -> tuple[RecordingId, ...]:
        """Return the recordings for which something was handed in."""
        return self._listed("staged")

    def open(self, recording_id: RecordingId) -> BinaryIO:
        """Return a sealed file, as it comes over a link of its own."""
        link = self._linked_anew(never)
        try:
            (size,) = link.ask("get", recording_id)
            return io.BufferedReader(_Incoming(link, int(size)), buffer_size=BLOCK_BYTES)
        except BaseException:
            link.close()
            raise

    def stamps(self, recording_ids: Iterable[RecordingId]) -> dict[RecordingId, Stamp]:
        """Return size and time of the sealed files that are there."""
        wanted, found = list(recording_ids), dict[RecordingId, Stamp]()
        for first in range(0, len(wanted), _SLICE):
            some = wanted[first : first + _SLICE]

            def ask(link: Link, some: list[RecordingId] = some) -> list[str]:
                link.send("".join([f"stamps {len(some)}\n", *(f"{one}\n" for one in some)]).encode())
                link.answer()
                return list(link.lines())

            for line in self._in_turn_locked(ask):
                recording_id, size, written_us = line.split()
                found[RecordingId(recording_id)] = Stamp(size_bytes=int(size), written_us=int(written_us))
        return found

    def sha256(self, recording_id: RecordingId) -> str:
        """Return SHA-256 over a sealed file, as the disk there returned it."""
        (sha256,) = self._asked("digest", recording_id)
        return sha256

    def unlink(self, recording_id: RecordingId) -> bool:
        """Remove a recording's file there, finished or not."""
        return self._asked("unlink", recording_id) == ["1"]

    def absent(self, recording_id: RecordingId) -> bool:
        """Tell whether nothing of a recording is there, as the vault host sees it."""
        return self._asked("absent", recording_id) == ["1"]

    def ids(self) -> Iterator[RecordingId]:
        """Yield the recordings of which there is a finished file, in order."""
        yield from self._listed("ids")

    def leftovers(self) -> tuple[RecordingId, ...]:
        """Return the recordings whose file was being written when something stopped."""
        return self._listed("leftovers")

    def close(self) -> None:
        """End the link."""
        with self._lock:
            self._hang_up()

    # ---------------------------------------------------------------- the kept link

    def _asked(self, *words: object) -> list[str]:
        return self._in_turn_locked(lambda link: link.ask(*words))

    def _listed(self, what: str) -> tuple[RecordingId, ...]:
        def ask(link: Link) -> tuple[RecordingId, ...]:
            link.ask(what)
            return tuple(RecordingId(line) for line in link.lines())

        return self._in_turn_locked(ask)

    def _in_turn_locked(self, ask: Callable[[Link], Result]) -> Result:
        with self._lock:
            return self._in_turn(ask, connects=not self._kept_up)

    def _in_turn(self, ask: Callable[[Link], Result], *, connects: bool) -> Result:
        """Ask over the kept link; what breaks it is remembered, so that nobody else waits for the same."""
        self._must_not_be_away()
        try:
            if self._link is None:
                if not connects:
                    raise LinkBroken("vault host: not connected yet", hint="the daemon tries again by itself")
                self._link = Link(self._command, silence_s=SHORT_S)
            return ask(self._link)
        except LinkBroken as error:
            self._away = error
            self._hang_up()
            raise
        except ValueError as error:  # an answer of another shape
            self._hang_up()
            raise Unavailable(f"vault host: answered with something else: {error}") from error

    def _look(self, link: Link) -> None:
        link.ask("there")
        (room,) = link.ask("room")
        self._room_bytes = int(room)

    def _must_not_be_away(self) -> None:
        if self._away is not None:
            raise Unavailable(self._away.text, hint=self._away.hint)

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    # ---------------------------------------------------------------- transfers

    def _linked_anew(self, abandoned: Callable[[], bool]) -> Link:
        self._must_not_be_away()
        return Link(self._command, silence_s=LONG_S, abandoned=abandoned)

    @contextmanager
    def _transfer(self, abandoned: Callable[[], bool] = never) -> Iterator[Link]:
        link = self._linked_anew(abandoned)
        try:
            yield link
        finally:
            link.close()


class _HandedIn:
    """Bytes that are handed in: kept in a file without a name, and pushed when it is flushed."""

    def __init__(self, push: Callable[[BinaryIO, int], None]) -> None:
        self._push = push
        self._file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - closed below

    def write(self, data: bytes) -> int:
        """Keep some bytes."""
        return self._file.write(data)

    def flush(self) -> None:
        """Push what was written."""
        self._push(self._file, self._file.tell())

    def close(self) -> None:
        """Forget what was not flushed."""
        self._file.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Push what was written, unless something went wrong."""
        with self._file:
            if kind is None:
                self.flush()


class _Incoming(io.RawIOBase):
    """A file that comes over a link, to its last byte."""

    def __init__(self, link: Link, size_bytes: int) -> None:
        super().__init__()
        self._link = link
        self._left = size_bytes

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]  # typeshed's buffer has no name before 3.12
        """Fill a buffer as far as something came."""
        if not self._left:
            return 0
        data = self._link.receive(min(len(target), self._left))
        target[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        """End the link, at the end of the file or before."""
        if not self.closed:
            super().close()
            self._link.close()


@contextmanager
def _nameless() -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        yield cast(BinaryIO, file)


def _push(link: Link, verb: str, recording_id: RecordingId, source: BinaryIO, size_bytes: int) -> None:
    """Send a file and see that it was taken.

    Raises:
        LinkBroken: If it was not; or what the vault host says is wrong.
    """
    source.seek(0)
    link.send(f"{verb} {recording_id} {size_bytes}\n".encode())
    while piece := source.read(BLOCK_BYTES):
        link.send(piece)
    link.answer()


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # has what it reads with


def _written(words: Sequence[str]) -> Written:
    size, sha256 = words
    return Written(size_bytes=int(size), sha256=sha256)
