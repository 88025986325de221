"""Holds back repeats of alerts (`falcoeks.suppress`).

In: batches on their way to the outputs. Out: batches without repeats; when a window ends, how many there were. Called
by `delivery`, and by the main loop for windows that end. Nothing is held back that no output was given before: the
first alert of a window always goes out, also when its page is read again.

Memory is bounded: at most `limit` windows; when there are more, the oldest one ends early.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from falcoeks_fast.config.model import SuppressEntry
from falcoeks_fast.engine.internal_alerts import FieldValue
from falcoeks_fast.engine.outputs.parcel import NativeAlert, NativeBatch

from .suppress_keys import ANY_RULE, KeyStyle, Values

_LIMIT = 20_000
_VALUE_SHOWN = 200


@dataclass(frozen=True, slots=True)
class HeldBackRepeats:
    """A window that ended. `fields`: (field, value) of what its alerts have in common. `early`: for lack of memory."""

    rule: str
    fields: tuple[tuple[str, str], ...]
    count: int
    lasted_s: float
    early: bool = False

    @property
    def text(self) -> str:
        by = ", ".join(f"{name}={value}" for name, value in self.fields)
        noun = "repeat" if self.count == 1 else "repeats"
        early = ", ended early for lack of memory" if self.early else ""
        return (
            f"{self.count} {noun} of rule '{self.rule}'{f' with {by}' if by else ''} held back in "
            f"{self.lasted_s:.0f} s{early}"
        )

    @property
    def output_fields(self) -> dict[str, FieldValue]:
        fields: dict[str, FieldValue] = dict(self.fields)
        return fields | {"falcoeks.rule": self.rule, "falcoeks.held_back": self.count}


@dataclass(slots=True)
class _Window:
    first_id: str
    started: float
    fields: tuple[tuple[str, str], ...]
    rule: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class _Shown:
    """Implements `NativeAlert`."""

    body: bytes
    rule_index: int
    id: str


@dataclass(slots=True)
class Kept:
    """A batch without repeats; implements `NativeBatch`."""

    alerts: list[NativeAlert] = field(default_factory=list)
    repeats: list[_Window] = field(default_factory=list)

    @property
    def alert_count(self) -> int:
        return len(self.alerts)

    @property
    def text(self) -> bytes:
        return b"".join(alert.body + b"\n" for alert in self.alerts)

    def alert(self, index: int) -> NativeAlert:
        return self.alerts[index]

    @property
    def held_back(self) -> int:
        return len(self.repeats)


class Suppressor:
    """Thread-safe."""

    def __init__(
        self,
        entries: Sequence[SuppressEntry],
        style: KeyStyle,
        *,
        limit: int = _LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries = tuple(entries)
        self._style = style
        self._limit = max(1, limit // max(1, len(self._entries)))
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: list[OrderedDict[bytes, _Window]] = [OrderedDict() for _ in self._entries]
        self._ended: list[HeldBackRepeats] = []

    def is_like(self, other: Suppressor | None) -> bool:
        """Whether it holds back the same."""
        return other is not None and (self._entries, self._style) == (other._entries, other._style)

    def filtered(self, batch: NativeBatch, rules: Sequence[str], is_old: Callable[[str], bool]) -> Kept:
        """`rules`: names by rule index. `is_old`: whether an alert was delivered before and only comes once more."""
        kept = Kept()
        with self._lock:
            self._end_windows()
            for index in range(batch.alert_count):
                alert = batch.alert(index)
                number = self._entry_of(rules[alert.rule_index])
                if number is None:
                    kept.alerts.append(alert)
                    continue
                entry = self._entries[number]
                body, values = self._style.split(alert.body, entry.by)
                window = None
                if not is_old(alert.id):
                    window = self._repeated(number, rules[alert.rule_index], values, alert.id)
                if window is None:
                    kept.alerts.append(_Shown(body, alert.rule_index, alert.id))
                else:
                    window.count += 1
                    kept.repeats.append(window)
        return kept

    def take_back(self, kept: Kept) -> None:
        """The page of these alerts will be read again: its repeats will be counted then."""
        with self._lock:
            for window in kept.repeats:
                window.count -= 1

    def ended(self) -> list[HeldBackRepeats]:
        """Windows that have ended since the last call and held something back."""
        with self._lock:
            self._end_windows()
            ended, self._ended = self._ended, []
            return ended

    def end_all(self) -> list[HeldBackRepeats]:
        """End all windows now."""
        with self._lock:
            for windows in self._windows:
                while windows:
                    self._end(windows, early=False)
            ended, self._ended = self._ended, []
            return ended

    def _entry_of(self, rule: str) -> int | None:
        """The entry for a rule; one that names it goes before `*`."""
        for wanted in (rule, ANY_RULE):
            for number, entry in enumerate(self._entries):
                if entry.rule == wanted:
                    return number
        return None

    def _repeated(self, number: int, rule: str, values: Values, alert_id: str) -> _Window | None:
        """The window that the alert repeats into; None if it opens one, or is the one that did."""
        windows = self._windows[number]
        key = _digest((rule, *values))
        window = windows.get(key)
        if window is not None:
            return None if window.first_id == alert_id else window
        if len(windows) >= self._limit:
            self._end(windows, early=True)
        by = self._entries[number].by
        shown = tuple((name, value[:_VALUE_SHOWN]) for name, value in zip(by, values, strict=False))
        windows[key] = _Window(alert_id, self._clock(), shown, rule)
        return None

    def _end_windows(self) -> None:
        now = self._clock()
        for entry, windows in zip(self._entries, self._windows, strict=True):
            while windows and now - next(iter(windows.values())).started >= entry.window_s:
                self._end(windows, early=False)

    def _end(self, windows: OrderedDict[bytes, _Window], *, early: bool) -> None:
        _, window = windows.popitem(last=False)
        if window.count > 0:
            lasted_s = self._clock() - window.started
            self._ended.append(HeldBackRepeats(window.rule, window.fields, window.count, lasted_s, early))


def _digest(parts: Sequence[str]) -> bytes:
    """Of texts of any length: 16 bytes; different lists of texts have different ones."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little") + data)
    return state.digest()
