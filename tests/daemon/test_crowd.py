"""One login cannot take the control socket from the others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from commands.frame.control import Daemon
from daemon.control import ControlSocket, Route
from daemon.crowd import Crowd
from daemon.peers import Asker, Doorman, Peer
from policy.config import Control
from policy.errors import Unavailable
from tests.daemon.test_control import nobody

MOST = 3
ANNA, PIET = (Peer(uid=uid, login=login) for uid, login in ((4001, "anna"), (4002, "piet")))


async def _answered(request: web.Request, peer: Peer) -> web.StreamResponse:
    return web.json_response({"here": peer.login})


def test_a_login_with_too_many_connections_gets_no_further_one_until_it_closes_some(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    routes = [Route("GET", "/here", _answered, Asker.PERSON)]

    async def story() -> None:
        crowd = Crowd(lambda peer: True, most=MOST)
        control = ControlSocket(path, routes, Doorman(Control(), nobody), crowd)
        await control.start()
        try:
            idle = [await asyncio.open_unix_connection(path) for _ in range(MOST)]
            with pytest.raises(Unavailable):
                await asyncio.to_thread(Daemon(path).ask_object, "GET", "/here")
            reader, writer = await asyncio.open_unix_connection(path)
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 503")
            assert b"has too many connections open" in said
            for _, one in (*idle, (reader, writer)):
                one.close()
                await one.wait_closed()
            while crowd.busy:  # noqa: ASYNC110 - the other side of a connection ends a moment later
                await asyncio.sleep(0)
            assert "here" in await asyncio.to_thread(Daemon(path).ask_object, "GET", "/here")
        finally:
            await control.stop()

    asyncio.run(story())


def test_each_login_is_counted_by_itself_and_some_not_at_all() -> None:
    crowd = Crowd(lambda peer: peer != PIET, most=MOST)
    assert [crowd.enter(ANNA) for _ in range(MOST + 2)] == [True] * MOST + [False] * 2
    assert all(crowd.enter(PIET) for _ in range(10 * MOST))
    for _ in range(3):
        crowd.leave(ANNA)
    assert [crowd.enter(ANNA) for _ in range(2)] == [True, False]


def test_root_and_asterisks_own_scripts_are_not_counted() -> None:
    doorman = Doorman(Control(operator_logins=("ops",), asterisk_logins=("asterisk",)), nobody)
    counted = {
        login: doorman.is_counted(Peer(uid=uid, login=login))
        for uid, login in ((0, "root"), (4001, "anna"), (4002, "ops"), (4003, "asterisk"))
    }
    assert counted == {"root": False, "anna": True, "ops": True, "asterisk": False}
