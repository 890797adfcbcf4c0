"""Every error a person can meet, and the exit code that goes with it.

    ConsentlineError            1   anything below that has no better code
    ├── (click's own usage)     2   wrong option or argument on the command line
    ├── ConfigError             3   config or policy file: where, what, got, expected
    ├── NotFound                4   no such call, recording, person, alarm, policy or prompt
    ├── AccessRefused           5   not this person, not this login, not for this
    │   ├── WrongPassphrase    12   the passphrase does not open this person's slot
    │   └── RefusedByPolicy    13   the policy says no, whatever the recording
    ├── IntegrityError          6   sealed file, ledger or vault is not what it was
    ├── Unavailable             7   Asterisk, the daemon or a port cannot be reached or had
    ├── StateConflict           8   the thing is not in a state in which this can be done
    ├── DestructionIncomplete   9   something that had to be gone is still there
    ├── ClockSuspect           10   the wall clock leapt; nothing is purged until a person says so
    └── ProblemsFound          11   a check ran to its end and found problems

Text says where, what, got, expected; a hint says what to do next. Bugs are not in
this tree and are not caught.
"""

from __future__ import annotations

SHOWN_CHARACTERS = 60


def shown(text: str) -> str:
    """Return the beginning of somebody's text as it can stand in one line, on any terminal."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in text[:SHOWN_CHARACTERS]
    )


class ConsentlineError(Exception):
    """Something went wrong that a person can understand and act upon.

    Args:
        text: One line: where, what, got, expected.
        hint: One line: what to do next, or None.
    """

    exit_code: int = 1

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


class ConfigError(ConsentlineError):
    """A config or policy file cannot be used.

    Args:
        problems: One line for each problem, in file order; never empty.
        hint: What to do next, or None.
    """

    exit_code = 3

    def __init__(self, *problems: str, hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = problems


class NotFound(ConsentlineError):
    """No such call, recording, person, alarm, policy or prompt."""

    exit_code = 4


class AccessRefused(ConsentlineError):
    """This person or login may not do this."""

    exit_code = 5


class WrongPassphrase(AccessRefused):
    """The passphrase does not open this person's slot; counted, and the next try waits."""

    exit_code = 12


class RefusedByPolicy(AccessRefused):
    """The policy says no to this person, purpose or action, whatever the recording."""

    exit_code = 13


class IntegrityError(ConsentlineError):
    """Stored bytes are not the bytes that were stored."""

    exit_code = 6


class Unavailable(ConsentlineError):
    """Asterisk, the daemon or a port cannot be reached or had."""

    exit_code = 7


class StateConflict(ConsentlineError):
    """The thing is not in a state in which this can be done."""

    exit_code = 8


class DestructionIncomplete(ConsentlineError):
    """Something that had to be gone is still there; running again is safe."""

    exit_code = 9


class ClockSuspect(ConsentlineError):
    """The wall clock leapt; nothing is purged until a person says it is right."""

    exit_code = 10


class ProblemsFound(ConsentlineError):
    """A check ran to its end and found problems."""

    exit_code = 11
