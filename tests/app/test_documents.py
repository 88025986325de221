"""docs/ and deploy/ say what the program does: keys exist, flags exist, YAML parses, manifests start."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from falcoeks_fast.cli import registry
from falcoeks_fast.cli.options import OPTIONS
from falcoeks_fast.config import load_config
from falcoeks_fast.config.documentation import markdown_table
from falcoeks_fast.config.keys import FALCO_KEYS, KEYS, OWN_KEYS, SYSTEM_CALL_ONLY

from .tools import ROOT, write

DOCUMENTS = ("configuration.md", "deploy.md", "migrating.md")
DEPLOY = ROOT / "deploy"


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a document that are marked with this language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text(name), re.MULTILINE | re.DOTALL)
    return [body for marked, body in found if marked == language]


@pytest.mark.parametrize("keys", [FALCO_KEYS, OWN_KEYS], ids=["falco", "own"])
def test_every_setting_is_documented(keys: tuple[object, ...]) -> None:
    table = markdown_table(keys)  # type: ignore[arg-type]
    assert table in text("configuration.md"), f"docs/configuration.md needs this table:\n{table}"


def test_settings_without_effect_are_named() -> None:
    for name in SYSTEM_CALL_ONLY:
        assert f"`{name}`" in text("configuration.md")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_settings_that_documents_mention_exist(name: str) -> None:
    for mention in re.findall(r"`(falcoeks\.[a-z_.]+)", text(name)):
        known = mention in KEYS or mention in ("falcoeks.cluster", "falcoeks.account", "falcoeks.region")
        assert known, f"docs/{name} mentions {mention}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_command_lines_in_documents_are_real(name: str, tmp_path: Path) -> None:
    flags = {f"--{option.name}" for option in OPTIONS if option.name} | {f"-{option.short}" for option in OPTIONS}
    for block in blocks(name, ""):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if not words or words[0] != "falcoeks-fast":
                continue
            assert words[1] in registry.names(), line
            if words[1] == "run":
                assert {word for word in words[2:] if word.startswith("-")} <= flags, line


@pytest.mark.parametrize("name", DOCUMENTS)
def test_yaml_in_documents_is_accepted(name: str, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(name, "yaml")):
        config = load_config(write(tmp_path / f"{number}.yaml", block), environment={"HOME": str(tmp_path)})
        assert config.files[0].verdict == "ok", block
    for block in blocks(name, "json"):
        assert json.loads(block)


def test_the_policy_in_the_document_is_the_file() -> None:
    policy = json.loads((DEPLOY / "iam-policy.json").read_text())
    assert policy["Statement"][0]["Action"] == "logs:FilterLogEvents"
    shown = json.loads(blocks("deploy.md", "json")[0])["Statement"][0]
    assert {key: policy["Statement"][0][key] for key in shown} == shown


def documents(name: str) -> list[dict[str, object]]:
    return [document for document in yaml.safe_load_all((DEPLOY / name).read_text()) if document]


def test_manifests_hold_a_configuration_that_works(tmp_path: Path) -> None:
    found = {str(document["kind"]): document for document in documents("manifests.yaml")}
    assert set(found) == {
        "Namespace",
        "ServiceAccount",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Deployment",
        "Service",
    }
    data = found["ConfigMap"]["data"]
    assert isinstance(data, dict)
    config = load_config(write(tmp_path / "falco.yaml", data["falco.yaml"]))
    assert config.files[0].verdict == "ok"
    assert not [notice for notice in config.notices if notice.level.value == "warning"]
    assert config.own.state_dir == "/var/lib/falcoeks-fast"


def test_the_deployment_is_locked_down() -> None:
    deployment = next(document for document in documents("manifests.yaml") if document["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]  # type: ignore[index]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}  # type: ignore[index]
    assert pod["securityContext"]["runAsNonRoot"] is True
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in (*pod["containers"], *pod["initContainers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert container["args"][0] in registry.names()
    paths = {name: pod["containers"][0][name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")}
    assert paths == {"livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_helm_values_make_a_configuration_that_works(tmp_path: Path) -> None:
    values = documents("helm-values.yaml")[0]
    falco = values["falco"]
    assert isinstance(falco, dict)
    rendered = yaml.safe_dump({key: value for key, value in falco.items() if value is not None})
    config = load_config(write(tmp_path / "falco.yaml", rendered))
    assert config.files[0].verdict == "ok"
    assert [plugin.name for plugin in config.plugins] == ["k8saudit-eks", "json"]
    assert values["driver"] == {"enabled": False}


def test_the_image_runs_what_the_chart_and_the_manifests_call() -> None:
    image = (DEPLOY / "Containerfile").read_text()
    assert "ENTRYPOINT" not in image, "the chart's first argument is the program"
    assert "/usr/bin/falco " in image or "/usr/bin/falco\n" in image
    assert re.findall(r"^FROM .* AS (\w+)$", image, re.MULTILINE) == ["build", "runtime", "compiler"]
    assert "USER 65532:65532" in image
