"""How a notice leaves: as a message by sendmail, or as JSON to a command. Never by a shell (I10).

A program is started with a fixed list of arguments, an environment without anything of ours, and the notice
on its standard input; exit code 0 within half a minute means that it was carried. There is no personal data
in it.
"""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from typing import Final

from policy.clock import to_local
from policy.errors import NotFound, Unavailable
from policy.notify import Notify
from store.cases.notices import NoticeKind, NoticeRow

WITHIN_S: Final = 30.0
SENDMAIL_OPTIONS: Final = ("-i", "-t")
"""Dots mean nothing, and who it is for stands in the message: sendmail, Postfix, Exim, OpenSMTPD, msmtp."""
ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_MOST_SAID: Final = 200
_WHAT: Final = {
    NoticeKind.INCIDENT_FLAGGED: (
        "is gemeld en moet zijn beoordeeld",
        "was flagged and has to be assessed",
        "consentline incident list",
    ),
    NoticeKind.INCIDENT_DUE: (
        "is nog niet beoordeeld; daarna wordt de opname vernietigd. Uiterlijk",
        "has not been assessed; after this the recording is destroyed. Assess it",
        "consentline incident list",
    ),
    NoticeKind.ORDER_RECEIVED: (
        "is ontvangen: een vordering. Er moet zijn beslist",
        "was received: a compulsory order. It has to be decided on",
        "consentline order list",
    ),
    NoticeKind.ORDER_DUE: (
        "is nog niet afgehandeld: een vordering. Er moet zijn beslist",
        "is not settled: a compulsory order. It has to be decided on",
        "consentline order list",
    ),
    NoticeKind.HANDOVER_OPEN: (
        "wacht op een tweede persoon of op afsluiting. De opname blijft",
        "waits for a second person, or to be closed. The recording is kept",
        "consentline handover list",
    ),
    NoticeKind.REQUEST_DUE: (
        "is nog niet afgehandeld: een verzoek van een betrokkene. Er moet zijn beslist",
        "is not settled: a data subject's request. It has to be decided on",
        "consentline request list --due",
    ),
    NoticeKind.REVIEW_DUE: (
        "is nog niet gedaan: beoordeling van gesprekken. Zij moet zijn gedaan",
        "is not done: the review of calls. It has to be done",
        "consentline review list",
    ),
}


async def carry(notify: Notify, notice: NoticeRow, *, within_s: float = WITHIN_S) -> None:
    """Hand one notice to whoever carries it.

    Raises:
        NotFound: If nobody has an address.
        Unavailable: If the program cannot be started, does not end in time, or says that it failed.
    """
    if notify.command:
        await _run(notify.command, json.dumps(notice.event()).encode() + b"\n", within_s)
        return
    assert notify.sendmail is not None and notify.sender is not None  # noqa: S101 - the config file was checked
    addresses = notify.addresses(notice.policy, notice.role)
    if not addresses:
        raise NotFound(
            f"notify.recipients: must have an address of the {notice.role} of {notice.policy}, got none"
        )
    message = letter(notice, sender=notify.sender, to=addresses)
    await _run((notify.sendmail, *SENDMAIL_OPTIONS), bytes(message), within_s)


def letter(notice: NoticeRow, *, sender: str, to: Sequence[str]) -> EmailMessage:
    """Return a notice as a message, in Dutch and English, with no personal data in it."""
    dutch, english, look = _WHAT[notice.kind]
    subject = f"{notice.kind.subject} {notice.about}"
    until = to_local(notice.deadline_at)[:-3]
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Subject"] = f"[consentline] {notice.policy}: {subject}, {until}"
    message["Auto-Submitted"] = "auto-generated"
    message["Message-ID"] = f"<notice-{notice.notice_id}.{notice.kind.value}@{sender.partition('@')[2]}>"
    message.set_content(
        f"{notice.policy}, {subject} ({notice.role}): {dutch} voor {until}.\n\n"
        f"{notice.policy}, {subject} ({notice.role}): {english} before {until}.\n\n"
        f"    {look}\n"
    )
    return message


async def _run(arguments: Sequence[str], given: bytes, within_s: float) -> None:
    program = arguments[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, env=ENVIRONMENT, start_new_session=True
        )
    except OSError as error:
        raise Unavailable(f"{program}: cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(within_s):
            _, said = await process.communicate(given)
    except TimeoutError:
        raise Unavailable(f"{program}: did not end within {within_s:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        why = " ".join(said.decode(errors="replace").split())[:_MOST_SAID]
        raise Unavailable(f"{program}: ended with exit code {process.returncode}: {why or 'said nothing'}")
