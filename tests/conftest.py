"""Lies here so that tests can import the helpers beside it."""

from __future__ import annotations

import signal

# A shell that runs the tests in the background ignores interrupts, and what tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
