"""What a person does with their own key, in their own process: make it, and change its passphrase."""

from __future__ import annotations

from base64 import b64encode

from commands.identity.keyring import Asking, prove
from policy.clock import Randomness
from store.keyring.key_wire import SlotWire, to_json
from store.keys import check_passphrase, make_private_half, make_slot


def enrol_person(daemon: Asking, person: str, passphrase: str, *, randomness: Randomness) -> str:
    """Make somebody's own key and have its public half and slot stored; return its fingerprint.

    Raises:
        PassphraseTooWeak: If it could be guessed.
        NotFound: If there is no such person.
        StateConflict: If they have a key.
        AccessRefused: If this login may not be that person.
        ConsentlineError: If the daemon cannot be asked.
    """
    private = make_private_half(randomness)
    slot = make_slot(private, person=person, passphrase=passphrase, randomness=randomness)
    question = {
        "public_half": b64encode(private.public.data).decode("ascii"),
        "slot": to_json(SlotWire.of(slot)),
    }
    daemon.ask_object("POST", "/keys/enrol", question)
    return private.public.fingerprint


def change_passphrase(daemon: Asking, person: str, old: str, new: str, *, randomness: Randomness) -> None:
    """Put somebody's key under another passphrase; the old one is proven first.

    Raises:
        PassphraseTooWeak: If the new one could be guessed; nothing was asked then.
        WrongPassphrase: If the old one does not open the slot.
        NotFound: If there is no such person, or they have no key.
        AccessRefused: If this login may not be that person.
        ConsentlineError: If the daemon cannot be asked.
    """
    check_passphrase(new)
    proven = prove(daemon, person, old)
    slot = make_slot(proven.keyring.private, person=person, passphrase=new, randomness=randomness)
    daemon.ask_object("POST", "/keys/passphrase", {"proof": proven.proof, "slot": to_json(SlotWire.of(slot))})
