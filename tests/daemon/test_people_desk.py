"""The people's desk asked over a real socket, by processes of other logins."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from daemon.control import ControlSocket
from daemon.desks.people import AddQuestion, PeopleDesk
from daemon.metrics import Metrics
from daemon.peers import Doorman
from daemon.people_office import PeopleOffice
from daemon.register import Register
from daemon.store_thread import StoreThread
from policy.config import Control
from tests.store.scene import scene

ANNA, BEHEER = "nobody", "daemon"
"""Logins that every machine has: a person's, and an operator's."""

ASK = """
import os, socket, sys
path, login_uid, target = sys.argv[1:]
if login_uid:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(int(login_uid))
link = socket.socket(socket.AF_UNIX)
link.connect(path)
link.sendall(f"GET {target} HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n".encode())
answer = b""
while part := link.recv(65536):
    answer += part
sys.stdout.buffer.write(answer)
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other logins can look into."""
    with tempfile.TemporaryDirectory(prefix="cl-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


async def _answers(folder: Path, questions: list[tuple[str, str]]) -> list[tuple[int, object]]:
    """Serve the desk, and return what each login got."""
    thread, stack = StoreThread(), ExitStack()
    stage = await thread.run(lambda: stack.enter_context(scene(folder / "store")))
    office = PeopleOffice(archive=stage.archive, policies=stage.policies, thread=thread)
    register = Register(
        archive=stage.archive,
        policies=stage.policies,
        thread=thread,
        metrics=Metrics(),
        tag_key=b"t" * 32,
    )
    doorman = Doorman(Control(operator_logins=(BEHEER,)), register.person_of)
    control = ControlSocket(folder / "control.sock", PeopleDesk(office).routes(), doorman)
    await control.start()
    try:
        await office.add(AddQuestion(person="anna", name="Anna", login=ANNA), actor="login:root")
        return [await _asked(folder / "control.sock", login, path) for login, path in questions]
    finally:
        await control.stop()
        await thread.run(stack.close)
        thread.close()


async def _asked(path: Path, login: str, target: str) -> tuple[int, object]:
    uid = "" if login == "root" else str(pwd.getpwnam(login).pw_uid)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", ASK, str(path), uid, target, stdout=subprocess.PIPE
    )
    answer, _ = await process.communicate()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_each_login_sees_what_is_theirs_and_agents_are_seen_by_root_alone(folder: Path) -> None:
    questions = [
        *((login, path) for login in (ANNA, BEHEER, "root") for path in ("/people", "/people/of/anna")),
        *((login, "/people/me") for login in (ANNA, BEHEER)),
        *((login, "/calls/agents") for login in (ANNA, BEHEER, "root")),
    ]
    got = asyncio.run(_answers(folder, questions))
    assert [status for status, _ in got] == [403, 403, 200, 200, 200, 200, 200, 403, 403, 403, 200]
    me = got[6][1]
    assert isinstance(me, dict)
    assert me["person"] == "anna"
    refused = got[0][1]
    assert isinstance(refused, dict)
    assert (refused["exit_code"], refused["error"]) == (
        5,
        f'control socket: login "{ANNA}" may not ask this',
    )
