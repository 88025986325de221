"""Bytes to alerts: the native core, the outputs that deliver alerts, metrics and the web server.

Called by the app. Imports neither the poller nor the rules.
"""
