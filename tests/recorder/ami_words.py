"""How Asterisk describes a channel in AMI, every header and in its order."""

from __future__ import annotations


def described(channel: str, unique_id: str, *, prefix: str = "", dialled: str = "s") -> str:
    """Return the headers of one channel, each line ended."""
    headers = {
        "Channel": channel,
        "ChannelState": "6",
        "ChannelStateDesc": "Up",
        "CallerIDNum": "0612345678",
        "CallerIDName": "<unknown>",
        "ConnectedLineNum": "<unknown>",
        "ConnectedLineName": "<unknown>",
        "Language": "nl",
        "AccountCode": "",
        "Context": "from-trunk",
        "Exten": dialled,
        "Priority": "1",
        "Uniqueid": unique_id,
        "Linkedid": unique_id,
    }
    return "".join(f"{prefix}{name}: {value}\r\n" for name, value in headers.items())
