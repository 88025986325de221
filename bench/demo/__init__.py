"""The demonstration behind `make run`: a simulated cluster, an embedded CloudWatch Logs, the unmodified fetcher."""
