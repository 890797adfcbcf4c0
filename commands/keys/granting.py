"""Passing a role's key on, in the process of a person who holds it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from commands.frame.control import Daemon
from commands.identity.keyring import prove, prove_again
from policy.errors import AccessRefused, IntegrityError
from policy.situation import PersonId
from store.keyring.key_wire import GrantWire, PublicHalfWire, parse
from store.keys import KeyId, PublicHalf

LEAST_DIGITS: Final = 16
"""64 bits: nobody makes a second key that begins the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who gets a key."""

    person: PersonId
    public: PublicHalf

    def must_have(self, fingerprint: str) -> None:
        """Check what the person read out.

        Raises:
            IntegrityError: If it is another key's, or too little of it.
        """
        told = "".join(fingerprint.split()).lower()
        if len(told) < LEAST_DIGITS or not self.public.key_id.startswith(told):
            raise IntegrityError(
                f"person {self.person}: own key must have the fingerprint {fingerprint[:80]!r}, "
                f"has {self.public.fingerprint}",
                hint="do not grant it: somebody may have put a key of their own in this person's place",
            )


def holder_of(daemon: Daemon, person: str) -> Newcomer:
    """Return somebody with the public half of their own key.

    Raises:
        NotFound: If there is no such person, or they have no key.
        ConsentlineError: If the daemon cannot be asked.
    """
    answer = daemon.ask_object("POST", "/keys/person", {"person": person})
    wire = parse(PublicHalfWire, answer, where="/keys/person")
    return Newcomer(person=PersonId(wire.person), public=wire.public())


def grant_key(
    daemon: Daemon, to: Newcomer, *, policy: str, role: str, by: str, passphrase: str
) -> Sequence[str]:
    """Seal a role's private half to somebody else, and have that stored; retired keys too.

    Returns:
        Who was custodian of it and holds it no more.

    Raises:
        WrongPassphrase: If it does not open the holder's slot.
        AccessRefused: If they do not hold the key, or this login may not be them.
        StateConflict: If the other person does not wear the role, or holds it already.
        ConsentlineError: If the daemon cannot be asked.
    """
    proven = prove(daemon, by, passphrase)
    grants = [
        parse(GrantWire, row, where="/keys/mine")
        for row in daemon.ask_rows("POST", "/keys/mine", {"proof": proven.proof})
    ]
    wanted = [one for one in grants if (one.policy, one.role) == (policy, role)]
    if not wanted:
        raise AccessRefused(
            f"person {by}: does not hold the key of {role} of {policy}, so cannot pass it on",
            hint="see who does: consentline keys list",
        )
    ring, over = proven.keyring.with_grants(wanted), []
    for one in wanted:
        key_id = KeyId(one.key_id)
        sealed = ring.grant(key_id, to.person, to.public)
        question = {
            "proof": prove_again(daemon, ring).proof,
            "key_id": key_id,
            "person": to.person,
            "to_key": to.public.key_id,
            "sealed": b64encode(sealed).decode("ascii"),
        }
        over += daemon.ask_object("POST", "/keys/grant", question)["custody_over"]
    return sorted(set(over))
