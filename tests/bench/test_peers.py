"""The peers give the alerts that we give: a faster wrong answer does not count."""

import shutil
from pathlib import Path

import pytest

from falcoeks_fast.bench.mix import Mix
from falcoeks_fast.bench.peers import __main__ as comparison
from falcoeks_fast.bench.peers.programs import PeerError, jq
from falcoeks_fast.bench.peers.run_python import PEERS
from falcoeks_fast.bench.peers.task import Alert

BODIES = list(Mix(1).pages(1500))
WITHOUT_COMPILER = [name for name in PEERS if name != "falcoeks-fast, compiled"]


def alerts(name: str) -> list[Alert]:
    evaluate = PEERS[name]()
    return sorted(alert for body in BODIES for alert in evaluate(body))


def test_all_three_rules_alert() -> None:
    assert {rule for rule, _ in alerts("boto3 + json")} == {"secret read", "exec into a pod", "refused"}


@pytest.mark.parametrize("name", WITHOUT_COMPILER)
def test_peers_in_python_agree(name: str) -> None:
    assert alerts(name) == alerts("boto3 + json")


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_jq_agrees(tmp_path: Path) -> None:
    for number, body in enumerate(BODIES):
        (tmp_path / f"page-{number}.json").write_bytes(body)
    answer, cpu_s, events = jq(tmp_path)
    assert sorted(answer) == alerts("boto3 + json")
    assert events == 1500
    assert cpu_s > 0


def test_a_wrong_peer_gets_no_ratio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    right: list[Alert] = [("refused", "a"), ("refused", "b")]
    monkeypatch.setattr(comparison, "ask_python", lambda name, folder: (right, 1.0, 10))
    wrong = comparison.compare("fast", lambda folder: (right[:1], 0.001, 10), tmp_path, 3)
    assert wrong.wrong
    assert wrong.ratio is None
    assert wrong.trouble == "other alerts than ours: 1 missing, 0 surplus"
    slow = comparison.compare("slow", lambda folder: (right[::-1], 4.0, 10), tmp_path, 3)
    assert slow.ratio is not None
    assert slow.ratio.median == 4.0


def test_an_absent_peer_says_why(tmp_path: Path) -> None:
    def absent(folder: Path) -> tuple[list[Alert], float, int]:
        raise PeerError("it is not installed")

    pair = comparison.compare("absent", absent, tmp_path, 1)
    assert (pair.trouble, pair.wrong) == ("it is not installed", False)
