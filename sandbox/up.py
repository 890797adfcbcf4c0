"""`python -m sandbox.up`: Asterisk and the daemon, left running for anybody's softphone or SIPp."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from sandbox.fetch import SandboxError, fetch, sandbox_folder
from sandbox.site import Site


def site_folder() -> Path:
    """Return where the site of `make sandbox-up` lies."""
    return sandbox_folder() / "site"


def main() -> int:
    """Bring up what does not run yet, write `.sandbox/env`, and say where to call."""
    try:
        unpacked = fetch()
        site = Site(site_folder(), unpacked)
        site.start_asterisk()
        if site.daemon_pid() is None:
            site.start_daemon()
        version = site.asterisk.version()
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    environment = sandbox_folder() / "env"
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in site.facts().items()]
    environment.touch(mode=0o600)
    environment.write_text("".join(lines))
    address = site.asterisk.sip_address()
    print(f"Asterisk {version} and consentline run; everything on loopback.")
    print(f"Call     sip:14040@{address}    asked, may refuse with 1, then an agent who speaks")
    print(f"         sip:14050@{address}    told only")
    print(f"         sip:14030@{address}    asked to accept with 2")
    print(
        f"         sip:en14040@{address}  in English; also fr, agi, slow, twice, phones, dial, limit, plain"
    )
    print(f"Agents   agent1 .. agent4 at {address}, password in {environment}")
    print(f"Details  {environment}")
    print("Stop     make sandbox-down")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
