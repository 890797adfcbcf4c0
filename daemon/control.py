"""The control socket: HTTP over a Unix socket, where everything that changes something is asked.

The desks say what can be asked, as routes. Here is who asks, whether they may, and what
becomes of an error: JSON with the exit code that the command line will end with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from daemon.crowd import Counted, Crowd
from daemon.peers import Asker, Doorman, Peer, peer_of
from policy.errors import (
    AccessRefused,
    ConsentlineError,
    NotFound,
    StateConflict,
    Unavailable,
)

logger = logging.getLogger(__name__)

Row: TypeAlias = Mapping[str, Any]
ShortText = Annotated[str, StringConstraints(max_length=512)]
HexId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Answer: TypeAlias = Callable[[web.Request, Peer], Awaitable[web.StreamResponse]]

LARGEST_QUESTION_BYTES = 2 * 1024 * 1024
"""A new key for a thousand holders fits."""

_STATUS: Sequence[tuple[type[ConsentlineError], int]] = (
    (NotFound, 404),
    (AccessRefused, 403),
    (StateConflict, 409),
    (Unavailable, 503),
)


class Question(BaseModel):
    """What is asked, as JSON; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnyQuestion = TypeVar("AnyQuestion", bound=Question)


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked.

    Attributes:
        method: `GET` or `POST`.
        path: As aiohttp's router takes it.
        answer: Answers it; a `ConsentlineError` becomes the answer that tells it.
        asker: Who may ask it.
    """

    method: str
    path: str
    answer: Answer
    asker: Asker


class ControlSocket:
    """Serves routes on a Unix socket."""

    def __init__(
        self, path: Path, routes: Iterable[Route], doorman: Doorman, crowd: Crowd | None = None
    ) -> None:
        self._path = path
        self._routes = tuple(routes)
        self._doorman = doorman
        self._crowd = crowd or Crowd(doorman.is_counted)
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: If the socket cannot be made.
        """
        app = web.Application(client_max_size=LARGEST_QUESTION_BYTES)
        for route in self._routes:
            app.router.add_route(route.method, route.path, self._guarded(route))
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            self._path.unlink(missing_ok=True)  # the lock says that no other daemon lives
            self._listening = await asyncio.get_running_loop().create_unix_server(
                partial(_counted, self._runner, self._crowd), str(self._path)
            )
            self._path.chmod(0o666)  # who may ask what is decided by SO_PEERCRED, not by the mode
        except OSError as error:
            await self._runner.cleanup()
            raise Unavailable(f"{self._path}: control socket cannot be made: {error.strerror}") from error

    async def stop(self) -> None:
        """Stop listening and remove the socket file."""
        if self._listening is not None:
            self._listening.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._path.unlink(missing_ok=True)

    def _guarded(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                peer = await self._doorman.admit(_peer(request), route.asker)
                return await route.answer(request, peer)
            except ConsentlineError as error:
                # As it came, still encoded: decoded, a path can hold a line break, and anybody may ask.
                logger.info("control %s %s: %s", request.method, request.rel_url.raw_path, error.text)
                status = next((code for kind, code in _STATUS if isinstance(error, kind)), 400)
                body = {"error": error.text, "hint": error.hint, "exit_code": error.exit_code}
                return web.json_response(body, status=status)

        return handle


async def read(request: web.Request, question: type[AnyQuestion]) -> AnyQuestion:
    """Return what is asked.

    Raises:
        ConsentlineError: If it is no such question.
    """
    try:
        return question.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise ConsentlineError(f"{request.path}: {where}: {first['msg']}") from error


def array(rows: Sequence[Row]) -> web.Response:
    """Return rows as an answer."""
    return web.json_response([dict(row) for row in rows])


def _counted(runner: web.AppRunner, crowd: Crowd) -> Counted:
    serve = runner.server
    assert serve is not None  # noqa: S101 - it was set up before anybody could connect
    return Counted(serve(), crowd)


def _peer(request: web.Request) -> Peer:
    connection = request.transport.get_extra_info("socket") if request.transport is not None else None
    if connection is None:
        raise AccessRefused("control socket: the other side has gone")
    return peer_of(connection)
