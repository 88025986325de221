"""Rule files: YAML with places to definitions, definitions to checked conditions, and what was wrong with them.

Called by `load`.
"""
