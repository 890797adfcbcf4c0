"""`publish notice`, `publish privacy-statement` and `publish register`."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from daemon.desks.policies import PoliciesDesk
from policy.load import load_policies
from tests.commands.conftest import ROOT, CommandLine, OpenDesk, one_error
from tests.policy.written import SHORT

pytestmark = pytest.mark.exhaustive  # whole command lines: seconds, not milliseconds

NAMES = sorted(path.stem for path in (ROOT / "policies").glob("*.toml"))


@pytest.fixture(autouse=True)
def _all_five(config_file: Path) -> None:
    for name in NAMES:
        file = ROOT / "policies" / f"{name}.toml"
        (config_file.parent / "policies" / file.name).write_bytes(file.read_bytes())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["nl", "en"])
def test_each_of_the_five_is_published_whole(
    command: CommandLine, tmp_path: Path, name: str, language: str
) -> None:
    site = tmp_path / "site" / "privacy"
    made = {
        "notice": ["txt"],
        "privacy-statement": ["html", "md"],
        "register": ["csv", "xlsx"],
    }
    for what, kinds in made.items():
        ended = command("publish", what, name, "--lang", language, "--to", site)
        assert ended.code == 0
        assert ended.err.startswith(f"{name}: made from the file, version ")
        assert "the daemon is not running" in ended.err
        stem = what.partition("-")[0]
        assert ended.out.splitlines() == [str(site / f"{name}-{stem}-{language}.{kind}") for kind in kinds]
        assert all(Path(line).stat().st_size > 200 for line in ended.out.splitlines())
    assert sorted(path.suffix for path in site.iterdir()) == [".csv", ".html", ".md", ".txt", ".xlsx"]


def test_without_a_folder_it_goes_to_stdout_in_dutch(command: CommandLine) -> None:
    assert command("publish", "notice", "heerde").out.startswith("Spreektekst van gemeente Heerde\n")
    assert command("publish", "privacy-statement", "heerde").out.startswith("# Privacyverklaring: ")
    html = command("publish", "privacy-statement", "heerde", "--html").out
    assert html.startswith('<!DOCTYPE html>\n<html lang="nl">')
    head, row = csv.reader(io.StringIO(command("publish", "register", "heerde").out))
    assert len(head) == len(row)
    assert head[0] == "Verwerking"


def test_a_second_run_replaces_the_first(command: CommandLine, config_file: Path, tmp_path: Path) -> None:
    words = ["publish", "privacy-statement", "heerde", "--to", tmp_path / "site"]
    command(*words)
    page = tmp_path / "site" / "heerde-privacy-nl.html"
    assert "7 dagen" in page.read_text(encoding="utf-8")
    policy = config_file.parent / "policies" / "heerde.toml"
    policy.write_text(
        policy.read_text(encoding="utf-8").replace('recording = "7d"', 'recording = "5d"'), "utf-8"
    )
    assert command(*words).code == 0
    assert "7 dagen" not in page.read_text(encoding="utf-8")
    assert "5 dagen" in page.read_text(encoding="utf-8")
    assert not [path for path in (tmp_path / "site").iterdir() if path.name.startswith(".")]


def test_the_workbook_is_one(command: CommandLine, tmp_path: Path) -> None:
    command("publish", "register", "rvo", "--to", tmp_path)
    with zipfile.ZipFile(tmp_path / "rvo-register-nl.xlsx") as book:
        assert book.testzip() is None


@pytest.mark.parametrize("what", ["notice", "privacy-statement", "register"])
def test_a_policy_that_is_not_served_is_not_published(command: CommandLine, what: str) -> None:
    one_error(command("publish", what, "nowhere"), 4, 'no policy "nowhere"')


@pytest.mark.parametrize("what", ["notice", "privacy-statement", "register"])
def test_a_language_that_the_policy_lacks_ends_with_three_and_names_every_text(
    command: CommandLine, config_file: Path, what: str
) -> None:
    policy = config_file.parent / "policies" / "heerde.toml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("description.en = ", "description.de = "), encoding="utf-8")
    ended = command("publish", what, "heerde", "--lang", "en")
    assert (ended.code, ended.out) == (3, "")
    assert "heerde.toml: purposes.quality.description.en: must be there" in ended.err
    assert "heerde.toml: holds.reasons.threat.description.en: must be there" in ended.err
    assert command("publish", what, "heerde", "--lang", "nl").code == 0


def test_another_language_and_a_format_twice_are_usage_errors(command: CommandLine, tmp_path: Path) -> None:
    assert command("publish", "notice", "heerde", "--lang", "fr").code == 2
    assert command("publish", "privacy-statement", "heerde", "--html", "--to", tmp_path).code == 2


def test_a_folder_that_cannot_be_made_ends_with_seven(command: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    ended = command("publish", "notice", "heerde", "--to", tmp_path / "file" / "site")
    assert ended.code == 7
    assert ended.err.splitlines()[-1].startswith("Error: ")
    assert "cannot be written" in ended.err


def test_what_is_published_is_what_runs_and_not_the_draft_beside_it(
    command: CommandLine, config_file: Path, open_desk: OpenDesk
) -> None:
    folder = config_file.parent / "policies"
    runs = load_policies(folder)
    open_desk(PoliciesDesk(runs).routes())
    whole = command("publish", "privacy-statement", "heerde")
    assert whole.err == ""
    for draft in ("3d", "0d"):  # a sound draft, and a broken one
        text = runs.texts[runs.named("heerde").content_hash].decode()
        (folder / "heerde.toml").write_text(text.replace('"7d"', f'"{draft}"', 1), encoding="utf-8")
        ended = command("publish", "privacy-statement", "heerde")
        assert ended.code == 0
        assert ended.out == whole.out
        assert f"heerde: made from version {runs.named('heerde').content_hash[:12]}, which runs" in ended.err
        assert "the file beside the config file is another" in ended.err
    (folder / "heerde.toml").unlink()
    ended = command("publish", "register", "heerde")
    assert (ended.code, "config file is gone" in ended.err) == (0, True)
    (folder / "nieuw.toml").write_text(SHORT, encoding="utf-8")
    one_error(command("publish", "notice", "nieuw"), 4, 'no policy "nieuw" runs', "heerde")


def test_a_list_says_which_file_is_in_force(
    command: CommandLine, config_file: Path, open_desk: OpenDesk
) -> None:
    def in_force() -> dict[str, str]:
        return {row["name"]: row["in_force"] for row in json.loads(command("policy", "list", "--json").out)}

    assert set(in_force().values()) == {"unknown"}
    open_desk(PoliciesDesk(load_policies(config_file.parent / "policies")).routes())
    assert set(in_force().values()) == {"yes"}
    heerde = config_file.parent / "policies" / "heerde.toml"
    heerde.write_text(heerde.read_text(encoding="utf-8") + "\n# a draft\n", encoding="utf-8")
    assert [name for name, answer in in_force().items() if answer == "no"] == ["heerde"]
