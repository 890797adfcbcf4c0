"""Which person asks: the one place that says so.

    decides about a recording     who proved their passphrase
    points a call out, lists      who the kernel says is logged in

An agent in a hurry types no passphrase, and pointing a call out keeps nothing by itself. Who is logged
in is the login of the other side of the control socket, looked up among the people; root and the daemon's
own user, who can read the files anyway, may name the person for whom they act, and the ledger names both.
"""

from __future__ import annotations

from casework.ruling import Caseworker
from daemon.control import Question
from daemon.peers import Peer
from daemon.proofs import Proofs
from policy.errors import AccessRefused, StateConflict
from policy.situation import PersonId
from store.db import Db
from store.keyring.key_wire import ProofWire
from store.persons import people


class ProofQuestion(Question):
    """Who asks, proven; what else is asked comes with it."""

    proof: ProofWire


async def proven(proofs: Proofs, asked: ProofQuestion, peer: Peer) -> Caseworker:
    """Return the person who asks, once they proved their passphrase; in the event loop.

    Raises:
        AccessRefused: If there is no such challenge (any more), or it is another login's.
        WrongPassphrase: If the answer is wrong.
    """
    person = await proofs.prove(asked.proof, peer)
    return Caseworker(id=person, actor=peer.acting_as(person))


def who(db: Db, peer: Peer, named: str | None) -> Caseworker:
    """Return the person who asks; in the store thread.

    Args:
        db: Where the people are.
        peer: From the doorman, with the person of its login.
        named: Whom the asker says they are; None: whoever's login it is.

    Raises:
        AccessRefused: If the login is nobody's, or somebody else's.
        NotFound: If there is no such person.
        StateConflict: If they retired.
    """
    if named is None or named == peer.person:
        if peer.person is None:
            raise AccessRefused(
                f'control socket: login "{peer.login}" is nobody\'s here',
                hint="say --as PERSON as root, or: consentline people add",
            )
        return Caseworker(id=peer.person, actor=peer.actor)
    if not peer.is_owner:
        raise AccessRefused(f'control socket: login "{peer.login}" is not "{named[:40]}"')
    row = people.get_person(db, PersonId(named))
    if row.retired_at is not None:
        raise StateConflict(f"person {row.id}: has retired")
    return Caseworker(id=row.id, actor=peer.acting_as(row.id))


def who_if_any(db: Db, peer: Peer, named: str | None) -> Caseworker | None:
    """Return the person who asks, or None for root or the daemon's own user naming nobody.

    Raises:
        AccessRefused: If the login is nobody's, or somebody else's.
        NotFound: If there is no such person.
        StateConflict: If they retired.
    """
    if named is None and peer.person is None and peer.is_owner:
        return None
    return who(db, peer, named)
