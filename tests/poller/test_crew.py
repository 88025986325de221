"""The threads between two calls: nobody sleeps while there is something to do, and no more are woken than needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from falcoeks_fast.poller.clock import SystemClock
from falcoeks_fast.poller.crew import Crew
from falcoeks_fast.poller.reader import Call

WAIT_S = 10.0


class Tasks:
    """A dispatcher with a plain list of calls and the time of the next one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.waiting: list[Call] = []
        self.next_in_s = 3600.0
        self.asked = 0

    def take(self, _: object) -> Call | float:
        self.asked += 1
        return self.waiting.pop(0) if self.waiting else self.next_in_s

    def has_call(self, _: object) -> bool:
        return bool(self.waiting)


class Shift:
    """Threads that take calls and hold each until they are told to finish it."""

    def __init__(self, threads: int) -> None:
        self.tasks = Tasks()
        self.stopping = threading.Event()
        self.crew = Crew(self.tasks, SystemClock(), self.stopping)  # type: ignore[arg-type]
        self.taken: list[str] = []
        self.finish = threading.Semaphore(0)
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _work(self) -> None:
        while self.crew.next_call() is not None:
            self.taken.append(threading.current_thread().name)
            self.finish.acquire()

    def add(self, count: int = 1, *, tell: bool = True) -> None:
        with self.tasks.lock:
            self.tasks.waiting += [object()] * count  # type: ignore[list-item]
            if tell:
                self.tasks.changed.notify()

    def end(self) -> None:
        self.stopping.set()
        with self.tasks.lock:
            self.crew.dismiss()
        self.finish.release(100)
        for thread in self.threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def test_as_many_calls_as_there_are_threads_go_out_side_by_side() -> None:
    shift = Shift(4)
    assert until(lambda: len(shift.crew._resting) == 3)
    shift.add(6)
    assert until(lambda: len(shift.taken) == 4)
    assert len(set(shift.taken)) == 4
    shift.finish.release(2)
    assert until(lambda: len(shift.taken) == 6)
    shift.end()


def test_who_has_finished_takes_the_next_call_himself() -> None:
    shift = Shift(4)
    assert until(lambda: len(shift.crew._resting) == 3)
    shift.add()
    assert until(lambda: len(shift.taken) == 1)
    for count in range(2, 20):
        shift.add(tell=False)  # nobody is told: only the finisher can find it at once
        shift.finish.release()
        assert until(lambda count=count: len(shift.taken) == count)  # type: ignore[misc]
    assert len(set(shift.taken)) <= 2, "the watch looks by itself once a second"
    shift.end()


def test_a_call_that_is_due_before_the_watch_ends_is_not_missed() -> None:
    shift = Shift(2)
    assert until(lambda: len(shift.crew._resting) == 1)
    shift.add()
    assert until(lambda: len(shift.taken) == 1)
    assert until(lambda: shift.crew._watched_until is not None)
    with shift.tasks.lock:
        shift.tasks.next_in_s = 0.02
    shift.finish.release()  # the finisher sees that something is due soon, and tells the watch
    assert until(lambda: shift.tasks.asked > 10)
    shift.add(tell=False)
    assert until(lambda: len(shift.taken) == 2)
    shift.end()


def test_everybody_goes_home_when_all_is_to_end() -> None:
    shift = Shift(5)
    assert until(lambda: len(shift.crew._resting) == 4)
    shift.end()
    assert not shift.crew._resting
