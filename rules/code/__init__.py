"""Plans as native code: Cython source, shared objects, the cache, bundles, and whom to trust.

Called by the app and by `falcoeks-fast compile`.
"""
