from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import cast

import pytest

from daemon.control import ControlSocket
from daemon.desks.access import AccessDesk
from daemon.doorway import Doorway
from daemon.peers import Asker, Doorman, Peer
from daemon.proofs import Proofs
from policy.config import Control
from policy.errors import AccessRefused


async def nobody(login: str) -> None:
    """Return nobody."""


class Closed(Doorman):
    """Admits nobody."""

    def __init__(self) -> None:
        super().__init__(Control(), nobody)

    async def admit(self, peer: Peer, asker: Asker) -> Peer:
        raise AccessRefused("may not ask this")


def test_who_may_ask_nothing_cannot_write_lines_into_the_log_either(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "control.sock"

    async def ask() -> bytes:
        control = ControlSocket(path, AccessDesk(cast(Doorway, None), cast(Proofs, None)).routes(), Closed())
        await control.start()
        reader, writer = await asyncio.open_unix_connection(path)
        target = b"/access/x%0A2026-11-21%20ERROR%20forged%20line/sealed"
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        await control.stop()
        return answer

    assert asyncio.run(ask()).startswith(b"HTTP/1.1 403")
    (record,) = [record for record in caplog.records if record.name == "daemon.control"]
    assert "\n" not in record.getMessage()
    assert "%0A2026-11-21" in record.getMessage()
