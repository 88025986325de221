"""AWS sessions: which region, which profile, which role, and whose account.

In: the settings of a cluster and the environment. Out: boto clients with credentials that renew themselves. Called by
the source, once for each cluster; region and profile also by the app, before it builds a `Cluster`.

Order of precedence as in the plugin: init_config, AWS_REGION, AWS_DEFAULT_REGION, the profile (boto3 alone ignores
AWS_REGION); AWS_PROFILE before AWS_DEFAULT_PROFILE.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
    ReadOnlyCredentials,
)
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    InvalidConfigError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from botocore.httpsession import get_cert_path
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from .page import Cluster
from .wire import Address

_ROLE_ACCOUNT = re.compile(r"^arn:aws[\w-]*:iam::(\d{12}):role/")
ROLE_SESSION_NAME = "falcoeks-fast"


def chosen_profile(configured: str | None, environment: Mapping[str, str] | None = None) -> str | None:
    """The profile to use, None for none. A profile named `default` that does not exist means no profile.

    Raises botocore's ProfileNotFound for any other name that does not exist.
    """
    env = os.environ if environment is None else environment
    name = configured or env.get("AWS_PROFILE") or env.get("AWS_DEFAULT_PROFILE") or None
    if name is None or name in _bare_session(None).available_profiles:
        return name
    if name == "default":
        return None
    raise ProfileNotFound(profile=name)


def chosen_region(
    configured: str | None, profile: str | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """The region to use. `profile` is a result of `chosen_profile`. Raises botocore's NoRegionError."""
    env = os.environ if environment is None else environment
    region = configured or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    if not region:
        region = _bare_session(profile).get_config_variable("region")
    if not region:
        raise NoRegionError
    return str(region)


def _bare_session(profile: str | None) -> botocore.session.Session:
    """A session that reads the profile from `profile` alone, so that a missing AWS_PROFILE=default does no harm."""
    return botocore.session.Session(session_vars={"profile": (None, [], profile, None)})


class _AssumeRole(CredentialProvider):
    """Credentials of a role, renewed before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = None

    def __init__(self, base: botocore.session.Session, cluster: Cluster, config: Config) -> None:
        super().__init__()
        self._base = base
        self._cluster = cluster
        self._config = config

    def load(self) -> DeferredRefreshableCredentials | None:
        source = self._base.get_credentials()
        if source is None:
            return None
        extra: dict[str, Any] = {"RoleSessionName": ROLE_SESSION_NAME}
        if self._cluster.external_id:
            extra["ExternalId"] = self._cluster.external_id
        creator = functools.partial(self._base.create_client, region_name=self._cluster.region, config=self._config)
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=creator, source_credentials=source, role_arn=self._cluster.role_arn or "", extra_args=extra
        )
        return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=fetcher.fetch_credentials)


class AwsAccess:
    """Sessions of one cluster. `renew` reads credentials anew, for those that boto cannot refresh by itself."""

    def __init__(
        self, cluster: Cluster, *, connect_timeout_s: float = 3.0, read_timeout_s: float = 15.0, connections: int = 10
    ) -> None:
        self.cluster = cluster
        self.connections = connections
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._config = Config(
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
            max_pool_connections=connections,
            # Every call, a repeated one too, is paid from the budget: botocore itself must not call again.
            retries={"total_max_attempts": 1, "mode": "standard"},
            tcp_keepalive=True,
            user_agent_extra="falcoeks-fast",
        )
        self._identity_config = Config(
            connect_timeout=2.0, read_timeout=3.0, retries={"total_max_attempts": 1, "mode": "standard"}
        )
        self._session: botocore.session.Session | None = None

    def _get_session(self) -> botocore.session.Session:
        if self._session is None:
            session = _bare_session(chosen_profile(self.cluster.profile))
            if self.cluster.role_arn:
                assumed = _bare_session(None)
                provider = _AssumeRole(session, self.cluster, self._identity_config)
                assumed.register_component("credential_provider", CredentialResolver([provider]))
                session = assumed
            self._session = session
        return self._session

    def logs_client(self) -> Any:
        """A client of CloudWatch Logs. Raises what botocore raises for a profile or region that cannot be used."""
        return self._get_session().create_client(
            "logs",
            region_name=self.cluster.region or None,
            endpoint_url=self.cluster.endpoint_url,
            config=self._config,
        )

    def credentials(self) -> Credentials:
        """Those of the session, for `valid`. Raises what botocore raises where there are none."""
        found = self._get_session().get_credentials()
        if found is None:
            raise NoCredentialsError
        return found

    def address(self, url: str) -> Address | None:
        """How to connect to `url` as botocore's HTTP session would; None where that takes a proxy.

        Raises botocore's InvalidConfigError for a bundle of certificates that cannot be read.
        """
        parts = urlsplit(url)
        if get_environ_proxies(url).get(parts.scheme):
            return None
        tls = None
        if parts.scheme == "https":
            configured = self._get_session().get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
            bundle = configured or get_cert_path(True)
            try:
                tls = ssl.create_default_context(cafile=bundle)
            except OSError as error:
                why = f"the certificates of {bundle} (ca_bundle, AWS_CA_BUNDLE) cannot be read: {error}"
                raise InvalidConfigError(error_msg=why) from error
            tls.set_alpn_protocols(["http/1.1"])
        return Address(url, tls, self._connect_timeout_s, self._read_timeout_s)

    def renew(self) -> None:
        """Forget the session: files and environment are read again with the next client."""
        self._session = None

    def identity(self) -> tuple[str, str]:
        """(account id, ARN of the principal), both empty where unknown. Never raises for AWS or the network."""
        if self.cluster.role_arn:
            found = _ROLE_ACCOUNT.match(self.cluster.role_arn)
            if found:
                return found.group(1), self.cluster.role_arn
        if not asks_aws(self.cluster.endpoint_url):
            return "", ""
        try:
            sts: Any = self._get_session().create_client(
                "sts", region_name=self.cluster.region or None, config=self._identity_config
            )
            answer = sts.get_caller_identity()
        except (BotoCoreError, ClientError, ResponseParserError, HTTPError, OSError):
            return "", ""
        return str(answer.get("Account", "")), str(answer.get("Arn", ""))


def valid(credentials: Credentials) -> ReadOnlyCredentials:
    """The keys to sign with now, renewed if need be.

    Raises what botocore raises, and CredentialRetrievalError for what providers let through besides: credentials that
    have expired when they arrive (a wrong clock), answers in which something is missing.
    """
    try:
        return credentials.get_frozen_credentials()
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}; look at the clock of this machine and at what gives the credentials"
        raise CredentialRetrievalError(provider=credentials.method, error_msg=why) from error


def asks_aws(endpoint_url: str | None) -> bool:
    """Whether calls go to AWS itself, and not to a stand-in on this machine or in a private network."""
    if not endpoint_url:
        return True
    host = urlsplit(endpoint_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
