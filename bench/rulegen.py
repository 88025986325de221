"""Rule sets by the thousand: rules of the kind people write for audit events, with names, users and images varied.

In: how many rules, a seed. Out: the text of a rules file that loads in Falco and here. Called by the benchmarks (cost
of 1,000 rules against the community's 48; time to compile them), and as a program:

    python -m falcoeks_fast.bench.rulegen --rules 1000 > rules.yaml
"""

from __future__ import annotations

import argparse
import random
import sys

HEADER = """\
- required_engine_version: 0.31.0

- required_plugin_versions:
    - name: k8saudit
      version: 0.6.0
      alternatives:
        - name: k8saudit-eks
          version: 0.1.0
    - name: json
      version: 0.7.0

- macro: gen_done
  condition: ka.stage = ResponseComplete

- macro: gen_ok
  condition: ka.response.code startswith 2

- macro: gen_write
  condition: ka.verb in (create, update, patch)

- macro: gen_pod
  condition: ka.target.resource = pods and not ka.target.subresource exists

- macro: gen_person
  condition: not ka.user.name startswith "system:"
"""

WORDS = (
    "amber",
    "basil",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "iris",
    "jasper",
    "karst",
    "lagoon",
    "meadow",
    "nectar",
    "onyx",
    "pollen",
    "quartz",
    "raven",
    "saffron",
    "tundra",
    "umber",
    "violet",
    "walnut",
    "yarrow",
    "zephyr",
)
TEAMS = ("core", "data", "edge", "ident", "media", "pay", "risk", "sre", "web")
ROLES = ("admin", "edit", "view", "cluster-admin", "system:node", "system:monitoring")
PATHS = ("/etc", "/proc", "/root", "/var/run/docker.sock", "/var/lib/kubelet", "/opt/data", "/srv/cache")
PRIORITIES = ("CRITICAL", "ERROR", "WARNING", "WARNING", "NOTICE", "INFO")


