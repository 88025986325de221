"""Events that are at hand, evaluated outside a run: for `diff` and `profile`."""
