"""Passes over the plan that keep its meaning and make it cheaper.

Called once when rules were loaded.
"""
