"""A person's keys, in their own process: the passphrase never leaves it, nor does anything opened.

    passphrase -> slot -> own private half -> grants -> private halves of roles -> parts of a path

The daemon learns one thing of all this: that a challenge came back opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from policy.errors import ConsentlineError, IntegrityError, WrongPassphrase
from policy.situation import PersonId
from store.keyring import shares
from store.keyring.key_wire import ChallengeWire, GrantWire, ProofWire, parse, to_json
from store.keyring.shares import AccessId, Part, PassedShare, PathIncomplete, Share, Subject
from store.keys import (
    KeyId,
    PrivateHalf,
    PublicHalf,
    Slot,
    challenge_info,
    grant_info,
    open_slot,
    open_with,
    seal_to,
)


class Asking(Protocol):
    """What of the daemon this needs: see `commands.frame.control.Daemon`."""

    def ask_object(
        self, method: str, path: str, question: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Ask what is answered with one object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """What one person can open.

    Attributes:
        private: Their own.
        halves: The private half of each role's reading key that they hold, by key id.
    """

    person: PersonId
    private: PrivateHalf = field(repr=False)
    halves: Mapping[KeyId, PrivateHalf] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, slot: Slot, passphrase: str, grants: Iterable[GrantWire] = ()) -> Self:
        """Return the keys behind a passphrase; takes about a second and 128 MiB.

        Raises:
            WrongPassphrase: If it does not open the slot.
            IntegrityError: If a grant does not open, or holds another key than it says.
        """
        private = open_slot(slot, passphrase)
        return cls(person=PersonId(slot.person), private=private).with_grants(grants)

    def with_grants(self, grants: Iterable[GrantWire]) -> Self:
        """Return this ring with the role keys that were granted to this person, too.

        Raises:
            IntegrityError: If a grant does not open, or holds another key than it says.
        """
        own, halves = self.private.public, dict(self.halves)
        for grant in grants:
            info = grant_info(KeyId(grant.key_id), self.person, own)
            half = PrivateHalf(data=open_with(self.private, grant.sealed, info))
            if half.public.key_id != grant.key_id:
                raise IntegrityError(f"grant of {grant.policy}, {grant.role}: holds another key than it says")
            halves[half.public.key_id] = half
        return replace(self, halves=halves)

    def half(self, key_id: KeyId) -> PrivateHalf:
        """Return a role's private half.

        Raises:
            PathIncomplete: If this person does not hold it.
        """
        try:
            return self.halves[key_id]
        except KeyError:
            raise PathIncomplete(f"person {self.person}: does not hold key {key_id[:16]}") from None

    def part(self, share: Share, subject: Subject) -> Part:
        """Return this person's part of a path.

        Raises:
            PathIncomplete: If they do not hold the key of that share.
            EnvelopeRefused: If it was damaged or moved.
        """
        return shares.open_share(share, subject, self.half(share.key_id))

    def open_path(
        self,
        subject: Subject,
        released: Iterable[Share],
        *,
        passed: Iterable[PassedShare] = (),
        access: AccessId | None = None,
    ) -> bytes:
        """Return the key of a recording or number, from the shares of one path.

        Args:
            subject: What it is of.
            released: The shares that this person holds the keys of.
            passed: What others passed on for this access.
            access: This access; needed where something was passed on.

        Raises:
            PathIncomplete: If a part is missing.
            EnvelopeRefused: If one was damaged, moved, or meant for another person or access.
        """
        parts = [self.part(share, subject) for share in released]
        if access is not None:
            parts += [shares.take(one, subject, access=access, private=self.private) for one in passed]
        if not parts:
            raise PathIncomplete(f"person {self.person}: was released nothing")
        return shares.join(parts[0].path, parts)

    def pass_on(self, subject: Subject, share: Share, *, access: AccessId, to: PublicHalf) -> PassedShare:
        """Return this person's part for another person's one access.

        Args:
            subject: What it is of.
            share: Released to this person.
            access: The other person's access.
            to: The other person's own public half.

        Raises:
            PathIncomplete: If this person does not hold the key of that share.
            EnvelopeRefused: If it was damaged or moved.
        """
        return shares.pass_on(self.part(share, subject), subject, access=access, to=to)

    def grant(self, key_id: KeyId, person: PersonId, to: PublicHalf) -> bytes:
        """Return a role's private half, which this person holds, sealed to somebody else.

        Raises:
            PathIncomplete: If this person does not hold it.
        """
        return seal_to(to, self.half(key_id).data, grant_info(key_id, person, to))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Somebody who opened their slot and their challenge.

    Attributes:
        keyring: Their own key; grants are asked for with the proof.
        proof: Goes with one question, once, within two minutes.
    """

    keyring: Keyring
    proof: Mapping[str, Any] = field(repr=False)


def prove(daemon: Asking, person: str, passphrase: str, *, beside: str | None = None) -> Proven:
    """Prove to the daemon who asks; the passphrase stays here.

    Args:
        daemon: The daemon.
        person: Who.
        passphrase: Theirs.
        beside: At whose login they sit, where it is not their own.

    Raises:
        WrongPassphrase: If it does not open the slot; the daemon knows, and will be slower next time.
        NotFound: If there is no such person, or they have no key.
        AccessRefused: If this login may not be that person.
        ConsentlineError: If the daemon cannot be asked.
    """
    challenge = _challenge(daemon, person, beside)
    try:
        keyring = Keyring.open(challenge.slot.slot(), passphrase)
        opened = _answer(challenge, keyring)
    except (WrongPassphrase, IntegrityError) as error:
        _give_back(daemon, challenge.challenge, error)
        raise
    return Proven(keyring=keyring, proof=to_json(ProofWire(challenge=challenge.challenge, answer=opened)))


def prove_again(daemon: Asking, keyring: Keyring) -> Proven:
    """Prove for another question who asks, with the slot that is open already.

    Raises:
        IntegrityError: If the challenge is not for this person's key.
        ConsentlineError: If the daemon cannot be asked.
    """
    challenge = _challenge(daemon, keyring.person, None)
    opened = _answer(challenge, keyring)
    return Proven(keyring=keyring, proof=to_json(ProofWire(challenge=challenge.challenge, answer=opened)))


def _challenge(daemon: Asking, person: str, beside: str | None) -> ChallengeWire:
    question = {"person": person} | ({} if beside is None else {"beside": beside})
    return parse(ChallengeWire, daemon.ask_object("POST", "/proofs", question), where="/proofs")


def _answer(challenge: ChallengeWire, keyring: Keyring) -> bytes:
    return open_with(keyring.private, challenge.sealed, challenge_info(challenge.challenge, keyring.person))


def _give_back(daemon: Asking, challenge: str, error: ConsentlineError) -> None:
    """Tell the daemon at once; told or not, it counts."""
    with suppress(ConsentlineError):
        waits_s = daemon.ask_object("POST", "/proofs/failed", {"challenge": challenge}).get("wait_s")
        if isinstance(waits_s, int | float) and waits_s >= 1:
            error.hint = (
                f"the next try waits {waits_s:g} s; {error.hint or 'nobody can recover a passphrase'}"
            )
