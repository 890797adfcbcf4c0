"""An installation is made whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cli import run
from commands.identity.keyring import Keyring
from policy.access import RoleName
from policy.clock import SystemClock
from policy.config import load_config
from store import settings
from store.db import Db
from store.keyring import person_keys, reading_keys
from store.keyring.key_wire import GrantWire
from store.logbook import log_keys
from store.persons import people
from tests.commands.conftest import Ended, one_error
from tests.policy.written import SHORT

pytestmark = pytest.mark.exhaustive  # whole command lines: seconds, not milliseconds

PASSPHRASE = "vier losse woorden samen"
Init = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "installation"


@pytest.fixture
def init(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Init:
    """Run `init` with a passphrase on a file descriptor."""

    def call(*words: object, passphrase: str = PASSPHRASE) -> Ended:
        reader, writer = os.pipe()
        os.write(writer, passphrase.encode() + b"\n")
        os.close(writer)
        try:
            arguments = ["--config", str(home / "consentline.toml"), "init", "--person", "anna"]
            arguments += ["--spool", str(tmp_path / "spool"), "--passphrase-fd", str(reader)]
            code = run([*arguments, *(str(word) for word in words)])
        finally:
            os.close(reader)
        said = capsys.readouterr()
        return Ended(code=code, out=said.out, err=said.err)

    return call


def _everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_init_makes_all_that_the_daemon_needs(init: Init, home: Path, eindhoven_file: Path) -> None:
    ended = init("--policy", eindhoven_file)
    assert ended.code == 0, ended.err
    config = load_config(home / "consentline.toml")
    for name, mode in {
        "vault": 0o700,
        "epochs": 0o700,
        "spool": 0o700,
        "marks": 0o700,
        "database": 0o600,
        "signing_key": 0o600,
        "prompts": 0o755,
    }.items():
        assert stat.S_IMODE(config.path(name).stat().st_mode) == mode, name
    assert stat.S_IMODE((home / "consentline.toml").stat().st_mode) == 0o600
    extensions = (home / "asterisk" / "extensions.conf").read_text(encoding="utf-8")
    assert str(config.path("spool")) in extensions
    assert stat.S_IMODE((home / "asterisk" / "manager.conf").stat().st_mode) == 0o640
    assert config.asterisk.ari_password in (home / "asterisk" / "ari.conf").read_text(encoding="utf-8")
    with closing(Db.open_to_read(config.path("database"), clock=SystemClock())) as db:
        assert settings.get(db, "tag_key") is not None
        grants = reading_keys.held_by(db, "anna")
        keyring = Keyring.open(person_keys.get(db, "anna").slot, PASSPHRASE, map(GrantWire.of, grants))
        signer = log_keys.key_in_use(db)
        known = {key.role: key.public for key in reading_keys.reading_keys(db)}
    assert [(grant.role, grant.is_custodian) for grant in grants] == [
        ("coach", True),
        ("head", True),
        ("privacy_officer", True),
    ]
    assert {keyring.half(public.key_id).public for public in known.values()} == set(known.values())
    expected = ("coach", "head", "privacy_officer")
    assert signer is not None
    assert ended.out.splitlines() == [
        f"ledger\t{signer.text}",
        *(f"eindhoven\t{role}\t{known[RoleName(role)].fingerprint}" for role in expected),
    ]
    assert "consentline prompts build" in ended.err


def test_two_installations_never_share_a_password(init: Init, home: Path, eindhoven_file: Path) -> None:
    init("--policy", eindhoven_file)
    asterisk = load_config(home / "consentline.toml").asterisk
    assert asterisk.ari_password != asterisk.ami_password
    assert len(asterisk.ari_password) == 48


def test_passwords_of_users_that_are_there_come_from_the_environment(
    init: Init, home: Path, eindhoven_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSENTLINE_AMI_PASSWORD", "the-one-in-manager-conf")
    init("--policy", eindhoven_file)
    asterisk = load_config(home / "consentline.toml").asterisk
    assert asterisk.ami_password == "the-one-in-manager-conf"


def test_init_overwrites_nothing(init: Init, home: Path, eindhoven_file: Path) -> None:
    init("--policy", eindhoven_file)
    before = {
        name: (home / name).stat() for name in _everything(home) if not name.startswith("consentline.db")
    }
    one_error(init(), 8, "consentline.toml: is there already", "--policy FILE")
    assert {name: (home / name).stat() for name in before} == before


@pytest.mark.parametrize("what", ["a file in the vault", "a database"])
def test_what_may_be_another_installations_is_left_alone(
    init: Init, home: Path, eindhoven_file: Path, what: str
) -> None:
    foreign = home / ("vault/3f.sealed" if what == "a file in the vault" else "consentline.db")
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"precious")
    before = _everything(home)
    one_error(init("--policy", eindhoven_file), 8, "another installation")
    assert _everything(home) == before
    assert foreign.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--policy", "gone.toml"], 4, "gone.toml: must be a policy file"),
        ([], 3, "must hold at least one policy file"),
        (["--policy", "{broken}"], 3, "retention.recording: must be a period"),
        (["--policy", "{sound}", "--ari-url", "ftp://x"], 3, "asterisk.ari_url"),
        (["--policy", "{sound}", "--ari-user", 'a"b'], 3, "must hold no quote"),
        (["--policy", "{sound}", "--ami-user", "a b"], 3, "ami_user"),
        (["--policy", "{sound}", "--asterisk-group", "no-such-group"], 3, 'no group "no-such-group"'),
    ],
)
def test_an_answer_that_cannot_be_used_leaves_nothing_behind(
    *, init: Init, home: Path, tmp_path: Path, eindhoven_file: Path, words: list[str], code: int, told: str
) -> None:
    broken = tmp_path / "broken.toml"
    text = eindhoven_file.read_text(encoding="utf-8")
    broken.write_text(text.replace('recording = "60d"', 'recording = "0"'), encoding="utf-8")
    named = {"{broken}": str(broken), "{sound}": str(eindhoven_file)}
    one_error(init(*(named.get(word, word) for word in words)), code, told)
    assert not home.exists()
    assert not (tmp_path / "spool").exists()


def test_a_weak_passphrase_is_refused_before_anything_is_made(
    init: Init, home: Path, eindhoven_file: Path
) -> None:
    one_error(init("--policy", eindhoven_file, passphrase="secret"), 5, "passphrase")
    assert not home.exists()


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(
    init: Init, home: Path, tmp_path: Path, eindhoven_file: Path
) -> None:
    home.mkdir()
    (home / "marks").write_text("a file where a folder has to be")
    one_error(init("--policy", eindhoven_file), 7, "marks")
    assert _everything(home) == ["marks"]
    assert not (tmp_path / "spool").exists()


def test_a_second_policy_gets_a_key_of_its_own_and_its_codes_reach_the_features(
    init: Init, home: Path, tmp_path: Path, eindhoven_file: Path
) -> None:
    init("--policy", eindhoven_file)
    text = eindhoven_file.read_text(encoding="utf-8")
    other = tmp_path / "heerde.toml"
    other.write_text(_with_other_numbers(text).replace('"*9"', '"*6"'), encoding="utf-8")
    ended = init("--policy", other)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("heerde\t")
    assert "*6" in (home / "asterisk" / "features.conf").read_text(encoding="utf-8")
    with closing(Db.open_to_read(home / "consentline.db", clock=SystemClock())) as db:
        assert {key.policy for key in reading_keys.reading_keys(db)} == {"eindhoven", "heerde"}
        assert len(reading_keys.held_by(db, "anna")) == 6
        assert len(people.all_people(db)) == 1


def test_whoever_has_a_key_of_their_own_gives_its_passphrase_not_a_new_one(
    init: Init, home: Path, tmp_path: Path, eindhoven_file: Path
) -> None:
    init("--policy", eindhoven_file)
    before = _everything(home)
    other = tmp_path / "heerde.toml"
    other.write_text(_with_other_numbers(eindhoven_file.read_text(encoding="utf-8")), encoding="utf-8")
    one_error(init("--policy", other, passphrase="vier andere woorden hier"), 12, "does not open it")
    assert _everything(home) == before


def test_a_role_that_a_policy_has_got_since_gets_its_key_and_no_other_changes(
    init: Init, home: Path, eindhoven_file: Path
) -> None:
    init("--policy", eindhoven_file)
    inside = home / "policies" / "eindhoven.toml"
    text = inside.read_text(encoding="utf-8")
    inside.write_text(text.replace('via = ["coach"]\n', ""), encoding="utf-8")
    ended = init("--policy", "eindhoven")
    assert ended.code == 0, ended.err
    assert [line.split("\t")[:2] for line in ended.out.splitlines()] == [["eindhoven", "agent"]]
    with closing(Db.open_to_read(home / "consentline.db", clock=SystemClock())) as db:
        assert [key.role for key in reading_keys.reading_keys(db)] == [
            "agent",
            "coach",
            "head",
            "privacy_officer",
        ]


def test_a_policy_by_which_nobody_hears_anything_is_refused(init: Init, home: Path, tmp_path: Path) -> None:
    mute = tmp_path / "kort.toml"
    mute.write_text(SHORT, encoding="utf-8")
    one_error(init("--policy", mute), 8, "kort: must let somebody hear a recording")
    assert not home.exists()


def test_a_policy_that_has_its_key_is_not_given_another(init: Init, home: Path, eindhoven_file: Path) -> None:
    init("--policy", eindhoven_file)
    features = (home / "asterisk" / "features.conf").read_bytes()
    one_error(init("--policy", "eindhoven"), 8, "every role has its reading key already")
    assert (home / "asterisk" / "features.conf").read_bytes() == features


def test_a_second_policy_that_is_broken_changes_nothing(
    init: Init, home: Path, tmp_path: Path, eindhoven_file: Path
) -> None:
    init("--policy", eindhoven_file)
    before = _everything(home)
    clashing = tmp_path / "heerde.toml"
    clashing.write_bytes(eindhoven_file.read_bytes())
    one_error_at_least = init("--policy", clashing)
    assert one_error_at_least.code == 3
    assert "is claimed by" in one_error_at_least.err
    assert _everything(home) == before


def test_without_a_terminal_the_person_has_to_be_given(
    home: Path, eindhoven_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--config", str(home / "consentline.toml"), "init", "--policy", str(eindhoven_file)]
    assert run(words) == 2
    assert "--person: must be given" in capsys.readouterr().err
    assert not home.exists()


def _with_other_numbers(text: str) -> str:
    lines = ['numbers = ["14045"]' if line.startswith("numbers = ") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"
