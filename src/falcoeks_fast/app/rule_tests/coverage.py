"""What tests cover: which rules they ask for, and which comparisons ever decided.

In: loaded rules; events with what tests say to them. Out: rules that no test fires or keeps silent, and for each rule
the comparisons that never decided. Called by the runner and the report.

A comparison decides for a rule on an event if the rule's outcome would be another one, were its value the other: all
the parts beside it in each "and" above it are true, and in each "or" false. All values come from the native core, which
evaluates every distinct comparison as a rule of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from falcoeks_fast.engine import _core
from falcoeks_fast.rules import LoadResult
from falcoeks_fast.rules.language.ast import And, Check, Expr, Not, Or, children
from falcoeks_fast.rules.language.condition_text import check_text
from falcoeks_fast.rules.language.tree import checks
from falcoeks_fast.rules.lowering.lower import Lowering

from .files import Case


class Coverage:
    """Of the running rules of one load."""

    def __init__(self, result: LoadResult) -> None:
        compiled = result.compiled
        assert compiled is not None
        self._names = list(result.order)
        self._fired: set[str] = set()
        self._silent: set[str] = set()
        self._tree = _Tree()
        self._roots = [self._tree.add(compiled.condition(compiled.rules[name])) for name in self._names]
        self._decided: list[set[int]] = [set() for _ in self._names]
        lowering = Lowering(result.fields)
        for check in self._tree.atoms:
            lowering.add_rule("part", 7, "k8s_audit", (), check, b"x")
        plan = lowering.plan()
        rules = _core.RuleSet(plan.wire(), plan.predicate_digest(), _core.Format(), match_all=True)
        self._scanner = _core.Scanner(rules, _core.Numbering(), prefilter=False)
        self._events: set[bytes] = set()

    def observe(self, event: bytes, case: Case) -> None:
        """`event`: the test's event as JSON."""
        self._fired |= {expected.rule for expected in case.fires}
        self._silent |= set(case.silent)
        if case.only:
            self._silent |= set(self._names) - {expected.rule for expected in case.fires}
        if case.cut_before is not None or event in self._events:
            return  # of an event that is cut, comparisons may be neither true nor false
        self._events.add(event)
        batch = self._scanner.scan_payload(event, _core.Origin())
        values = self._tree.values({number for number, _ in batch.rule_counts})
        for root, decided in zip(self._roots, self._decided, strict=True):
            decided |= self._tree.deciding(root, values)

    @property
    def rules(self) -> Sequence[str]:
        return self._names

    @property
    def unfired(self) -> list[str]:
        """Rules that no test asks to fire."""
        return [name for name in self._names if name not in self._fired]

    @property
    def unsilenced(self) -> list[str]:
        """Rules that no test asks to be silent."""
        return [name for name in self._names if name not in self._silent]

    @property
    def comparisons(self) -> int:
        """All comparisons of all rules, each counted once for each rule."""
        return sum(len(self._tree.atoms_of(root)) for root in self._roots)

    @property
    def undecided(self) -> dict[str, list[str]]:
        """By rule, the comparisons that never decided; rules without such are left out."""
        found = {}
        for name, root, decided in zip(self._names, self._roots, self._decided, strict=True):
            missing = [check_text(self._tree.atoms[atom]) for atom in self._tree.atoms_of(root) if atom not in decided]
            if missing:
                found[name] = missing
        return found


class _Tree:
    """All parts of all conditions, each once, children before parents."""

    def __init__(self) -> None:
        self.atoms: list[Check] = []
        self._exprs: dict[int, Expr] = {}
        self._atom_of: dict[str, int] = {}
        self._number: dict[int, int] = {}
        self._nodes: list[tuple[type[Expr], tuple[int, ...]]] = []

    def add(self, expr: Expr) -> int:
        """The number of the root."""
        stack: list[tuple[Expr, bool]] = [(expr, False)]
        while stack:
            node, ready = stack.pop()
            if id(node) in self._number:
                continue
            inner = children(node)
            if ready or not inner:
                if isinstance(node, Check):
                    args: tuple[int, ...] = (self._atom(node),)
                else:
                    args = tuple(self._number[id(child)] for child in inner)
                self._number[id(node)] = len(self._nodes)
                self._nodes.append((type(node), args))
            else:
                stack.append((node, True))
                stack.extend((child, False) for child in inner)
        root = self._number[id(expr)]
        self._exprs[root] = expr
        return root

    def _atom(self, check: Check) -> int:
        text = check_text(check)
        if text not in self._atom_of:
            self._atom_of[text] = len(self.atoms)
            self.atoms.append(check)
        return self._atom_of[text]

    def atoms_of(self, root: int) -> list[int]:
        """The atoms below a node, in the order of the text."""
        return list(dict.fromkeys(self._atom_of[check_text(check)] for check in checks(self._exprs[root])))

    def values(self, true_atoms: set[int]) -> list[bool]:
        """The value of every node."""
        values: list[bool] = []
        for kind, args in self._nodes:
            if kind is Check:
                values.append(args[0] in true_atoms)
            elif kind is And:
                values.append(all(values[arg] for arg in args))
            elif kind is Or:
                values.append(any(values[arg] for arg in args))
            elif kind is Not:
                values.append(not values[args[0]])
            else:
                values.append(values[args[0]])
        return values

    def deciding(self, root: int, values: Sequence[bool]) -> set[int]:
        """The atoms that decide on the value of `root`."""
        found: set[int] = set()
        stack = [root]
        seen: set[int] = set()
        while stack:
            number = stack.pop()
            if number in seen:
                continue
            seen.add(number)
            kind, args = self._nodes[number]
            if kind is Check:
                found.add(args[0])
            elif kind is And or kind is Or:
                odd = [arg for arg in args if values[arg] is not (kind is And)]
                stack.extend(args if not odd else odd if len(odd) == 1 else ())
            else:
                stack.extend(args)
        return found
