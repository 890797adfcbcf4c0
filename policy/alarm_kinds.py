"""Every kind of alarm: what it means, what a person does about it, and how it ends.

The kinds are raised in several places (`ivr.effects.AlarmKind`, `recorder.ports.AlarmKind`, the store, the
daemon's jobs); here they stand together, because the operator has one list to look at. The endings are no
prose: what ends by itself is ended by asking this table (`ended_by`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Ending(Enum):
    """What shows that the cause of an alarm is over; its value is how it is told."""

    PLAYED = "that notice is played to its end"
    READY = "a recording may start again"
    CONNECTED = "Asterisk is reached again, by each of its interfaces"
    SEALED = "the recording is sealed"
    GONE = "the recording is gone"
    FOUND = "the sealed file is back, byte for byte"
    CALL_ENDED = "the call is over"
    SWEPT = "a sweep finds it no more"
    STARTED = "the daemon starts anew"
    JOB_DONE = "the job runs to its end"
    PURGED = "a purge leaves nothing behind"
    DELIVERED = "every target has every checkpoint"
    VAULT_BACK = "the vault host is there again"
    CLOCK_AGREES = "the clocks agree again, or somebody vouches for the clock"


_BY_SUBJECT = frozenset(
    {Ending.PLAYED, Ending.SEALED, Ending.GONE, Ending.FOUND, Ending.CALL_ENDED, Ending.SWEPT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What an operator has to know of one kind.

    Attributes:
        kind: As it is stored and shown.
        meaning: What happened.
        advice: What to do.
        ends: What ends it by itself; nothing: a person settles it, as any alarm can be settled.
    """

    kind: str
    meaning: str
    advice: str
    ends: tuple[Ending, ...] = ()


