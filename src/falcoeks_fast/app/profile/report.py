"""A profile as text for people, or as JSON.

In: `Profile`. Out: lines, or a dictionary. Called by the `profile` command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .profile import Profile, Row
from .timing import Cost

ORDERS: dict[str, Callable[[Row], float]] = {
    "cpu": lambda row: row.alone.ns if row.alone else 0.0,
    "saves": lambda row: row.saves.ns if row.saves else 0.0,
    "matches": lambda row: row.matches,
    "looked-at": lambda row: row.looked_at,
}
_NAMES_SHOWN = 20


def profile_text(profile: Profile, order: str, top: int) -> str:
    """`order`: a key of `ORDERS`. `top` 0: all rows. Lines ended by LF."""
    lines = [f"{_many(profile.events, 'event')}, {_many(len(profile.rules), 'rule')}"]
    if profile.whole and profile.base:
        lines.append(
            f"An event costs {profile.whole.ns:.0f} ns with all rules (reading and parsing alone: "
            f"{profile.base.ns:.0f} ns without the prefilter); measured on {_many(profile.timed_events, 'event')}"
        )
    for heading, rows in (("Rules", profile.rules), ("Macros", profile.macros)):
        lines += ["", *_table(heading, rows, profile, order, top)]
    lines += _never(profile)
    always = [row.name for row in profile.rules if profile.events and row.matches == profile.events]
    lines += _names("Rules that matched on every event", always)
    lines += _shadowed(profile)
    return "\n".join(lines) + "\n"


def profile_json(profile: Profile) -> dict[str, object]:
    return {
        "events": profile.events,
        "timed_events": profile.timed_events,
        "rule_matching": "all" if profile.match_all else "first",
        "event_ns": profile.whole.ns if profile.whole else None,
        "parsing_ns": profile.base.ns if profile.base else None,
        "rules": [_row_json(row) | _rule_json(row) for row in profile.rules],
        "macros": [_row_json(row) for row in profile.macros],
    }


def _row_json(row: Row) -> dict[str, object]:
    found: dict[str, object] = {"name": row.name, "looked_at": row.looked_at, "matches": row.matches}
    if row.alone:
        found |= {"alone_ns": row.alone.ns, "alone_uncertainty_ns": row.alone.uncertainty_ns}
    return found


def _rule_json(row: Row) -> dict[str, object]:
    found: dict[str, object] = {
        "alerts": row.alerts,
        "impossible": row.impossible,
        "shadowed_by": [{"rule": name, "events": events} for name, events in row.shadows],
    }
    if row.saves:
        found |= {"saves_ns": row.saves.ns, "saves_uncertainty_ns": row.saves.uncertainty_ns}
    return found


def _table(heading: str, rows: Sequence[Row], profile: Profile, order: str, top: int) -> list[str]:
    ranked = sorted(rows, key=lambda row: (-ORDERS[order](row), row.name))
    shown = ranked[:top] if top else ranked
    width = max([len(row.name) for row in shown] + [len(heading)])
    timed = profile.whole is not None
    saves = timed and heading == "Rules"
    header = f"{heading:<{width}}"
    if timed:
        header += f"  {'alone ns':>9}"
    if saves:
        header += f"  {'saves ns':>9}"
    lines = [header + f"  {'looked at':>16}  {'matches':>16}"]
    for row in shown:
        line = f"{row.name:<{width}}"
        if timed:
            line += f"  {_cost(row.alone):>9}"
        if saves:
            line += f"  {_cost(row.saves):>9}"
        lines.append(line + f"  {_part(row.looked_at, profile.events)}  {_part(row.matches, profile.events)}")
    if len(ranked) > len(shown):
        lines.append(f"... and {len(ranked) - len(shown)} more (--top 0 shows all)")
    return lines


def _cost(cost: Cost | None) -> str:
    """`~0`: less than what the measurement can tell."""
    if cost is None:
        return ""
    return "~0" if abs(cost.ns) <= cost.uncertainty_ns or cost.ns < 0 else f"{cost.ns:.1f}"


def _part(count: int, events: int) -> str:
    share = f"({100 * count / events:.1f} %)" if events else ""
    return f"{count:>7} {share:>8}"


def _never(profile: Profile) -> list[str]:
    impossible = [row.name for row in profile.rules if row.impossible]
    never = [row for row in profile.rules if not row.matches and not row.impossible]
    unseen = [row.name for row in never if not row.looked_at]
    seen = [row.name for row in never if row.looked_at]
    return [
        *_names("Rules that can match no event at all", impossible),
        *_names("Rules that never matched, nor were ever looked at", unseen),
        *_names("Rules that never matched, though they were looked at", seen),
    ]


def _names(heading: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    lines = ["", f"{heading}: {len(names)}", *(f"  {name}" for name in names[:_NAMES_SHOWN])]
    if len(names) > _NAMES_SHOWN:
        lines.append(f"  ... and {len(names) - _NAMES_SHOWN} more")
    return lines


def _shadowed(profile: Profile) -> list[str]:
    """Under `rule_matching: first` an earlier rule takes the alert of a later one."""
    rows = [row for row in profile.rules if row.shadows]
    if profile.match_all or not rows:
        return []
    lines = ["", "Rules whose alerts earlier rules take (rule_matching: first):"]
    for row in sorted(rows, key=lambda row: (row.alerts, row.name)):
        taken = row.matches - row.alerts
        whole = "all" if not row.alerts else str(taken)
        by = ", ".join(f"{name} ({events})" for name, events in row.shadows[:3])
        more = f" and {len(row.shadows) - 3} more" if len(row.shadows) > 3 else ""
        lines.append(f"  {row.name}: {whole} of {_many(row.matches, 'match', 'matches')}, by {by}{more}")
    return lines


def _many(count: int, noun: str, plural: str = "") -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {plural or noun + 's'}"
