"""Many bare SIP callers at once, with any From that fits on the wire: SIPp, with a scenario of our own.

A softphone is the better caller where keys and audio are judged; SIPp is for numbers of calls and for
names that no softphone would send. It says one WAV, hears nothing, and sends keys by SIP INFO, because
its RFC 4733 player needs raw sockets, that is root.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import soundfile

from sandbox import ports, speech
from sandbox.fetch import SandboxError, Unpacked

KEY_MS = 100
_GRACE_S = 20.0
# Above Asterisk's own ranges, below the kernel's ephemeral ports.
_MEDIA_FIRST = 31_500
_MEDIA_LAST = 32_700


@dataclass(frozen=True, slots=True, kw_only=True)
class BareCall:
    """One call to be made by SIPp.

    Attributes:
        number: Called number.
        caller: The whole value of the From header but its tag, such as `"A, B" <sip:0612345678@127.0.0.1>`.
        keys: Pairs of milliseconds after the answer and one key.
        talk_ms: How long after the answer the caller hangs up.
        headers: Further header lines, such as "Privacy: id".
    """

    number: str
    caller: str = '"Caller" <sip:0612345678@127.0.0.1>'
    keys: tuple[tuple[int, str], ...] = ()
    talk_ms: int = 5000
    headers: tuple[str, ...] = ()


def call_many(
    unpacked: Unpacked,
    server: str,
    calls: Sequence[BareCall],
    folder: Path,
    *,
    voice: Path | None = None,
    per_second: int = 20,
) -> None:
    """Make all calls at once and return when the last has ended as its caller wished.

    Raises:
        SandboxError: a call was not answered, or was ended by the other side.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sound = None
    if voice is not None:
        sound = folder / "voice.alaw"
        samples = speech.read_wav(voice)
        soundfile.write(sound, samples, speech.RATE_HZ, format="RAW", subtype="ALAW")
    groups: dict[tuple[object, ...], list[BareCall]] = {}
    for call in calls:
        own_text = call.caller if _needs_own_sipp(call) else None
        groups.setdefault((call.keys, call.talk_ms, call.headers, own_text), []).append(call)
    with ExitStack() as running:
        started = [
            (
                group,
                running.enter_context(
                    _sipp(unpacked, server, group, folder / f"sipp-{n}", sound=sound, per_second=per_second)
                ),
            )
            for n, group in enumerate(groups.values())
        ]
        failed = [problem for group, process in started if (problem := _outcome(group, process))]
    if failed:
        raise SandboxError("; ".join(failed) + f"; see {folder}")


def scenario(call: BareCall, *, sound: Path | None, caller: str) -> str:
    """Return SIPp's scenario for calls like this one; the number comes from the injection file.

    Args:
        call: Gives keys, length and headers.
        sound: Raw A-law that is said in a loop.
        caller: Where SIPp finds the caller: "[field1]" of the injection file, or a key given to it.
    """
    steps = [_INVITE % {"caller": caller, "headers": "".join(f"      {line}\n" for line in call.headers)}]
    if sound is not None:
        steps.append(f'  <nop><action><exec rtp_stream="{sound},-1,8,PCMA/8000"/></action></nop>')
    at_ms = 0
    for sequence, (key_at_ms, key) in enumerate(sorted(call.keys)):
        steps.append(f'  <pause milliseconds="{max(0, key_at_ms - at_ms)}"/>')
        steps.append(_KEY % {"key": key, "ms": KEY_MS, "caller": caller, "sequence": sequence + 2})
        at_ms = max(at_ms, key_at_ms)
    steps.append(f'  <pause milliseconds="{max(0, call.talk_ms - at_ms)}"/>')
    steps.append(_BYE % {"caller": caller, "sequence": len(call.keys) + 2})
    body = "\n".join(steps)
    return f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="caller">\n{body}\n</scenario>\n'


def _sipp(
    unpacked: Unpacked,
    server: str,
    calls: Sequence[BareCall],
    folder: Path,
    *,
    sound: Path | None,
    per_second: int,
) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    fixed_caller = _needs_own_sipp(calls[0])
    place = "[caller]" if fixed_caller else "[field1]"
    (folder / "scenario.xml").write_text(scenario(calls[0], sound=sound, caller=place))
    lines = [f"{call.number};{'' if fixed_caller else call.caller}" for call in calls]
    (folder / "calls.csv").write_text("\n".join(["SEQUENTIAL", *lines, ""]))
    command = [
        *unpacked.command("usr/bin/sipp"),
        server,
        *("-sf", str(folder / "scenario.xml"), "-inf", str(folder / "calls.csv")),
        *("-m", str(len(calls)), "-l", str(len(calls)), "-r", str(per_second)),
        *("-i", ports.LOOPBACK, "-mi", ports.LOOPBACK, "-ci", ports.LOOPBACK),
        *("-min_rtp_port", str(_MEDIA_FIRST), "-max_rtp_port", str(_MEDIA_LAST)),
        *("-timeout", f"{int(_longest_s(calls))}s", "-timeout_error", "-recv_timeout", "15000"),
        *(("-key", "caller", calls[0].caller) if fixed_caller else ()),
        *("-trace_err", "-error_file", str(folder / "errors.log"), "-nostdin", "-skip_rlimit"),
    ]
    output = (folder / "output").open("w")
    with output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TERM": "dumb"},
            cwd=folder,
        )


def _needs_own_sipp(call: BareCall) -> bool:
    """Tell whether the injection file, lines of fields parted by semicolons, cannot hold this caller."""
    return any(mark in call.caller for mark in ";\r\n")


def _outcome(calls: Sequence[BareCall], process: subprocess.Popen[str]) -> str:
    try:
        code = process.wait(_longest_s(calls) + _GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"SIPp to {calls[0].number} does not end"
    return f"SIPp to {calls[0].number}: not every call went as told (exit code {code})" if code else ""


def _longest_s(calls: Sequence[BareCall]) -> float:
    return max(call.talk_ms for call in calls) / 1000 + _GRACE_S


_INVITE = """\
  <send retrans="500">
    <![CDATA[
      INVITE sip:[field0]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: %(caller)s;tag=[pid]S[call_number]
      To: <sip:[field0]@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:caller@[local_ip]:[local_port]>
      Max-Forwards: 70
%(headers)s      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=- 1 1 IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [rtpstream_audio_port] RTP/AVP 8 101
      a=rtpmap:8 PCMA/8000
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
      a=sendrecv
    ]]>
  </send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rrs="true"/>
  <send>
    <![CDATA[
      ACK [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: %(caller)s;tag=[pid]S[call_number]
      To: <sip:[field0]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0

    ]]>
  </send>"""

_KEY = """\
  <send retrans="500">
    <![CDATA[
      INFO [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: %(caller)s;tag=[pid]S[call_number]
      To: <sip:[field0]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: %(sequence)d INFO
      Max-Forwards: 70
      Content-Type: application/dtmf-relay
      Content-Length: [len]

      Signal=%(key)s
      Duration=%(ms)d
    ]]>
  </send>
  <recv response="200"/>"""

_BYE = """\
  <send retrans="500">
    <![CDATA[
      BYE [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: %(caller)s;tag=[pid]S[call_number]
      To: <sip:[field0]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: %(sequence)d BYE
      Max-Forwards: 70
      Content-Length: 0

    ]]>
  </send>
  <recv response="200"/>"""
