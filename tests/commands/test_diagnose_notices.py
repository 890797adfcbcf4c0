"""What doctor says of notices: nobody told, no address, all well."""

from __future__ import annotations

from commands.doctor.diagnosis import Verdict
from commands.doctor.notices import notice_checks, told
from policy.load import load_policy
from policy.notify import Notify
from tests.conftest import ROOT

GRONINGEN = load_policy(ROOT / "policies" / "groningen.toml")
NUNSPEET = load_policy(ROOT / "policies" / "nunspeet.toml")


def test_without_notify_it_says_that_nobody_is_told() -> None:
    (check,) = notice_checks(Notify(), [GRONINGEN])
    assert check.verdict is Verdict.NOTE
    assert "nobody is told" in check.found


def test_a_role_without_an_address_is_a_problem_that_names_it() -> None:
    notify = Notify.model_validate(
        {
            "sendmail": "/usr/sbin/sendmail",
            "sender": "c@groningen.example",
            "recipients": [
                {"policy": "groningen", "role": role, "address": "kcc@groningen.example"}
                for role in ("head", "privacy_officer", "fg")
            ],
        }
    )
    (check,) = notice_checks(notify, [GRONINGEN])
    assert (check.verdict, check.found) == (Verdict.PROBLEM, "no address of the counsel of groningen")


def test_a_command_is_told_of_every_role() -> None:
    (check,) = notice_checks(Notify(command=("/usr/local/bin/notify",)), [GRONINGEN, NUNSPEET])
    assert check.verdict is Verdict.OK
    assert told(NUNSPEET) == ("privacy_officer", "fg", "counsel")
