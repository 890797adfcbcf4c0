"""What the commands about reviews ask: with a proof of who asks, answered with rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commands.frame.invocation import Invocation
from commands.frame.records import Row
from commands.identity.asking_why import Who, Why


def proven_rows(
    invocation: Invocation, path: str, who: Who, why: Why | None = None, **question: Any
) -> Sequence[Row]:
    """Prove who asks, and return what the daemon answers.

    Raises:
        WrongPassphrase: If it does not open the slot.
        ConsentlineError: If the daemon cannot be asked, or says no.
    """
    from commands.identity.proving import asked

    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    because = {} if why is None else why.to_json()
    return daemon.ask_rows("POST", path, {**proved.to_json(), **because, **question})
