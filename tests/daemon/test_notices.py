"""Telling people: at once and again, lost by no crash, tried again, and never of what is decided."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest

from casework import incidents
from casework.notices import IncidentNotices
from daemon.carriers import carry
from daemon.metrics import Metrics
from daemon.notices import ALARM, NoticeKeeper
from daemon.register import Register
from daemon.store_thread import StoreThread
from policy.access import IncidentKind
from policy.clock import SteppedClock
from policy.errors import Unavailable
from policy.notify import Notify
from policy.vocabulary import PolicyName
from store.cases import notices
from store.logbook import ledger
from store.records import alarms
from store.retention import purge
from tests.casework.staff import AGENT, HEAD, call_of, hold_call, staff
from tests.store.scene import Scene, scene

pytestmark = pytest.mark.exhaustive

GRONINGEN = PolicyName("groningen")
FRIDAY_AT_FIVE_TO_FIVE = datetime.fromisoformat("2026-11-20T15:55:00Z")
TUESDAY = datetime.fromisoformat("2026-11-17T10:00:00Z")
CARRIER = """
import sys
from pathlib import Path
given = sys.stdin.read()
folder = Path(sys.argv[1])
if (folder / "broken").exists():
    sys.exit("mail server away")
with (folder / "told").open("a") as told:
    told.write(given if len(sys.argv) == 2 else given + "\\x00")
