"""Tests of rules: YAML files with events, and what rules must and must not say to them. See docs/rule-tests.md."""
