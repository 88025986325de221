"""Runtime detection on the audit logs of Amazon EKS: Falco rules, compiled, over CloudWatch Logs."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("falcoeks-fast")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.1.0"
