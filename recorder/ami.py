"""A client of Asterisk's manager interface: one connection, kept up; nothing is ever sent twice.

When the connection is lost, every action that waits for its answer fails with `AmiLost`: whether it was
carried out is unknown, and only the asker can say whether it may be asked again (I7: only a stop may).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from policy.clock import Randomness, SystemRandomness
from policy.errors import Unavailable
from recorder.ami_wire import (
    Action,
    Answered,
    ChannelListed,
    Decoder,
    Event,
    Greeted,
    ListEnded,
    Message,
    Unknown,
    encode,
    login,
    ping,
)
from recorder.ports import Delays

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 5.0
SILENCE_S = 15.0
"""After so long without a byte a sign of life is asked for; after twice that the connection is lost."""

_CHUNK_BYTES = 65536
_ID_BYTES = 8


class AmiLost(Unavailable):
    """The connection went while an answer was awaited, or there is none: the outcome is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUp:
    """The connection is there; whatever happened before it was not heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDown:
    """The connection is lost."""

    reason: str


Heard = Event | LinkUp | LinkDown


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiAccess:
    """Where the manager interface listens, and as whom to log in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)


def reconnect_delays() -> Iterator[float]:
    """Yield seconds to wait before each new attempt: quick at first, then every five seconds."""
    yield from (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)
    yield from itertools.repeat(5.0)


@dataclass(slots=True, kw_only=True)
class _Pending:
    answer: asyncio.Future[Answered]
    listed: list[ChannelListed] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Link:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    decoder: Decoder = field(default_factory=Decoder)
    pending: dict[str, _Pending] = field(default_factory=dict)
    unread: list[Message] = field(default_factory=list)


