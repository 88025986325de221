"""Wires the rooms together: configuration, rules, evaluation, sources, outputs, reload, health."""