"""


class Stage:
    """A keeper over Groningen, with a program of its own that writes down what it is given."""

    def __init__(self, folder: Path, thread: StoreThread, opened: Scene, notify: Notify) -> None:
        self.folder, self.thread, self.scene = folder, thread, opened
        self.register = Register(
            archive=opened.archive, policies=opened.policies, thread=thread, metrics=Metrics(), tag_key=b""
        )
        self.notify = notify
        self.keeper = self.keeper_anew()

    def keeper_anew(self) -> NoticeKeeper:
        return NoticeKeeper(notify=self.notify, sources=(IncidentNotices(),), register=self.register)

    async def flag(self) -> int:
        def work() -> int:
            self.scene.keep(1)
            hold_call(self.scene, 1, AGENT)
            return incidents.flag(self.scene.archive, call_of(1), IncidentKind.AGGRESSION, AGENT).incident_id

        return await self.thread.run(work)

    async def assess(self) -> None:
        await self.thread.run(
            lambda: incidents.assess(self.scene.archive, call_of(1), keep=True, reason="ja", by=HEAD)
        )

    def told(self) -> list[dict[str, Any]]:
        file = self.folder / "told"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    async def standing(self) -> tuple[str, ...]:
        return await self.thread.run(lambda: alarms.standing_kinds(self.scene.db))


@asynccontextmanager
async def stage_in(
    folder: Path, now: datetime, notify: dict[str, object] | None = None
) -> AsyncIterator[Stage]:
    program = folder / "carrier.py"
    program.write_text(CARRIER)
    table = notify or {"command": [sys.executable, str(program), str(folder)]}
    thread = StoreThread()
    manager = staff(scene(folder / "installation", clock=SteppedClock(now), policy=GRONINGEN))
    opened = await thread.run(manager.__enter__)
    try:
        yield Stage(folder, thread, opened, Notify.model_validate(table))
    finally:
        await thread.run(lambda: manager.__exit__(None, None, None))
        thread.close()


def test_flagged_on_friday_at_five_to_five_the_head_is_told_twice_before_the_weekend(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage_in(tmp_path, FRIDAY_AT_FIVE_TO_FIVE) as stage:
            number = await stage.flag()
            await stage.keeper.tell()
            expected = {
                "policy": "groningen",
                "role": "head",
                "incident": number,
                "deadline": "2026-11-22T15:55:00.000Z",
            }
            assert stage.told() == [
                {"notice": 1, "kind": "incident_flagged", **expected},
                {"notice": 2, "kind": "incident_due", **expected},
            ]
            stage.scene.clock.advance(timedelta(hours=47))
            await stage.keeper.tell()
            assert len(stage.told()) == 2
            stage.scene.clock.advance(timedelta(hours=1))
            await stage.thread.run(lambda: purge.run(stage.scene.archive, stage.scene.guard))
            (lapsed,) = await stage.thread.run(lambda: incidents.listed(stage.scene.archive, None))
            assert lapsed.stage.value == "lapsed"
            kinds = await stage.thread.run(
                lambda: [entry.kind for entry in ledger.show(stage.scene.db) if "notice" in entry.kind]
            )
            assert kinds == ["notice_sent", "notice_sent"]

    asyncio.run(story())


def test_on_tuesday_the_second_notice_comes_on_wednesday_afternoon_unless_it_was_assessed(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with stage_in(tmp_path, TUESDAY) as stage:
            await stage.flag()
            await stage.keeper.tell()
            stage.scene.clock.advance(timedelta(hours=28, minutes=59))
            await stage.keeper.tell()
            assert [one["kind"] for one in stage.told()] == ["incident_flagged"]
            stage.scene.clock.advance(timedelta(minutes=1))  # Wednesday, 16:00: the last hour
            await stage.keeper.tell()
            assert [one["kind"] for one in stage.told()] == ["incident_flagged", "incident_due"]

    asyncio.run(story())


def test_who_is_told_late_is_not_told_of_what_was_decided_meanwhile(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage_in(tmp_path, TUESDAY) as stage:
            (tmp_path / "broken").touch()
            await stage.flag()
            await stage.keeper.tell()
            assert ALARM in await stage.standing()
            await stage.assess()
            stage.scene.clock.advance(timedelta(hours=30))
            (tmp_path / "broken").unlink()
            await stage.keeper.tell()
            assert stage.told() == []
            (row,) = await stage.keeper.listed()
            assert row.dropped_at == stage.scene.clock.now()
            assert ALARM not in await stage.standing()

    asyncio.run(story())


def test_what_fails_stands_as_an_alarm_and_is_tried_again_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage_in(tmp_path, TUESDAY) as stage:
            (tmp_path / "broken").touch()
            await stage.flag()
            await stage.keeper.tell()
            (row,) = await stage.keeper.listed()
            assert row.problem is not None
            assert row.problem.endswith("ended with exit code 1: mail server away")
            (tmp_path / "broken").unlink()
            again = stage.keeper_anew()
            await again.tell()
            assert stage.told() == []  # it waits a minute, and the alarm stands
            assert ALARM in await stage.standing()
            stage.scene.clock.advance(timedelta(minutes=1))
            await again.tell()
            assert [one["notice"] for one in stage.told()] == [row.notice_id]
            assert ALARM not in await stage.standing()
            await stage.keeper_anew().tell()
            assert len(stage.told()) == 1

    asyncio.run(story())


def test_a_program_that_hangs_is_ended_and_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage_in(tmp_path, TUESDAY, {"command": ["/nowhere/notify"]}) as stage:
            await stage.flag()
            await stage.keeper.tell()
            (row,) = await stage.keeper.listed()
            assert row.problem == "/nowhere/notify: cannot be started: No such file or directory"
            hanging = Notify(command=("/bin/sleep", "60"))
            with pytest.raises(Unavailable, match=r"/bin/sleep: did not end within 0\.2 s"):
                await carry(hanging, row, within_s=0.2)

    asyncio.run(story())


def test_sendmail_gets_a_message_to_the_roles_address_that_tells_of_nobody(tmp_path: Path) -> None:
    program = tmp_path / "sendmail"
    program.write_text(
        f"#!{sys.executable}\n" + CARRIER.replace("Path(sys.argv[1])", f"Path({str(tmp_path)!r})")
    )
    program.chmod(0o700)
    table: dict[str, object] = {
        "sendmail": str(program),
        "sender": "consentline@groningen.example",
        "recipients": [{"policy": "groningen", "role": "head", "address": "hoofd-kcc@groningen.example"}],
    }

    async def story() -> None:
        async with stage_in(tmp_path, TUESDAY, table) as stage:
            number = await stage.flag()
            await stage.keeper.tell()
            (text,) = [one for one in (tmp_path / "told").read_text().split("\x00") if one]
            message = message_from_string(text)
            assert message["To"] == "hoofd-kcc@groningen.example"
            assert message["Subject"] == f"[consentline] groningen: incident {number}, 2026-11-19 11:00"
            assert f"incident {number} (head): was flagged" in message.get_payload()
            assert not any(word in text for word in (AGENT.id, call_of(1)))

    asyncio.run(story())


def test_a_role_without_an_address_is_an_alarm_that_names_it(tmp_path: Path) -> None:
    table: dict[str, object] = {"sendmail": "/bin/true", "sender": "consentline@groningen.example"}

    async def story() -> None:
        async with stage_in(tmp_path, TUESDAY, table) as stage:
            await stage.flag()
            await stage.keeper.tell()
            (row,) = await stage.keeper.listed()
            assert row.problem is not None
            assert "must have an address of the head of groningen, got none" in row.problem

    asyncio.run(story())


def test_notices_go_on_the_term_of_the_ledgers_payloads(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage_in(tmp_path, TUESDAY) as stage:
            await stage.flag()
            await stage.keeper.tell()
            stage.scene.clock.advance(timedelta(days=100))
            await stage.thread.run(lambda: purge.run(stage.scene.archive, stage.scene.guard))
            assert await stage.thread.run(lambda: notices.all_notices(stage.scene.db)) == ()

    asyncio.run(story())