GUIDES = (
    # ---------------------------------------------------------------- the gate
    Guide(
        kind="opening_failed",
        meaning="a call could not be put on record; it went on unrecorded",
        advice="look at database and disk; without a reading key: `consentline init --policy NAME`",
    ),
    Guide(
        kind="policy_conflict",
        meaning="number dialled and policy named in the dialplan disagree; nothing was recorded",
        advice="correct the argument of `Gosub(consentline,s,1(NAME))`, or `numbers` of the policy",
    ),
    Guide(
        kind="notice_unfit",
        meaning="a notice is missing or not what was attested; its callers go on unrecorded",
        advice="`consentline prompts check`, then `prompts build`",
        ends=(Ending.PLAYED,),
    ),
    Guide(
        kind="notice_incomplete",
        meaning="a notice did not play to its end; the call went on unrecorded",
        advice="once: nothing; again and again: look at the audio file and at Asterisk's log",
        ends=(Ending.PLAYED,),
    ),
    Guide(
        kind="connection_lost",
        meaning="events were lost while callers were asked; they went on unrecorded",
        advice="see that Asterisk runs; look for its restart in its log",
        ends=(Ending.CONNECTED,),
    ),
    Guide(
        kind="recorder_not_ready",
        meaning="no room in spool or vault, or tapes out of control; calls go on unrecorded",
        advice="free space below `paths.spool` and `paths.vault`; see that AMI is reached",
        ends=(Ending.READY,),
    ),
    Guide(
        kind="storing_failed",
        meaning="a decision could not be stored; the call went on unrecorded",
        advice="look at database and disk",
    ),
    Guide(
        kind="effect_failed",
        meaning="something was not done for a call; in doubt it was not recorded",
        advice="read the text; look in the daemon's log for the call",
    ),
    Guide(
        kind="continue_failed",
        meaning="Asterisk did not send a call onward; the plain way was tried, then the dead-man switch",
        advice="look in Asterisk's log; is the rendered `extensions.conf` loaded?",
    ),
    Guide(
        kind="withdrawal_failed",
        meaning="a withdrawal at the gate was not carried out yet",
        advice="`consentline withdraw CALL`; look at vault, epoch folder and database",
        ends=(Ending.GONE,),
    ),
    Guide(
        kind="confirmation_failed",
        meaning="a recording is gone as asked, but the parties did not hear so",
        advice="`consentline prompts check`",
    ),
    Guide(
        kind="caller_freed",
        meaning="a call stood at the gate unseen and was sent onward unrecorded",
        advice="once after a restart: nothing; else look why the daemon was away",
    ),
    Guide(
        kind="gate_misused",
        meaning="a channel entered the Stasis application by another dialplan",
        advice="let only `Gosub(consentline,s,1)` lead to it",
    ),
    Guide(
        kind="session_failed",
        meaning="a bug cost one call its recording",
        advice="report it, with the traceback from the daemon's log",
    ),
    # ---------------------------------------------------------------- the recorder
    Guide(
        kind="capture_not_started",
        meaning="Asterisk said yes, but no files came",
        advice="may Asterisk write in `paths.spool`? is MixMonitor loaded? `consentline doctor`",
    ),
    Guide(
        kind="capture_stalled",
        meaning="parties spoke and a file did not grow",
        advice="look at the spool's space and at Asterisk's log",
    ),
    Guide(
        kind="capture_ended_early",
        meaning="a tape ended before its call, nobody knows why; the recording was dropped",
        advice="look who stops MixMonitor: another dialplan, another AMI user",
    ),
    Guide(
        kind="capture_lost",
        meaning="parties spoke and nothing was ever written",
        advice="as with `capture_not_started`",
    ),
    Guide(
        kind="capture_damaged",
        meaning="the files of a capture cannot be read; they are kept in the spool until due",
        advice="look what wrote there; withdraw the recording if nobody needs it",
        ends=(Ending.SEALED, Ending.GONE),
    ),
    Guide(
        kind="legs_uneven",
        meaning="one party's side is shorter; it ends in silence",
        advice="once: nothing; often: look at the load of the machine",
    ),
    Guide(
        kind="writer_not_closed",
        meaning="the call is over and Asterisk still held the files",
        advice="once: nothing; again: does Asterisk hang?",
        ends=(Ending.SEALED, Ending.GONE),
    ),
    Guide(
        kind="sealing_failed",
        meaning="a capture could not be sealed; it waits in the spool and is tried again every five minutes",
        advice="look at vault, epoch folder and disk; then `consentline finalise`",
        ends=(Ending.SEALED, Ending.GONE),
    ),
    Guide(
        kind="withdrawal_unfinished",
        meaning="a withdrawn recording is not gone yet; it is tried again",
        advice="look at spool, vault and epoch folder; then `consentline sweep`",
        ends=(Ending.GONE,),
    ),
    Guide(
        kind="tape_runs_on",
        meaning="a tape that has to stop could not be stopped; it is asked on",
        advice="see that AMI is reached; in need end the call",
        ends=(Ending.CALL_ENDED,),
    ),
    Guide(
        kind="pause_not_muted",
        meaning="an agent paused a recording and the tape could not be muted; what was said lies in the spool"
        " until it is sealed, as silence",
        advice="see that AMI is reached and that its user has `write = call`",
        ends=(Ending.SEALED, Ending.GONE),
    ),
    Guide(
        kind="controller_lost",
        meaning="a recording was dropped: the daemon could not see whether somebody said stop",
        advice="as with `connection_lost`",
        ends=(Ending.CONNECTED,),
    ),
    Guide(
        kind="foreign_tape",
        meaning="somebody else recorded a call of the gate; where nobody may, it was stopped",
        advice="find it: dialplan, Queue(), another program with AMI or ARI",
    ),
    Guide(
        kind="spool_unwatched",
        meaning="the kernel does not tell of the spool's files; a tape that ends is seen later",
        advice="raise `fs.inotify.max_user_watches`; restart the daemon",
        ends=(Ending.STARTED,),
    ),
    Guide(
        kind="recorder_fault",
        meaning="a bug in work beside the calls",
        advice="report it, with the traceback from the daemon's log",
    ),
    Guide(
        kind="ami_tampered",
        meaning="AMI sent what Asterisk cannot have written: somebody dials line breaks; state is read again",
        advice="match exact numbers before the gate (docs/asterisk.md); find the caller in Asterisk's log",
    ),
    # ---------------------------------------------------------------- the store
    Guide(
        kind="clock_suspect",
        meaning="the wall clock leapt; nothing is purged",
        advice="set the clock right, or `consentline purge --clock-is-right`",
        ends=(Ending.CLOCK_AGREES,),
    ),
    Guide(
        kind="destruction_incomplete",
        meaning="something that had to be gone is still there; each purge tries again",
        advice="read the text: which file, why not; then `consentline purge`",
        ends=(Ending.PURGED,),
    ),
    Guide(
        kind="recording_lost",
        meaning="the bytes or the key of a recording are gone without our doing",
        advice="put the sealed file back from a backup, and `consentline sweep`; else note it as an incident",
        ends=(Ending.FOUND,),
    ),
    Guide(
        kind="vault_away",
        meaning="the vault host is not reached: recordings wait in the spool, destructions for a receipt",
        advice="read the text; run `vault.command` by hand as the daemon's user; `consentline doctor`",
        ends=(Ending.VAULT_BACK,),
    ),
    Guide(
        kind="vault_stranger",
        meaning="a sealed file of no known recording lies in the vault",
        advice="was the database put back from a backup? else remove the file",
        ends=(Ending.SWEPT,),
    ),
    # ---------------------------------------------------------------- the daemon
    Guide(
        kind="mark_unreadable",
        meaning="a file among the marks is none of ours; it was renamed",
        advice="look who writes into `paths.marks`, then remove it",
    ),
    Guide(
        kind="purge_failed",
        meaning="the purge did not run to its end",
        advice="read the text; then `consentline purge`",
        ends=(Ending.JOB_DONE,),
    ),
    Guide(
        kind="finalise_failed",
        meaning="what waits in the spool could not be looked through",
        advice="read the text; then `consentline finalise`",
        ends=(Ending.JOB_DONE,),
    ),
    Guide(
        kind="sweep_failed",
        meaning="the sweep did not run to its end",
        advice="read the text; then `consentline sweep`",
        ends=(Ending.JOB_DONE,),
    ),
    Guide(
        kind="mirror_failed",
        meaning="the second host's epoch keys are not in step: what was destroyed here may still be there",
        advice="read the text; is it mounted? `consentline doctor` says what is missing",
        ends=(Ending.JOB_DONE,),
    ),
    Guide(
        kind="accesses_failed",
        meaning="it could not be put on the ledger that nobody told how an access to a recording ended",
        advice="read the text; the daemon tries again, and at its next start",
        ends=(Ending.JOB_DONE,),
    ),
    Guide(
        kind="checkpoints_failed",
        meaning="no checkpoint of the ledger could be signed, or payloads of the ledger stay past their term",
        advice="read the text; `consentline ledger verify`; is `paths.signing_key` where it was?",
        ends=(Ending.JOB_DONE,),
    ),
    Guide(
        kind="checkpoint_target_behind",
        meaning="a target has not taken the ledger's checkpoints for a quarter of an hour; they wait",
        advice="read the text; see that the target is reached; `consentline doctor` tells how far it is",
        ends=(Ending.DELIVERED,),
    ),
    Guide(
        kind="notices_failed",
        meaning="somebody was not told of an incident, a request or an order; it is tried again",
        advice="read the text; `consentline notices`; tell them yourself; look at `[notify]` in the config",
        ends=(Ending.JOB_DONE,),
    ),
    Guide(
        kind="alarms_failed",
        meaning="it could not be looked which alarms are over",
        advice="read the text; they can be settled by hand",
        ends=(Ending.JOB_DONE,),
    ),
)


def ended_by(ending: Ending) -> tuple[str, ...]:
    """Return the kinds that this ends."""
    return tuple(guide.kind for guide in GUIDES if ending in guide.ends)


def ends_with_its_subject(kind: str) -> bool:
    """Tell whether a kind is over when what it is about is in order, so that this has to be remembered."""
    guide = guide_to(kind)
    return guide is not None and not _BY_SUBJECT.isdisjoint(guide.ends)


def guide_to(kind: str) -> Guide | None:
    """Return what is known of a kind."""
    return next((guide for guide in GUIDES if guide.kind == kind), None)
