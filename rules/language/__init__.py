"""The condition language: text to a tree, macros filled in, and trees as text again.

Nothing is looked up here; a field is a name. Called by the rooms beside this one.
"""
