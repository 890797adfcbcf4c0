"""Asterisk's conf files, read as Asterisk reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.doctor.asterisk_files import AsteriskFiles


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


def test_the_last_value_of_a_key_holds(etc: Path) -> None:
    (etc / "manager.conf").write_text("[consentline]\nwrite = system\nWrite => call ; not more\n")
    assert AsteriskFiles(folder=etc).read("manager.conf").get("consentline", "write") == "call"


def test_a_template_gives_its_settings_and_is_overruled_by_the_section_itself(etc: Path) -> None:
    (etc / "queues.conf").write_text(
        "[desk](!)\nmonitor-format = wav\nstrategy = rrmemory\n[kcc](desk)\nstrategy = linear\n"
    )
    conf = AsteriskFiles(folder=etc).read("queues.conf")
    assert conf.get("kcc", "monitor-format") == "wav"
    assert conf.get("kcc", "strategy") == "linear"
    assert conf.sections["desk"].is_template
    assert not conf.sections["kcc"].is_template


def test_a_section_can_be_added_to(etc: Path) -> None:
    (etc / "ari.conf").write_text("[general]\nenabled = yes\n[general](+)\npretty = no\n")
    assert AsteriskFiles(folder=etc).read("ari.conf").is_on("general", "enabled", default=False)


def test_includes_are_followed_where_they_stand(etc: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "consentline-manager.conf"
    elsewhere.write_text("[consentline]\nread = call\n")
    (etc / "manager.d").mkdir()
    (etc / "manager.d" / "one.conf").write_text("write = call\n")
    (etc / "manager.conf").write_text(
        f'[general]\n#tryinclude "{elsewhere}"\n#include manager.d/*.conf\n#tryinclude <gone.conf>\n'
    )
    section = AsteriskFiles(folder=etc).read("manager.conf").sections["consentline"]
    assert section.settings == (("read", "call"), ("write", "call"))


def test_a_file_that_includes_itself_comes_to_an_end(etc: Path) -> None:
    (etc / "logger.conf").write_text("[logfiles]\nfull => verbose\n#include logger.conf\n")
    assert AsteriskFiles(folder=etc).read("logger.conf").get("logfiles", "full") == "verbose"


def test_comments_are_left_out_and_an_escaped_semicolon_is_not_one(etc: Path) -> None:
    (etc / "cdr.conf").write_text(
        "[general]\n;--\nenable = no\n--;\nenable = yes\nnote = a\\;b ; c\n;---- x\n"
    )
    conf = AsteriskFiles(folder=etc).read("cdr.conf")
    assert conf.is_on("general", "enable", default=False)
    assert conf.get("general", "note") == "a;b"


def test_a_file_that_is_not_there_has_no_sections(etc: Path) -> None:
    files = AsteriskFiles(folder=etc)
    assert not files.has("cel.conf")
    assert not files.read("cel.conf").sections
    assert files.log_folder() == Path("/var/log/asterisk")


@given(st.text(max_size=400))
def test_any_text_can_be_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("etc")
    (folder / "any.conf").write_bytes(text.encode("utf-8", "surrogatepass"))
    AsteriskFiles(folder=folder).read("any.conf")
