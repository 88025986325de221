"""How outputs are set up. In: nothing. Out: frozen values; the configuration makes them, `dispatcher` uses them."""

from __future__ import annotations

from dataclasses import dataclass, field

ORDER = ("file", "stdout", "syslog", "program", "http")
"""The order in which Falco serves its channels."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Limits of one output. `capacity` 0: only `max_bytes` limits. Times in seconds."""

    capacity: int = 0
    max_bytes: int = 8 << 20
    output_timeout_s: float = 2.0
    retry_delay_max_s: float = 30.0


@dataclass(frozen=True, slots=True)
class FileSettings:
    filename: str
    keep_alive: bool = False


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    ident: str = "falco"
    socket_path: str = "/dev/log"


@dataclass(frozen=True, slots=True)
class ProgramSettings:
    command: str
    keep_alive: bool = False


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """See docs/configuration.md, http_output. Empty strings mean: not given."""

    url: str
    user_agent: str = "falcosecurity/falco"
    insecure: bool = False
    ca_cert: str = ""
    ca_bundle: str = ""
    ca_path: str = "/etc/ssl/certs"
    mtls: bool = False
    client_cert: str = "/etc/ssl/certs/client.crt"
    client_key: str = "/etc/ssl/certs/client.key"
    echo: bool = False
    compress_uploads: bool = False
    keep_alive: bool = False
    max_consecutive_timeouts: int = 5
    json_output: bool = False
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class OutputsSettings:
    """`None`: not enabled. `at_least_once` names the outputs whose acceptance a page waits for.

    These keep what their receiver does not take in `spool_dir`, at most `spool_bytes` for each; without a directory, or
    with 0 bytes, only in memory.
    """

    stdout: bool = False
    file: FileSettings | None = None
    syslog: SyslogSettings | None = None
    program: ProgramSettings | None = None
    http: HttpSettings | None = None
    at_least_once: frozenset[str] = frozenset({"http"})
    dead_letter_dir: str = ""
    spool_dir: str = ""
    spool_bytes: int = 256 << 20
    queue: QueueSettings = field(default_factory=QueueSettings)

    @property
    def enabled(self) -> tuple[str, ...]:
        """Names in the order of `ORDER`."""
        present = {
            "file": self.file is not None,
            "stdout": self.stdout,
            "syslog": self.syslog is not None,
            "program": self.program is not None,
            "http": self.http is not None,
        }
        return tuple(name for name in ORDER if present[name])
