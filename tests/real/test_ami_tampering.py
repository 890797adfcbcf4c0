"""Somebody dials line breaks: Asterisk writes them into AMI, and a stranger's recording goes on."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import quote

from commands.asterisk_files import AsteriskFiles
from commands.diagnose_conf import conf_checks
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
        _dial(site, f"1\r\n\r\nEvent:Hangup\r\nChannel:\r\nUniqueid:{call_id}\r\n\r\nEvent:x")
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


def _dial(site: Site, number: str) -> None:
    """Send a call that no softphone of ours would; Asterisk gives it up by itself."""
    user = quote(number, safe="")
    host, _, port = site.asterisk.sip_address().partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect((host, int(port)))
        here = "{}:{}".format(*line.getsockname())
        sound = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"
        head = (
            f"INVITE sip:{user}@{host}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK-forger;rport",
            f"From: <sip:0612345692@{here}>;tag=forger",
            f"To: <sip:{user}@{host}:{port}>",
            f"Call-ID: forger@{host}",
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
