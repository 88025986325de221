"""The EKS mix: audit events in the proportions, sizes and shapes of a real EKS cluster, from a seed.

In: a seed, a number of events, a rate. Out: events as bytes, JSON lines, or bodies of FilterLogEvents pages as AWS
writes them. Called by the benchmarks, the demo, the tests, and as a program:

    python -m falcoeks_fast.bench.mix --events 200000 --form pages --out DIR
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from time import gmtime, strftime

from falcoeks_fast.bench.mix_cluster import SimulatedCluster
from falcoeks_fast.bench.mix_event import Template
from falcoeks_fast.bench.mix_templates import build

START_MS = 1_795_000_000_000  # 2026-11-18T11:06:40Z
PAGE_LIMIT_BYTES = 1_048_576
PAGE_LIMIT_EVENTS = 10_000
STREAMS = 3
BATCH = 4096


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A message with what CloudWatch Logs adds to it. `message` is escaped if the mix was asked for that."""

    event_id: str
    log_stream: str
    timestamp_ms: int
    ingestion_ms: int
    message: bytes


class Mix:
    """An endless log; two of the same seed give the same events."""

    def __init__(self, seed: int = 1, *, start_ms: int = START_MS, events_per_second: float = 400.0) -> None:
        self._rng = random.Random(seed)
        self._log_rng = random.Random(~seed)  # apart, so that the events are the same in every form
        self.cluster = SimulatedCluster(seed)
        weighted = build(self.cluster)
        self._templates = [template for _, template in weighted]
        self._weights = list(accumulate(weight for weight, _ in weighted))
        self._now_us = start_ms * 1000
        self._gap_us = 1_000_000 / events_per_second
        self._second = -1
        self._second_text = b""
        self._count = 0
        self.streams = [f"kube-apiserver-audit-{self._rng.getrandbits(128):032x}" for _ in range(STREAMS)]

    def draw(self) -> Iterator[Template]:
        """Templates in the proportions of the mix."""
        while True:
            yield from self._rng.choices(self._templates, cum_weights=self._weights, k=BATCH)

    def events(self, count: int) -> Iterator[bytes]:
        """`count` events as compact JSON without line end."""
        for template, _ in zip(self.draw(), range(count), strict=False):
            self._advance()
            yield self.render(template, self._now_us)

    def log_events(self, count: int, *, escaped: bool = False) -> Iterator[LogEvent]:
        """The same with ids, streams and times of CloudWatch Logs; `escaped`: messages ready for a JSON string."""
        rng = self._log_rng
        for template, _ in zip(self.draw(), range(count), strict=False):
            self._advance()
            timestamp = self._now_us // 1000
            yield LogEvent(
                event_id=self._event_id(timestamp),
                log_stream=self.streams[rng.getrandbits(8) % STREAMS],
                timestamp_ms=timestamp,
                ingestion_ms=timestamp + 300 + int(rng.random() ** 8 * 20_000),
                message=self.render(template, self._now_us, escaped=escaped),
            )

    def pages(self, count: int) -> Iterator[bytes]:
        """`count` events as FilterLogEvents bodies of at most 1 MiB or 10,000 events; the last has no nextToken."""
        yield from pages(self.log_events(count, escaped=True), self._log_rng)

    def render(self, template: Template, stage_us: int, *, escaped: bool = False) -> bytes:
        """One event from a template, ending its stage at `stage_us` (us since the epoch)."""
        bits = f"{self._rng.getrandbits(128):032x}"
        audit_id = f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-8{bits[17:20]}-{bits[20:]}".encode()
        received_us = stage_us - int(self._rng.random() * template.latency_us)
        return template.fill(audit_id, self._stamp(received_us), self._stamp(stage_us), escaped=escaped)

    def _advance(self) -> None:
        self._now_us += int(self._rng.expovariate(1.0) * self._gap_us) + 1

    def _event_id(self, timestamp_ms: int) -> str:
        self._count += 1
        return f"3{timestamp_ms:013d}{self._count:021d}{self._log_rng.getrandbits(69):021d}"

    def _stamp(self, at_us: int) -> bytes:
        second, rest = divmod(at_us, 1_000_000)
        if second != self._second:
            self._second = second
            self._second_text = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second)).encode()
        return b"%b.%06dZ" % (self._second_text, rest)


def pages(events: Iterator[LogEvent], rng: random.Random) -> Iterator[bytes]:
    """Bodies of FilterLogEvents from escaped log events, in the key order of the service."""
    rows: list[bytes] = []
    size = 0
    for event in events:
        row = b'{"eventId":"%b","ingestionTime":%d,"logStreamName":"%b","message":"%b","timestamp":%d}' % (
            event.event_id.encode(),
            event.ingestion_ms,
            event.log_stream.encode(),
            event.message,
            event.timestamp_ms,
        )
        if rows and (size + len(row) > PAGE_LIMIT_BYTES - 512 or len(rows) == PAGE_LIMIT_EVENTS):
            yield _page(rows, f"Bxkq{rng.getrandbits(512):0128x}/{rng.getrandbits(256):064x}_f")
            rows, size = [], 0
        rows.append(row)
        size += len(row) + 1
    yield _page(rows, "")


def _page(rows: list[bytes], token: str) -> bytes:
    tail = b'"nextToken":"%b",' % token.encode() if token else b""
    return b'{"events":[' + b",".join(rows) + b"]," + tail + b'"searchedLogStreams":[]}'


def main(arguments: list[str] | None = None) -> int:
    """Write the mix to files: `events.jsonl`, or `page-00000.json` and so on."""
    parser = argparse.ArgumentParser(prog="python -m falcoeks_fast.bench.mix", description="Generate the EKS mix.")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=400.0, help="events per second of the simulated cluster")
    parser.add_argument("--start", type=int, default=START_MS, help="time of the first event, ms since the epoch")
    parser.add_argument("--form", choices=("lines", "pages"), default="lines")
    parser.add_argument("--out", type=Path, help="a directory; without it, lines go to standard output")
    options = parser.parse_args(arguments)
    mix = Mix(options.seed, start_ms=options.start, events_per_second=options.rate)
    if options.out is None:
        if options.form == "pages":
            parser.error("--form pages needs --out DIR")
        sys.stdout.buffer.writelines(event + b"\n" for event in mix.events(options.events))
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    if options.form == "lines":
        with (options.out / "events.jsonl").open("wb") as file:
            file.writelines(event + b"\n" for event in mix.events(options.events))
    else:
        for number, body in enumerate(mix.pages(options.events)):
            (options.out / f"page-{number:05d}.json").write_bytes(body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
