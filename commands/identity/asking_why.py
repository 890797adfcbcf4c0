"""The options of every command that opens something: who asks, with whom, what for and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from commands.identity.passphrase import passphrase_option

Command = TypeVar("Command", bound=Callable[..., Any])

_PERSON = click.option("--person", metavar="PERSON", help="Who asks.  [default: the person of this OS login]")
_POLICY = click.option(
    "--policy", metavar="NAME", help="Under which policy, for who has a role under several."
)
_WITH = (
    click.option(
        "--with",
        "together",
        multiple=True,
        metavar="PERSON",
        help="Who is here and unlocks with you, with their own passphrase; several times.",
    ),
    click.option(
        "--with-passphrase-fd",
        "together_fds",
        multiple=True,
        type=click.IntRange(min=0),
        metavar="N",
        help="Read the passphrase of each --with from these file descriptors, in order.",
    ),
)
_PURPOSE = click.option("--purpose", required=True, metavar="NAME", help="What for, as the policy names it.")
_REASON = click.option(
    "--reason", required=True, metavar="TEXT", help="Why, in a few words; kept on the ledger."
)
_CASE = click.option("--case", metavar="NUMBER", help="The number of the file it is for.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who asks, as it was typed.

    Attributes:
        passphrase_fd: Where the passphrase stands, or None to ask.
    """

    person: str | None
    policy: str | None
    passphrase_fd: int | None
    together: Sequence[str] = ()
    together_fds: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What for, and why."""

    purpose: str
    reason: str
    case: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Return it as the daemon is told."""
        return {"purpose": self.purpose, "reason": self.reason, "case": self.case}


def person_options(command: Command) -> Command:
    """Add what says who asks, where the question itself says under which policy."""
    return _PERSON(passphrase_option(command))


def who_options(command: Command) -> Command:
    """Add what says who asks, and under which policy."""
    return person_options(_POLICY(command))


def together_options(command: Command) -> Command:
    """Add what says who unlocks as well."""
    for option in reversed(_WITH):
        command = option(command)
    return command


def why_options(command: Command) -> Command:
    """Add what says what for and why."""
    return _PURPOSE(_REASON(_CASE(command)))


def who_of(given: dict[str, Any]) -> Who:
    """Take the answers to these options out of a command's keywords."""
    together, together_fds = given.pop("together", ()), given.pop("together_fds", ())
    if together_fds and len(together_fds) != len(together):
        raise click.UsageError(
            "--with-passphrase-fd: must come once for each --with,"
            f" got {len(together_fds)} for {len(together)}"
        )
    return Who(
        person=given.pop("person"),
        policy=given.pop("policy", None),
        passphrase_fd=given.pop("passphrase_fd"),
        together=together,
        together_fds=together_fds,
    )


def why_of(given: dict[str, Any]) -> Why:
    """Take the answers to `why_options` out of a command's keywords."""
    return Why(purpose=given.pop("purpose"), reason=given.pop("reason"), case=given.pop("case"))
