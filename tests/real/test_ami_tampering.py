"""Somebody dials line breaks: Asterisk writes them into AMI, and a stranger's recording goes on."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import quote

from commands.doctor.asterisk_files import AsteriskFiles
from commands.doctor.conf import conf_checks
from policy.config import load_config
from policy.load import load_policies
from sandbox import deadline
from sandbox.site import Site
from tests.real import breaking, callers
from tests.real.callers import Callers

LONGER_THAN_A_WRITER_IS_WAITED_FOR_S = 13.0


def test_a_forged_hang_up_ends_no_recording_but_rings(site: Site, tmp_path: Path) -> None:
    with Callers(site, tmp_path) as troupe:
        victim = troupe.place("14040", "91")
        recording_id = breaking.wait_until_recorded(site, "91")
        call_id = callers.decision(site, "91")["call_id"]
        assert callers.alarms(site) == []  # nothing that Asterisk writes itself is taken for tampering
        _dial(site, "first", f"1\r\n\r\nEvent:Hangup\r\nChannel:\r\nUniqueid:{call_id}\r\n\r\nEvent:x")
        deadline.wait_until(lambda: callers.alarms(site, "ami_tampered"), within_s=10, what="it rings")
        victim.listen(LONGER_THAN_A_WRITER_IS_WAITED_FOR_S)
        assert breaking.row_of(site, recording_id)["state"] == "recording"
        victim.hang_up()
    row = callers.recording(site, recording_id)
    assert row["state"] == "sealed"
    assert row["duration_ms"] > LONGER_THAN_A_WRITER_IS_WAITED_FOR_S * 1000
    assert "its end was forged" not in site.log.read_text()  # it was not even believed
    (alarm,) = callers.alarms(site)
    print(alarm)
    assert alarm["kind"] == "ami_tampered"


def test_the_end_of_a_call_by_agi_cannot_be_forged_by_cutting_an_event_in_two(
    site: Site, tmp_path: Path
) -> None:
    with Callers(site, tmp_path) as troupe:
        victim = troupe.place("agi14040", "93")
        breaking.wait_until_recorded(site, "93")
        call_id = callers.decision(site, "93")["call_id"]
        others = set(_own_channels(site))
        _dial(site, "second", f"1\r\nPriority:\r\nUniqueid:{call_id}\r\nLinkedid:\r\n\r\nEvent:x")
        deadline.wait_until(lambda: set(_own_channels(site)) - others, within_s=10, what="the forger calls")
        (forger,) = set(_own_channels(site)) - others
        site.asterisk.rx(f"channel request hangup {forger}")  # of its end Asterisk tells in the victim's name
        deadline.wait_until(lambda: set(_own_channels(site)) == others, within_s=10, what="the forger goes")
        victim.listen(3)
        assert callers.decision(site, "93")["ended_at"] is None
        assert "never happened" not in site.log.read_text()  # it was not even believed
        victim.hang_up()
    assert callers.ended(site, "93")["ended_at"] is not None


def _own_channels(site: Site) -> list[str]:
    """Return the channels of those who call from outside."""
    names = (line.partition("!")[0] for line in site.asterisk.rx("core show channels concise").splitlines())
    return [name for name in names if name.startswith("PJSIP/anonymous-") or name.startswith("PJSIP/trunk-")]


def _dial(site: Site, name: str, number: str) -> None:
    """Send a call that no softphone of ours would; Asterisk gives it up by itself."""
    user = quote(number, safe="")
    host, _, port = site.asterisk.sip_address().partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect((host, int(port)))
        here = "{}:{}".format(*line.getsockname())
        sound = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"
        head = (
            f"INVITE sip:{user}@{host}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK-{name};rport",
            f"From: <sip:0612345692@{here}>;tag={name}",
            f"To: <sip:{user}@{host}:{port}>",
            f"Call-ID: {name}@{host}",
            "CSeq: 1 INVITE",
            f"Contact: <sip:forger@{here}>",
            "Max-Forwards: 70",
            "Content-Type: application/sdp",
            f"Content-Length: {len(sound)}",
        )
        line.send(("\r\n".join(head) + "\r\n\r\n" + sound).encode())


def test_doctor_notes_the_pattern_that_let_them(site: Site) -> None:
    config = load_config(site.config)
    policies = load_policies(config.path("policies")).by_name.values()
    files = AsteriskFiles(folder=site.asterisk.etc)
    checks = conf_checks(files, config.asterisk, policies, patience_s=1)
    (check,) = [check for check in checks if check.name == "dialplan: numbers to the gate"]
    assert check.found.startswith("[from-trunk] _X.: ")
