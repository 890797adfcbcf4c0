"""The parts of the sandbox that need no Asterisk."""

from __future__ import annotations

import itertools
import os
import socket
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sandbox import deadline, fetch, ports, sipp
from sandbox.asterisk import Asterisk
from sandbox.fetch import SandboxError, Unpacked
from sandbox.sipp import BareCall


def test_repositories_are_read_in_both_notations_of_apt() -> None:
    one_line = (
        "# deb http://old/debian x main\ndeb [arch=amd64 signed-by=/k.gpg] http://a/debian stable main\n"
    )
    deb822 = "Types: deb\nURIs: http://b/debian http://c/debian-security\nSuites: stable\n"
    assert fetch.repositories(one_line) == ["http://a/debian"]
    assert fetch.repositories(deb822) == ["http://b/debian", "http://c/debian-security"]


def test_the_folder_of_the_sandbox_can_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(fetch.FOLDER_VARIABLE, str(tmp_path))
    assert fetch.sandbox_folder() == tmp_path


def test_a_complete_root_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    names = ", ".join(f'"{name}": "1"' for name in fetch.WANTED)
    (tmp_path / "root" / fetch.STAMP).write_text(f"{{{names}}}")
    assert fetch.fetch(tmp_path) == Unpacked(
        root=tmp_path / "root", versions=dict.fromkeys(fetch.WANTED, "1")
    )


def test_a_port_is_owned_by_the_process_that_listens_there() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert ports.owns(os.getpid(), "tcp", port)
        assert not ports.owns(os.getppid(), "tcp", port)
    assert not ports.owns(os.getpid(), "tcp", port)


def test_a_udp_port_is_owned_by_the_process_that_bound_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((ports.LOOPBACK, 0))
        assert ports.owns(os.getpid(), "udp", bound.getsockname()[1])


def test_waiting_looks_again_and_then_says_what_did_not_happen() -> None:
    count = itertools.count()
    assert deadline.wait_until(lambda: next(count) > 2, within_s=5, what="three looks")
    with pytest.raises(SandboxError, match="the moon falls"):
        deadline.wait_until(lambda: False, within_s=0.05, what="the moon falls")


def test_a_folder_too_deep_for_a_unix_socket_is_refused_in_words(tmp_path: Path) -> None:
    unpacked = Unpacked(root=tmp_path, versions={})
    with pytest.raises(SandboxError, match="too long for a Unix socket"):
        Asterisk(tmp_path / ("d" * 120), unpacked).render()


def test_an_instance_that_was_never_started_cannot_be_attached(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no Asterisk was started"):
        Asterisk.attach(tmp_path, Unpacked(root=tmp_path, versions={}))


def test_a_scenario_is_well_formed_and_keeps_the_times_of_its_keys() -> None:
    call = BareCall(number="14040", keys=((1500, "1"), (300, "*")), talk_ms=2000)
    root = ET.fromstring(sipp.scenario(call, sound=Path("/voice.alaw"), caller="[field1]"))  # noqa: S314
    pauses = [int(pause.attrib["milliseconds"]) for pause in root.iter("pause")]
    assert pauses == [300, 1200, 500]
    sent = [element.text or "" for element in root.iter("send")]
    assert [text.split()[0] for text in sent] == ["INVITE", "ACK", "INFO", "INFO", "BYE"]
    assert "Signal=*" in sent[2]
    assert "CSeq: 4 BYE" in sent[4]
