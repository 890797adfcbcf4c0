"""Desks: what can be asked over the control socket, one subject a module.

A desk holds the questions of its subject as pydantic models, and a method for each that
puts it to what does the work. `daemon/control.py` knows who asks, and turns errors into
answers; `daemon/service.py` opens the desks.
"""
