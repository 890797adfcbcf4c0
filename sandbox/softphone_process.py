"""The process behind `softphone.Softphone`: pjsua2 on one thread, JSON lines on stdin and stdout."""

from __future__ import annotations

import heapq
import itertools
import json
import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pjsua2 as pj

POLL_MS = 10
DIGIT_MS = 100
LEAVE_WITHIN_S = 1.0
MOST_CALLS = 32


class Phone:
    """The endpoint, its accounts and its calls."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.server = settings["server"]
        self.folder = Path(settings["folder"])
        self.name = settings["name"]
        self.voice = settings["voice"]
        self.answer_after_ms: int | None = None
        self.calls: dict[int, Conversation] = {}
        self.numbers = itertools.count(1)
        self.accounts: list[Line] = []
        self.leaving = False
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_numbers = itertools.count()
        self._input = b""
        self.endpoint = _endpoint(self.folder / f"{self.name}.log", settings["codec"])

    def run(self) -> None:
        """Serve until told to quit, or until the parent is gone."""
        while not self.leaving:
            self.endpoint.libHandleEvents(POLL_MS)
            while self._timers and self._timers[0][0] <= _now_ms():
                heapq.heappop(self._timers)[2]()
            for line in self._lines():
                self._obey(json.loads(line))
        self._end_calls()  # a call object left alive would abort the process in libDestroy
        self.endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    def after(self, delay_ms: float, action: Callable[[], None]) -> None:
        """Do something later on this thread."""
        heapq.heappush(self._timers, (_now_ms() + delay_ms, next(self._timer_numbers), action))

    def _lines(self) -> list[bytes]:
        while select.select([0], [], [], 0)[0]:
            chunk = os.read(0, 65536)
            if not chunk:
                self.leaving = True
                break
            self._input += chunk
        *lines, self._input = self._input.split(b"\n")
        return lines

    def _obey(self, message: dict[str, Any]) -> None:
        number, command = message.pop("id"), message.pop("do")
        conversation = self.calls.get(message.pop("call", 0))
        try:
            if command in {"register", "call", "quit"}:
                result = getattr(self, f"do_{command}")(**message)
            elif conversation is None:
                raise ValueError("no such call")
            else:
                result = getattr(conversation, f"do_{command}")(**message)
        except (pj.Error, ValueError) as error:
            reason = error.info(False) if isinstance(error, pj.Error) else str(error)
            _tell({"id": number, "error": reason})
        else:
            _tell({"id": number, **(result or {})})

    def do_register(self, user: str, password: str, answer_after_ms: int | None) -> None:
        self.answer_after_ms = answer_after_ms
        config = _account(f"sip:{user}@{self.server}")
        config.regConfig.registrarUri = f"sip:{self.server}"
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        self.accounts.append(Line(self, config))

    def do_call(self, number: str, caller_id: str | None = None, display_name: str = "") -> dict[str, int]:
        if caller_id is None:
            line = next((line for line in self.accounts if line.registers), None)
            if line is None:
                raise ValueError("not registered")
        else:
            quoted = display_name.replace("\\", "\\\\").replace('"', '\\"')
            line = Line(self, _account(f'"{quoted}" <sip:{caller_id}@{self.server}>'))
            self.accounts.append(line)
        conversation = Conversation(self, line)
        conversation.makeCall(f"sip:{number}@{self.server}", pj.CallOpParam(True))
        return {"call": conversation.number}

    def do_quit(self) -> None:
        self.leaving = True

    def _end_calls(self) -> None:
        self.endpoint.hangupAllCalls()
        until = _now_ms() + LEAVE_WITHIN_S * 1000
        while any(not call.ended for call in self.calls.values()) and _now_ms() < until:
            self.endpoint.libHandleEvents(POLL_MS)
        for call in self.calls.values():
            call.close_media()
        self.calls.clear()
        for line in self.accounts:
            line.shutdown()
        self.accounts.clear()


class Line(pj.Account):  # type: ignore[misc]  # pjsua2 has no types
    """An identity: a registered agent, or a caller with a number of its own."""

    def __init__(self, phone: Phone, config: pj.AccountConfig) -> None:
        super().__init__()
        self.phone = phone
        self.registers = bool(config.regConfig.registrarUri)
        self.create(config)

    def onRegState(self, prm: pj.OnRegStateParam) -> None:  # noqa: N802 - pjsua2's name
        if prm.expiration:
            _event("registered", None, code=prm.code, text=prm.reason)

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:  # noqa: N802 - pjsua2's name
        conversation = Conversation(self.phone, self, prm.callId)
        conversation.do_answer(code=180)
        info = conversation.getInfo()
        _event("incoming", conversation.number, text=str(info.remoteUri))
        if self.phone.answer_after_ms is not None:
            self.phone.after(self.phone.answer_after_ms, conversation.answer_if_alive)


class Conversation(pj.Call):  # type: ignore[misc]  # pjsua2 has no types
    """One call, what is said into it and what is heard from it."""

    def __init__(self, phone: Phone, line: Line, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(line, call_id)
        self.phone = phone
        self.number = next(phone.numbers)
        self.ended = False
        self.voice = phone.voice
        self.player: pj.AudioMediaPlayer | None = None
        self.recorder: pj.AudioMediaRecorder | None = None
        phone.calls[self.number] = self

    def do_dtmf(self, digits: str, method: str) -> dict[str, float]:
        prm = pj.CallSendDtmfParam()
        info = method == "info"
        prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if info else pj.PJSUA_DTMF_METHOD_RFC2833
        prm.duration = DIGIT_MS
        prm.digits = digits
        at_ms = _now_ms()
        self.sendDtmf(prm)
        _event("digit_sent", self.number, text=digits)
        return {"at_ms": at_ms}

    def do_say(self, voice: str) -> None:
        self.voice = voice
        self.player = None
        self._speak()

    def do_hold(self) -> None:
        self.setHold(pj.CallOpParam(True))

    def do_unhold(self) -> None:
        prm = pj.CallOpParam(True)
        prm.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.reinvite(prm)

    def do_transfer(self, number: str) -> None:
        self.xfer(f"sip:{number}@{self.phone.server}", pj.CallOpParam(True))

    def do_transfer_to(self, other: int) -> None:
        if other not in self.phone.calls:
            raise ValueError(f"no call {other}")
        self.xferReplaces(self.phone.calls[other], pj.CallOpParam(True))

    def do_answer(self, code: int) -> None:
        prm = pj.CallOpParam(True)
        prm.statusCode = code
        self.answer(prm)

    def do_hangup(self) -> None:
        if not self.ended:
            self.hangup(pj.CallOpParam(True))

    def answer_if_alive(self) -> None:
        """Answer an incoming call whose caller still waits."""
        if not self.ended:
            self.do_answer(code=200)

    def close_media(self) -> None:
        """Stop speaking and complete the WAV of what was heard."""
        self.player = None
        self.recorder = None

    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802 - pjsua2's name
        info = self.getInfo()
        kind = {
            pj.PJSIP_INV_STATE_EARLY: "ringing",
            pj.PJSIP_INV_STATE_CONFIRMED: "confirmed",
            pj.PJSIP_INV_STATE_DISCONNECTED: "disconnected",
        }.get(info.state)
        if kind == "disconnected":
            self.ended = True
            self.close_media()
        if kind is not None:
            _event(kind, self.number, code=info.lastStatusCode, text=info.lastReason)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802 - pjsua2's name
        info = self.getInfo()  # kept: the media are freed together with it
        for medium in info.media:
            if medium.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            if medium.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self._listen(self.getAudioMedia(medium.index))
                self._speak()
                _event("media_active", self.number)
            elif medium.status in {pj.PJSUA_CALL_MEDIA_LOCAL_HOLD, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD}:
                if medium.status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD:
                    self._listen(self.getAudioMedia(medium.index))
                _event("media_held", self.number)

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:  # noqa: N802 - pjsua2's name
        _event("digit_received", self.number, text=prm.digit)

    def onCallTransferStatus(self, prm: pj.OnCallTransferStatusParam) -> None:  # noqa: N802 - pjsua2's name
        _event("transfer_status", self.number, code=prm.statusCode, text=prm.reason)
        if prm.finalNotify and prm.statusCode == 200:
            self.do_hangup()

    def _listen(self, audio: pj.AudioMedia) -> None:
        if self.recorder is None:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(str(self.phone.folder / f"{self.phone.name}-{self.number}.wav"))
            _event("listening", self.number)
        audio.startTransmit(self.recorder)

    def _speak(self) -> None:
        if not self.voice:
            return
        if self.player is None:
            self.player = pj.AudioMediaPlayer()
            self.player.createPlayer(self.voice)
        self.player.startTransmit(self.getAudioMedia(-1))


def _endpoint(log: Path, codec: str) -> pj.Endpoint:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.logConfig.level = 4
    config.logConfig.consoleLevel = 0
    config.logConfig.filename = str(log)
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = MOST_CALLS
    config.uaConfig.userAgent = "sandbox softphone"
    config.medConfig.clockRate = 8000
    config.medConfig.sndClockRate = 8000
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    transport.port = 0
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for known in endpoint.codecEnum2():
        endpoint.codecSetPriority(known.codecId, 255 if known.codecId.startswith(codec) else 0)
    return endpoint


def _account(identity: str) -> pj.AccountConfig:
    config = pj.AccountConfig()
    config.idUri = identity
    media = config.mediaConfig.transportConfig
    media.boundAddress = "127.0.0.1"
    media.port = 0
    return config


def _event(kind: str, call: int | None, *, code: int = 0, text: str = "") -> None:
    _tell({"kind": kind, "call": call, "at_ms": round(_now_ms(), 1), "code": code, "text": text})


def _tell(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def _now_ms() -> float:
    return time.monotonic() * 1000


if __name__ == "__main__":
    # pjsua2 itself prints to stdout while it starts: that descriptor becomes stderr, ours a copy of the pipe.
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    phone = Phone(json.loads(sys.argv[1]))
    phone.run()