class Ami:
    """The connection. `connect` once, then `run` for ever.

    Args:
        hear: Called for every event and for each change of the connection, in order; must only note it.
        delays: Before each attempt to connect again.
        randomness: Makes the ids of actions.

    Attributes:
        dropped: How many messages nobody waits for came, by name.
    """

    def __init__(
        self,
        access: AmiAccess,
        *,
        hear: Callable[[Heard], None],
        delays: Delays = reconnect_delays,
        answer_within_s: float = ANSWER_WITHIN_S,
        silence_s: float = SILENCE_S,
        randomness: Randomness | None = None,
    ) -> None:
        self._access = access
        self._hear = hear
        self._delays = delays
        self._answer_within_s = answer_within_s
        self._silence_s = silence_s
        # Not to be guessed: an answer that is forged on this very connection answers nobody.
        token = (randomness or SystemRandomness()).token(_ID_BYTES).hex()
        self._ids = (f"{token}-{number}" for number in itertools.count(1))
        self._link: _Link | None = None
        self.dropped: Counter[str] = Counter()

    @property
    def connected(self) -> bool:
        """Whether an action can be asked now."""
        return self._link is not None

    async def connect(self) -> None:
        """Connect and log in.

        Raises:
            Unavailable: If it cannot be reached or refuses the login, with the reason.
        """
        where = f"{self._access.host}:{self._access.port}"
        try:
            async with asyncio.timeout(self._answer_within_s):
                link = await self._open()
        except TimeoutError as error:
            raise Unavailable(
                f"{where}: AMI: no answer to the login within {self._answer_within_s:g} s"
            ) from error
        except OSError as error:
            raise Unavailable(
                f"{where}: AMI cannot be reached: {error.strerror or error}",
                hint="is Asterisk running, and enabled = yes in its manager.conf?",
            ) from error
        self._link = link
        self._hear(LinkUp())

    async def run(self) -> None:
        """Read, and connect again whenever the connection is lost; ends only by cancellation.

        An end of our own making is no `LinkDown`: nothing was missed before it.
        """
        try:
            while True:
                link = self._link
                if link is not None:
                    self._lose(link, await self._read(link))
                await self._reconnect()
        finally:
            if self._link is not None:
                link, self._link = self._link, None
                self._lose(link, "closed by us")

    async def ask(self, action: Action) -> Answered:
        """Send an action and return its answer, which may be a refusal.

        Raises:
            AmiLost: If there is no connection, or it went before the answer came.
        """
        answer, _ = await self._ask(action)
        return answer

    async def ask_list(self, action: Action) -> tuple[ChannelListed, ...]:
        """Send an action whose answer is a list, and return the list when it is complete.

        Raises:
            AmiLost: As in `ask`.
            Unavailable: If the action is refused.
        """
        answer, listed = await self._ask(action)
        if not answer.ok:
            raise Unavailable(f"AMI {action.name}: {answer.message}", hint="manager.conf: write = call")
        return tuple(listed)

    async def _ask(self, action: Action) -> tuple[Answered, list[ChannelListed]]:
        link = self._link
        if link is None:
            raise AmiLost(f"AMI {action.name}: there is no connection")
        action_id = next(self._ids)
        pending = _Pending(answer=asyncio.get_running_loop().create_future())
        request = encode(action, action_id)
        link.pending[action_id] = pending
        link.writer.write(request)
        try:
            async with asyncio.timeout(self._answer_within_s):
                return await pending.answer, pending.listed
        except TimeoutError as error:
            reason = f"no answer to {action.name} within {self._answer_within_s:g} s"
            self._lose(link, reason)
            raise AmiLost(f"AMI {action.name}: {reason}") from error
        finally:
            link.pending.pop(action_id, None)

    async def _open(self) -> _Link:
        reader, writer = await asyncio.open_connection(self._access.host, self._access.port)
        link = _Link(reader=reader, writer=writer)
        try:
            await self._log_in(link)
        except BaseException:
            writer.close()
            raise
        return link

    async def _log_in(self, link: _Link) -> None:
        where = f"{self._access.host}:{self._access.port}"
        action_id = next(self._ids)
        link.writer.write(encode(login(self._access.user, self._access.password), action_id))
        while True:
            data = await link.reader.read(_CHUNK_BYTES)
            if not data:
                raise Unavailable(f"{where}: AMI closed the connection before the login was answered")
            messages = link.decoder.feed(data)
            for position, message in enumerate(messages):
                match message:
                    case Answered(ok=True):
                        link.unread += messages[position + 1 :]
                        return
                    case Answered():
                        raise Unavailable(
                            f'{where}: AMI refused user "{self._access.user}": {message.message}',
                            hint="compare asterisk.ami_user and ami_password with manager.conf",
                        )
                    case Greeted():
                        pass
                    case _:
                        link.unread.append(message)

    async def _read(self, link: _Link) -> str:
        """Take in messages until the connection is lost; return why it was."""
        for message in link.unread:
            self._take(link, message)
        link.unread.clear()
        asked_for_life = False
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    data = await link.reader.read(_CHUNK_BYTES)
                if not data:
                    return "Asterisk closed the connection"
                for message in link.decoder.feed(data):
                    self._take(link, message)
                asked_for_life = False
            except TimeoutError:
                if asked_for_life:
                    return f"silent for {2 * self._silence_s:g} s"
                asked_for_life = True
                link.writer.write(encode(ping(), next(self._ids)))
            except (OSError, Unavailable) as error:
                return str(error)

    def _take(self, link: _Link, message: Message) -> None:
        match message:
            case Answered():
                pending = link.pending.get(message.action_id)
                if pending is None or pending.answer.done():
                    return
                if message.list_follows:
                    pending.listed.clear()
                else:
                    pending.answer.set_result(message)
            case ChannelListed():
                if (pending := link.pending.get(message.action_id)) is not None:
                    pending.listed.append(message)
            case ListEnded():
                pending = link.pending.get(message.action_id)
                if pending is not None and not pending.answer.done():
                    pending.answer.set_result(
                        Answered(
                            action_id=message.action_id, ok=True, message="", value="", list_follows=False
                        )
                    )
            case Unknown():
                self.dropped[message.name] += 1
            case Greeted():
                pass
            case _:
                self._hear(message)

    def _lose(self, link: _Link, reason: str) -> None:
        """Give the connection up: nobody waits on it any more."""
        link.writer.close()
        for pending in link.pending.values():
            if not pending.answer.done():
                pending.answer.set_exception(AmiLost(f"AMI: the connection was lost: {reason}"))
        if self._link is link:
            self._link = None
            log.warning("ami connected -> lost: %s", reason)
            self._hear(LinkDown(reason=reason))

    async def _reconnect(self) -> None:
        for delay_s in self._delays():
            await asyncio.sleep(delay_s)
            try:
                await self.connect()
            except Unavailable as error:
                log.info("ami lost -> lost: %s", error)
            else:
                log.info("ami lost -> connected")
                return
