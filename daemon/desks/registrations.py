"""The desk of registrations: incidents as data, written down, completed, and shown to who registers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from casework import registrations
from casework.at_the_door import Asking
from casework.registrations import FilledIn, Later
from daemon.control import Route, ShortText, array, read
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from daemon.who import ProofQuestion, proven
from policy.clock import from_iso
from policy.errors import ConsentlineError
from policy.load import Policies
from store.cases.registrations import Aggression
from store.files.archive import Archive
from store.keyring.key_wire import NameText

Said = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]
Measures = Annotated[str, StringConstraints(max_length=2000, strip_whitespace=True)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
RegisterNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}$")]
IncidentNumber = Annotated[int, Field(ge=1, lt=2**63)]


class PolicyQuestion(ProofQuestion):
    """Who asks, and under which policy, where they have hats under several."""

    policy: NameText | None = None


class RegisterQuestion(PolicyQuestion):
    """The form."""

    incident: IncidentNumber
    happened_at: ShortText | None = None
    place: Place
    aggression: Aggression
    said: Said
    measures: Measures = ""
    report_filed: bool


class NoteQuestion(PolicyQuestion):
    """What came later."""

    incident: IncidentNumber
    register_number: RegisterNumber | None = None
    report_filed: bool | None = None
    measures: Measures | None = None


class ViewQuestion(PolicyQuestion):
    """Which registrations; none named: all. How they are shown goes on the ledger."""

    incidents: Annotated[tuple[IncidentNumber, ...], Field(max_length=1000)] = ()
    how: Literal["table", "json", "csv", "page"]


class RegistrationsDesk:
    """Puts the questions about registrations to `casework.registrations`, in the store thread."""

    def __init__(self, archive: Archive, thread: StoreThread, policies: Policies, proofs: Proofs) -> None:
        self._archive = archive
        self._thread = thread
        self._policies = policies
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here; who may is judged by passphrase and policy, not by login."""
        return (
            Route("POST", "/registrations", self._register, Asker.PERSON),
            Route("POST", "/registrations/note", self._note, Asker.PERSON),
            Route("POST", "/registrations/view", self._view, Asker.PERSON),
        )

    async def _register(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, RegisterQuestion)
        try:
            happened_at = None if asked.happened_at is None else from_iso(asked.happened_at)
        except ValueError:
            raise ConsentlineError(
                f'at: must be a moment such as "2026-11-20 16:50", got "{asked.happened_at}"'
            ) from None
        filled_in = FilledIn(
            happened_at=happened_at,
            place=asked.place,
            aggression=asked.aggression,
            said=asked.said,
            measures=asked.measures,
            report_filed=asked.report_filed,
        )
        asking = await self._asking(asked, peer, f"registering incident {asked.incident}")
        row = await self._thread.run(
            lambda: registrations.register(self._archive, self._policies, asking, asked.incident, filled_in)
        )
        return web.json_response(row.to_json())

    async def _note(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, NoteQuestion)
        later = Later(
            register_number=asked.register_number, report_filed=asked.report_filed, measures=asked.measures
        )
        asking = await self._asking(asked, peer, f"noting on incident {asked.incident}")
        row = await self._thread.run(
            lambda: registrations.note(self._archive, self._policies, asking, asked.incident, later)
        )
        return web.json_response(row.to_json())

    async def _view(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, ViewQuestion)
        asking = await self._asking(asked, peer, "looking at registrations")
        rows = await self._thread.run(
            lambda: registrations.view(self._archive, self._policies, asking, asked.incidents, how=asked.how)
        )
        return array([row.to_json() for row in rows])

    async def _asking(self, asked: PolicyQuestion, peer: Peer, reason: str) -> Asking:
        by = await proven(self._proofs, asked, peer)
        return Asking(person=by.id, login=peer.login, actor=by.actor, policy=asked.policy, reason=reason)
