"""The desk of the ledger over a real socket: what is signed there is what the command line prints."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from commands.frame.control import Daemon
from daemon.control import ControlSocket
from daemon.desks.ledger import LedgerDesk
from daemon.peers import Doorman
from policy.clock import to_iso
from policy.config import Control
from policy.errors import ConsentlineError
from policy.vocabulary import ErasedBecause
from store.logbook import checkpoints
from store.proof import declarations, receipts
from store.retention import destruction
from store.retention.destruction import Doom
from tests.daemon.test_checkpoints import Stage, stage_in
from tests.store.scene import STARTED_AT, recording_named


async def ask(stage: Stage, path: str, question: dict[str, object], wanted: str = "note") -> str:
    """Ask as the command line does, from a thread of its own; return one thing of the answer."""
    socket_path = stage.key_path.parent / "control.sock"
    doorman = Doorman(Control(), stage.register.person_of)
    control = ControlSocket(socket_path, LedgerDesk(stage.keeper).routes(), doorman)
    await control.start()
    try:
        answer = await asyncio.to_thread(Daemon(socket_path).ask_object, "POST", path, question)
    finally:
        await control.stop()
    return str(answer[wanted])


def test_checkpoint_receipt_and_declaration_are_signed_by_the_daemon(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage_in(tmp_path) as stage:

            def erase() -> None:
                stage.scene.keep(1)
                doom = Doom(recording_id=recording_named(1), because=ErasedBecause.REQUEST)
                destruction.destroy(stage.scene.archive, doom)

            await stage.thread.run(erase)
            key = (await stage.thread.run(stage.keeper.signer)).key
            note = await ask(stage, "/ledger/checkpoint", {})
            assert [checkpoints.open_checkpoint(note, key).size] == await stage.sizes()
            receipt = await ask(stage, "/receipt", {"recording": recording_named(1), "language": "en"})
            assert receipts.confirm(receipt, key).recording_id == recording_named(1)
            stage.scene.clock.advance(timedelta(days=1))
            period = {
                "since": to_iso(STARTED_AT - timedelta(days=1)),
                "until": to_iso(STARTED_AT + timedelta(hours=1)),
            }
            text = await ask(stage, "/declaration", {"policy": "eindhoven", **period})
            assert f"- {recording_named(1)} (eindhoven)" in text
            assert declarations.confirm(text, key).size in await stage.sizes()
            for path, question in (
                ("/receipt", {"recording": "../../etc/passwd"}),
                ("/receipt", {"recording": recording_named(2)}),
                ("/declaration", {"since": "yesterday", "until": "today"}),
            ):
                with pytest.raises(ConsentlineError):
                    await ask(stage, path, dict(question))

    asyncio.run(story())


def test_the_daemon_rotates_its_key_and_signs_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage_in(tmp_path) as stage:
            old = await stage.register.thread.run(stage.keeper.signer)
            vkey = await ask(stage, "/ledger/rotate-key", {}, wanted="vkey")
            new = await stage.register.thread.run(stage.keeper.signer)
            assert (new.key.text, new.key == old.key) == (vkey, False)
            checkpoints.open_checkpoint(await ask(stage, "/ledger/checkpoint", {}), new.key)

    asyncio.run(story())
