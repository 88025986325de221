"""Which region, profile, role and account are used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import NoRegionError, ProfileNotFound

from falcoeks_fast.poller.page import Cluster
from falcoeks_fast.poller.session import AwsAccess, asks_aws, chosen_profile, chosen_region


def test_region_in_order_of_precedence(no_aws: Path) -> None:
    no_aws.write_text("[profile team]\nregion = ap-south-1\n")
    both = {"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-east-2"}
    assert chosen_region("eu-north-1", "team", both) == "eu-north-1"
    assert chosen_region(None, "team", both) == "us-west-2"
    assert chosen_region(None, "team", {"AWS_DEFAULT_REGION": "us-east-2"}) == "us-east-2"
    assert chosen_region(None, "team", {}) == "ap-south-1"
    with pytest.raises(NoRegionError):
        chosen_region(None, None, {})


def test_profile_in_order_of_precedence(no_aws: Path) -> None:
    no_aws.write_text("[profile a]\n[profile b]\n[profile c]\n")
    both = {"AWS_PROFILE": "b", "AWS_DEFAULT_PROFILE": "c"}
    assert chosen_profile("a", both) == "a"
    assert chosen_profile(None, both) == "b"
    assert chosen_profile(None, {"AWS_DEFAULT_PROFILE": "c"}) == "c"
    assert chosen_profile(None, {}) is None


def test_a_missing_default_profile_means_no_profile(no_aws: Path) -> None:
    assert chosen_profile("default", {}) is None
    assert chosen_profile(None, {"AWS_PROFILE": "default"}) is None
    with pytest.raises(ProfileNotFound):
        chosen_profile("prod", {})
    no_aws.write_text("[default]\nregion = sa-east-1\n")
    assert chosen_profile("default", {}) == "default"


def test_a_client_works_although_the_environment_names_a_missing_default(
    no_aws: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "default")
    client = AwsAccess(cluster).logs_client()
    assert client.meta.region_name == cluster.region
    assert client.meta.config.retries["total_max_attempts"] == 1


def test_the_account_of_a_role_needs_no_call(no_aws: Path, cluster: Cluster) -> None:
    role = "arn:aws:iam::210987654321:role/audit-reader"
    assert AwsAccess(replace(cluster, role_arn=role)).identity() == ("210987654321", role)


def test_a_stand_in_is_never_asked_for_the_account(no_aws: Path, cluster: Cluster) -> None:
    assert AwsAccess(replace(cluster, endpoint_url="http://127.0.0.1:1")).identity() == ("", "")
    assert not asks_aws("http://localhost:4566")
    assert not asks_aws("http://10.0.0.7:80")
    assert asks_aws(None)
    assert asks_aws("https://vpce-1.logs.eu-west-1.vpce.amazonaws.com")


def test_a_role_is_assumed_with_the_external_id(
    no_aws: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, str]] = []

    class Sts:
        def assume_role(self, **parameters: str) -> dict[str, dict[str, str]]:
            asked.append(parameters)
            expiry = "2999-01-01T00:00:00Z"
            keys = {"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expiry}
            return {"Credentials": keys}

    import botocore.session

    real = botocore.session.Session.create_client

    def create(self: botocore.session.Session, name: str, *args: object, **kwargs: object) -> object:
        return Sts() if name == "sts" else real(self, name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(botocore.session.Session, "create_client", create)
    role = "arn:aws:iam::210987654321:role/audit-reader"
    client = AwsAccess(replace(cluster, role_arn=role, external_id="shared-secret")).logs_client()
    assert client._get_credentials().access_key == "ASIA1"
    assert asked[0]["RoleArn"] == role
    assert asked[0]["ExternalId"] == "shared-secret"
