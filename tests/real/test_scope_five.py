"""The five policies on the real PBX: a call within the KCC, and then to somebody outside it.

As they are published, but for the queue and the telephones, which are the installation's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.fetch import Unpacked
from sandbox.site import Site
from sandbox.softphone import BYTES_A_SECOND, Call, Softphone
from tests.conftest import ROOT
from tests.real.callers import (
    agent_at_desk,
    decision,
    export,
    holds,
    place,
    settled,
    site_of,
    spool_files,
    voice_file,
    wait_until_heard,
)

NUMBERS = {
    "eindhoven": "14040",
    "groningen": "0503679111",
    "heerde": "140578",
    "nunspeet": "0341259911",
    "rvo": "0880424242",
}
GOES_ON = {"eindhoven"}
COLLEAGUE, OUTSIDER = "102", "103"
TALK_S = 4.0


@pytest.fixture(scope="module")
def site(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A PBX of five organisations with one contact centre: agents 1 and 2."""
    folder = tmp_path_factory.mktemp("policies")
    with site_of(unpacked, [filled_in(name, folder) for name in NUMBERS]) as running:
        yield running


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_within_the_kcc_it_goes_on_and_to_somebody_outside_it_does_what_the_policy_says(
    site: Site, name: str, heard: Path, tmp_path: Path
) -> None:
    digits = f"8{sorted(NUMBERS).index(name)}"
    with ExitStack() as stage:
        agent, colleague, _ = (
            stage.enter_context(agent_at_desk(site, heard, user=user))
            for user in ("agent1", "agent2", "agent3")
        )
        call = stage.enter_context(place(site, f"dial{NUMBERS[name]}", digits, folder=heard))
        wait_until_heard(call, voice_file("agent1"))
        _transfer(call, agent, COLLEAGUE, "agent2")
        row = decision(site, digits)
        assert row["policy"] == name
        _must_run_on(site, call, row["recording_id"])
        _transfer(call, colleague, OUTSIDER, "agent3")
        if name in GOES_ON:
            _must_run_on(site, call, row["recording_id"])
        else:
            assert settled(site, row["recording_id"])["state"] == "sealed"
    assert settled(site, row["recording_id"])["state"] == "sealed"
    opened = export(site, row["recording_id"], tmp_path / "kept")
    assert holds(opened.agent, voice_file("agent1"))
    if name not in GOES_ON:
        assert not holds(opened.agent, voice_file("agent3"))


def _transfer(call: Call, agent: Softphone, number: str, voice: str) -> None:
    call.listen(TALK_S)
    agent.incoming().transfer(number)
    wait_until_heard(call, voice_file(voice))


def _must_run_on(site: Site, call: Call, recording_id: str) -> None:
    files = spool_files(site, recording_id)
    before = [path.stat().st_size for path in files]
    call.listen(TALK_S)
    grown = [path.stat().st_size - size for path, size in zip(files, before, strict=True)]
    assert len(files) == 2
    assert min(grown) > (TALK_S - 1) * BYTES_A_SECOND


def filled_in(name: str, folder: Path) -> Path:
    """Return the policy with the telephones of this installation's KCC in it."""
    text = (ROOT / "policies" / f"{name}.toml").read_text(encoding="utf-8")
    desks = "".join(f'[[scope.kcc]]\nendpoint = "PJSIP/{agent}"\n' for agent in ("agent1", "agent2"))
    path = folder / f"{name}.toml"
    path.write_text(text.replace("[[scope.kcc]]\nqueue", f"{desks}[[scope.kcc]]\nqueue"), encoding="utf-8")
    return path
