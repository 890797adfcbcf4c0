"""A site: Asterisk, an installation made as an administrator makes it, and its daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import deadline
from sandbox.fetch import Unpacked
from sandbox.site import Site
from sandbox.softphone import Softphone

pytestmark = pytest.mark.asterisk


@pytest.fixture
def site(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), unpacked)
    try:
        made.start()
        yield made
    finally:
        made.remove()


def _recordings(site: Site) -> list[str]:
    return [recording["state"] for recording in site.cli("recordings", "list")]


def test_a_silent_caller_to_14040_is_recorded_and_sealed(site: Site, voices: Path, tmp_path: Path) -> None:
    phone = Softphone.start(site.asterisk.sip_address(), tmp_path, voice=voices / "caller1.wav")
    with phone:
        call = phone.call("14040")
        call.wait("confirmed")
        bridged = deadline.wait_until(
            lambda: "AppQueue" in site.asterisk.rx("core show channels concise"),
            within_s=60,
            what="the caller reaches an agent",
        )
        assert bridged
        call.listen(2)
        call.hang_up()
    deadline.wait_until(
        lambda: _recordings(site) == ["sealed"], within_s=15, what="it is sealed", every_s=0.2
    )
    assert list(site.spool.iterdir()) == []


def test_a_site_is_taken_up_again_by_another_process(site: Site, unpacked: Unpacked) -> None:
    again = Site(site.folder, unpacked)
    assert again.passphrase == site.passphrase
    assert again.daemon_pid() == site.daemon_pid()
    assert again.asterisk.pid() == site.asterisk.pid()
    again.stop_daemon()
    # Its memory goes a moment before its parent can collect it.
    deadline.wait_until(lambda: site.daemon_pid() is None, within_s=5.0, what="the daemon is collected")
    site.start_daemon()
    site.kill_daemon()
    assert site.asterisk.is_running()


def test_the_facts_of_a_site_name_things_that_are_there(site: Site) -> None:
    facts = site.facts()
    for name in ("CONSENTLINE", "CONSENTLINE_CONFIG", "ASTERISK_CLI", "SANDBOX_VAULT", "SANDBOX_DB"):
        assert Path(facts[name]).exists(), name
