"""Proving who asks, once for each question: a passphrase is asked for, and stays in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from commands.frame.control import Daemon
from commands.identity.asking_why import Who
from commands.identity.keyring import Keyring, Proven, prove, prove_again
from commands.identity.passphrase import read_passphrase


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """Everybody who proved who they are, for one question.

    Attributes:
        person: Who asks.
        policy: Under which policy, or None where there is only one.
    """

    person: Proven
    together: Sequence[Proven]
    policy: str | None

    def to_json(self) -> dict[str, Any]:
        """Return what goes with the question; each proof counts once."""
        told: dict[str, Any] = {"proof": dict(self.person.proof)}
        if self.together:
            told["together"] = [dict(other.proof) for other in self.together]
        return told | ({} if self.policy is None else {"policy": self.policy})

    def keyrings(self, grants: Mapping[str, Any]) -> tuple[Keyring, ...]:
        """Return everybody's keys with the role keys that were granted to them, the asker's first."""
        rings = (self.person.keyring, *(other.keyring for other in self.together))
        return tuple(ring.with_grants(grants.get(ring.person, ())) for ring in rings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passphrases:
    """What was typed, so that one person can ask twice in one command.

    Attributes:
        person: Who asks.
    """

    who: Who
    person: str
    passphrase: str
    others: Sequence[str]

    def prove(self, daemon: Daemon) -> Proved:
        """Prove it anew to the daemon, for one question.

        Raises:
            WrongPassphrase: If one of them does not open its slot.
            ConsentlineError: If the daemon cannot be asked, or does not know somebody.
        """
        others = [
            prove(daemon, other, passphrase, beside=self.person)
            for other, passphrase in zip(self.who.together, self.others, strict=True)
        ]
        person = prove(daemon, self.person, self.passphrase)
        return Proved(person=person, together=others, policy=self.who.policy)

    def prove_again(self, daemon: Daemon, proved: Proved) -> Proved:
        """Prove it anew for another question, with the slot that is open already; nobody else.

        Raises:
            ConsentlineError: If the daemon cannot be asked.
        """
        return replace(proved, person=prove_again(daemon, proved.person.keyring), together=())


def asked(daemon: Daemon, who: Who) -> Passphrases:
    """Ask for every passphrase that a question takes, before anything is asked of the daemon.

    Raises:
        click.UsageError: If there is nobody to ask, or nothing to read.
        NotFound: If this login is nobody's, and no person was named.
    """
    person = who.person or daemon.whoami()
    if person in who.together or len(set(who.together)) != len(who.together):
        raise click.UsageError("--with: nobody counts as a second person to themselves")
    passphrase = read_passphrase(who.passphrase_fd, whose=person)
    fds: Sequence[int | None] = who.together_fds or [None] * len(who.together)
    others = [read_passphrase(fd, whose=other) for fd, other in zip(fds, who.together, strict=True)]
    return Passphrases(who=who, person=person, passphrase=passphrase, others=others)
