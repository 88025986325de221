"""Names that a misspelt name may have meant.

In: a word and the words that would have been right. Out: a phrase for a message, or nothing. All diagnostics use it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MAX_CANDIDATES = 5000
MAX_LENGTH = 200


def closest(word: str, candidates: Iterable[str]) -> str:
    """`did you mean 'x'?`, or an empty text where nothing is near."""
    if not word or len(word) > MAX_LENGTH:
        return ""
    names = [name for name in candidates if abs(len(name) - len(word)) <= 6 and name != word]
    found = get_close_matches(word, names[:MAX_CANDIDATES], n=1, cutoff=0.7)
    return f"did you mean '{found[0]}'?" if found else ""
