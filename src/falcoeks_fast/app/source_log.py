"""Messages of the poller's sources to the program's log."""

from __future__ import annotations

import logging

from falcoeks_fast.poller.messages import Message

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_log = logging.getLogger("falcoeks_fast.source")


def to_log(message: Message) -> None:
    where = f"cluster {message.cluster}: " if message.cluster else ""
    _log.log(_LEVELS[message.level], "%s%s", where, message.text)