class RuleGenerator:
    """Draws rules; two of the same seed draw the same ones. No two rules of a set share name or condition."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        self._kinds = (
            self._foreign_image,
            self._privileged,
            self._host_path,
            self._exec,
            self._secret,
            self._binding,
            self._role,
            self._service,
            self._config_map,
            self._user,
            self._service_account,
            self._delete,
            self._uri,
        )

    def rule_set(self, count: int) -> str:
        """The text of a rules file with `count` rules."""
        return HEADER + "".join(f"\n{self._rule(number)}" for number in range(count))

    def _rule(self, number: int) -> str:
        title, condition, output = self._kinds[number % len(self._kinds)](number)
        return (
            f"- rule: {title} {number}\n"
            f"  desc: Generated for measuring. {title}.\n"
            f"  condition: {condition}\n"
            f"  output: {title} (user=%ka.user.name verb=%ka.verb {output} ns=%ka.target.namespace)\n"
            f"  priority: {self._rng.choice(PRIORITIES)}\n"
            f"  source: k8s_audit\n"
            f"  tags: [k8s, generated]\n"
        )

    def _name(self) -> str:
        return f"{self._rng.choice(WORDS)}-{self._rng.choice(WORDS)}-{self._rng.randint(1, 99)}"

    def _names(self, low: int = 2, high: int = 9) -> str:
        return ", ".join(self._name() for _ in range(self._rng.randint(low, high)))

    def _namespace(self, number: int) -> str:
        return f"{self._rng.choice(TEAMS)}-{self._rng.choice(WORDS)}-{number}"

    def _images(self) -> str:
        return ", ".join(f"registry.example.com/{self._name()}" for _ in range(self._rng.randint(2, 8)))

    def _foreign_image(self, number: int) -> tuple[str, str, str]:
        condition = (
            f"gen_done and gen_pod and ka.verb = create and ka.target.namespace = {self._namespace(number)} "
            f"and not ka.req.pod.containers.image.repository in ({self._images()})"
        )
        return "Pod with an image that the team does not use", condition, "images=%ka.req.pod.containers.image"

    def _privileged(self, number: int) -> tuple[str, str, str]:
        condition = (
            "gen_done and gen_pod and ka.verb = create and ka.req.pod.containers.privileged intersects (true) "
            f"and ka.target.namespace in ({self._namespace(number)}, {self._namespace(number)}) "
            f"and not ka.req.pod.containers.image.repository in ({self._images()})"
        )
        return "Privileged pod of a team", condition, "images=%ka.req.pod.containers.image"

    def _host_path(self, number: int) -> tuple[str, str, str]:
        paths = ", ".join(self._rng.sample(PATHS, 3))
        condition = (
            f"gen_done and gen_pod and ka.verb = create and ka.req.pod.volumes.hostpath intersects ({paths}) "
            f"and ka.target.namespace startswith {self._namespace(number)}"
        )
        return "Host path in a team's pod", condition, "paths=%ka.req.pod.volumes.hostpath"

    def _exec(self, number: int) -> tuple[str, str, str]:
        condition = (
            "ka.stage = ResponseStarted and ka.target.resource = pods and ka.target.subresource in (exec, attach) "
            f"and ka.target.namespace = {self._namespace(number)} and not ka.user.name in ({self._names()})"
        )
        return "Shell in a team's pod", condition, "pod=%ka.target.name command=%ka.uri.param[command]"

    def _secret(self, number: int) -> tuple[str, str, str]:
        condition = (
            "gen_done and ka.target.resource = secrets and ka.verb in (get, list) and gen_person "
            f"and ka.target.name in ({self._name()}-{number}, {self._names()})"
        )
        return "Guarded secret read", condition, "secret=%ka.target.name"

    def _binding(self, number: int) -> tuple[str, str, str]:
        condition = (
            "gen_done and gen_write and ka.target.resource in (rolebindings, clusterrolebindings) "
            f"and ka.req.binding.role in ({self._rng.choice(ROLES)}, {self._name()}) "
            f"and not ka.user.name in ({self._name()}-{number}, {self._names()})"
        )
        return "Role bound by somebody else", condition, "role=%ka.req.binding.role"

    def _role(self, number: int) -> tuple[str, str, str]:
        verbs = ", ".join(self._rng.sample(("create", "update", "patch", "delete", "bind", "escalate"), 3))
        condition = (
            "gen_done and gen_write and ka.target.resource in (roles, clusterroles) "
            f"and ka.req.role.rules.verbs intersects ({verbs}) and ka.target.name startswith {self._name()}-{number}"
        )
        return "Strong verbs in a role", condition, "rules=%ka.req.role.rules"

    def _service(self, number: int) -> tuple[str, str, str]:
        condition = (
            "gen_done and gen_ok and ka.verb = create and ka.target.resource = services "
            f"and ka.req.service.type in (NodePort, LoadBalancer) and ka.target.namespace = {self._namespace(number)}"
        )
        return "Service open to the outside", condition, "ports=%ka.req.service.ports"

    def _config_map(self, number: int) -> tuple[str, str, str]:
        condition = (
            "gen_done and (gen_write or ka.verb = delete) and ka.target.resource = configmaps "
            f"and ka.target.name = {self._name()}-{number} and not ka.user.name in ({self._names()})"
        )
        return "Guarded config map changed", condition, "name=%ka.target.name"

    def _user(self, number: int) -> tuple[str, str, str]:
        condition = (
            f'gen_done and ka.user.name in ("arn:aws:iam::111122223333:user/{self._name()}-{number}", {self._names()}) '
            "and not ka.verb in (get, list, watch)"
        )
        return "Watched user writes", condition, "target=%ka.target.resource/%ka.target.name"

    def _service_account(self, number: int) -> tuple[str, str, str]:
        condition = (
            f'ka.user.name = "system:serviceaccount:{self._namespace(number)}:{self._name()}" and gen_done '
            f"and not ka.target.resource in (leases, endpoints, {self._rng.choice(('pods', 'nodes', 'jobs'))})"
        )
        return "Service account off its task", condition, "target=%ka.target.resource"

    def _delete(self, number: int) -> tuple[str, str, str]:
        kind = self._rng.choice(("deployments", "statefulsets", "daemonsets", "jobs", "persistentvolumeclaims"))
        condition = (
            f"gen_done and gen_ok and ka.verb in (delete, deletecollection) and ka.target.resource = {kind} "
            f"and ka.target.namespace = {self._namespace(number)} and gen_person"
        )
        return "Workload deleted by a person", condition, "name=%ka.target.name"

    def _uri(self, number: int) -> tuple[str, str, str]:
        condition = (
            f"gen_done and ka.uri startswith /apis/{self._name()}-{number}.example.com/ "
            f"and not ka.useragent startswith {self._name()}"
        )
        return "Own API called by a stranger", condition, "uri=%ka.uri agent=%ka.useragent"


def main(arguments: list[str] | None = None) -> int:
    """Print a rules file."""
    parser = argparse.ArgumentParser(prog="python -m falcoeks_fast.bench.rulegen", description="Generate rules.")
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    sys.stdout.write(RuleGenerator(options.seed).rule_set(options.rules))
    return 0


if __name__ == "__main__":
    sys.exit(main())
