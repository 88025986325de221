"""The fields that conditions and templates may name: one table, and the slots that come of it.

Called by the lowering, by the listing of fields and by the docs.
"""
