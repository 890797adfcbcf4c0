"""What a policy file says more, where agents point out threats and a head decides about them."""

from __future__ import annotations

from typing import Final

THREATS: Final = """
[purposes.safety]
ground = "6(1)(e)"
description.nl = "veilig werken"

[[extensions]]
name = "threat"
indicated_by = "agent"
decided_by = "head"
lasts = "10wd"

[access.roles.agent]
title = "medewerker"
takes_calls = true
source = "art. 1"
[access.roles.head]
title = "hoofd"
source = "art. 1"
[access.grants.threat]
roles = ["head"]
purposes = ["safety"]
actions = ["find", "listen", "register"]
calls = ["flagged"]
incidents = ["threat"]
says = "the head hears a call that was flagged"
source = "art. 1"
"""
