"""Opening one recording for one person, in that person's own process (I5).

    daemon    proof -> judged -> ledger entry committed, then: shares of one path, grants, manifest;
              and the sealed bytes, once
    here      passphrase -> own key -> role keys -> parts -> the recording's key
              -> every chunk authenticated -> decrypted where it is read
    daemon    how it ended, with the digest of every copy, before a copy gets its name

Whatever ends this process in the middle is told to the daemon if there is still time for it; if not,
the daemon notes by itself that nobody told.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from commands.audio import sealed_audio
from commands.audio.copies import Digest
from commands.audio.rendering import SEALED_TYPE
from commands.frame.control import Daemon
from commands.frame.records import Row
from commands.identity.asking_why import Why
from commands.identity.keyring import Keyring
from commands.identity.proving import Proved
from policy.errors import ConsentlineError, IntegrityError, Unavailable
from policy.vocabulary import RecordingId
from store.keyring import shares
from store.keyring.key_wire import GrantWire, PassedShareWire, ShareWire, Wire, parse
from store.keyring.shares import AccessId, Part


class PassedWire(PassedShareWire):
    """A part that somebody passed on, and the word that it came with."""

    word: int


class AccessWire(Wire):
    """What the daemon released."""

    token: str
    recording_id: str
    ledger_entry: int
    shares: tuple[ShareWire, ...]
    passed: tuple[PassedWire, ...]
    grants: dict[str, tuple[GrantWire, ...]]
    manifest: dict[str, Any]
    sealed_to: dict[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class Access:
    """One access that was released, until it ends.

    Attributes:
        released: What the daemon answered.
        key: Of the recording; empty where the access opens nothing.
    """

    daemon: Daemon
    released: AccessWire
    key: bytes = field(repr=False)

    @property
    def recording_id(self) -> RecordingId:
        """Which recording."""
        return RecordingId(self.released.recording_id)

    @contextmanager
    def plaintext(self) -> Iterator[io.BufferedReader]:
        """Give the recording's FLAC, all of which has authenticated (I5).

        Raises:
            IntegrityError: If any byte of it is not as it was sealed, or it holds something else.
            Unavailable: If it cannot be fetched.
        """
        content_type = self.released.manifest.get("content_type", SEALED_TYPE)
        if content_type != SEALED_TYPE:
            raise IntegrityError(f"the sealed file must hold {SEALED_TYPE}, holds {content_type}")
        path = f"/access/{self.released.token}/sealed"
        with sealed_audio.fetched(lambda into: self.daemon.fetch(path, into)) as sealed:
            yield sealed_audio.opened(sealed, self.key, self.recording_id)

    def complete(self, copies: Sequence[Digest] = (), *, heard_ms: int | None = None) -> None:
        """Tell that it is complete, and which copies there are; before they get their names."""
        self._tell({"complete": True, "copies": [copy.to_json() for copy in copies], "heard_ms": heard_ms})

    def failed(self, problem: str) -> None:
        """Tell that nothing came of it."""
        self._tell({"complete": False, "problem": problem[:500]})

    def _tell(self, how: Row) -> None:
        self.daemon.ask_object("POST", f"/access/{self.released.token}/end", how)


@contextmanager
def opened(daemon: Daemon, proved: Proved, recording: str, action: str, why: Why) -> Iterator[Access]:
    """Give an access; what fails inside is told to the daemon before it goes on.

    Raises:
        RefusedByPolicy: If the policy says no, whatever the recording.
        NotFound: If there is no such recording, or it is not theirs.
        ConsentlineError: If it cannot be opened.
    """
    question = {**why.to_json(), "recording": recording, "action": action}
    with entered(daemon, proved, "/access", question) as access:
        yield access


@contextmanager
def entered(daemon: Daemon, proved: Proved, path: str, question: Row) -> Iterator[Access]:
    """Give what the daemon releases at a path; what fails inside is told to it before it goes on.

    Raises:
        ConsentlineError: As the daemon says, or if it cannot be opened.
    """
    answer = daemon.ask_object("POST", path, {**proved.to_json(), **question})
    released = parse(AccessWire, answer, where=path)
    access = Access(daemon=daemon, released=released, key=b"")
    try:
        access.key = _key(released, proved)
        yield access
    except BaseException as error:
        text = error.text if isinstance(error, ConsentlineError) else type(error).__name__
        with suppress(ConsentlineError):  # the daemon notes by itself what it is not told
            access.failed(text.splitlines()[0])
        raise


def _key(released: AccessWire, proved: Proved) -> bytes:
    """Return the recording's key, from the parts of those who are here and what was passed on."""
    if not released.shares and not released.passed:
        return b""
    subject = shares.recording(RecordingId(released.recording_id))
    rings = proved.keyrings(released.grants)
    parts: list[Part] = []
    for wire in released.shares:
        share = wire.share()
        parts.append(_whose(rings, share.key_id).part(share, subject))
    for passed in released.passed:
        parts.append(
            shares.take(
                passed.passed_share(),
                subject,
                access=passed_with(passed.word),
                private=rings[0].private,
            )
        )
    return shares.join(parts[0].path, parts)


def passed_with(word: int) -> AccessId:
    """Return what a part is bound to that comes with a word."""
    return AccessId(f"word {word}")


def _whose(rings: Sequence[Keyring], key_id: str) -> Keyring:
    for ring in rings:
        if key_id in ring.halves:
            return ring
    raise Unavailable(
        "access: the daemon released a part that nobody here holds the key of", hint="restart the daemon"
    )
