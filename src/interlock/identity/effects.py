"""What the import of a module does to what was there before: to the project, and to everything else."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from interlock.identity.modules import absolute_name, package_of
from interlock.identity.outline import Act, Outline, unit_text
from interlock.identity.references import Chain
from interlock.identity.statements import Unit
from interlock.identity.web import Node

if TYPE_CHECKING:
    from interlock.identity.late import Late
    from interlock.identity.reach import Search


class Effects:
    """Tells effects on the project from effects on everything else, for one search."""

    def __init__(self, search: Search, late: Late) -> None:
        self._search = search
        self._late = late
        self._stores: dict[tuple[str, str], list[tuple[str, Unit, Outline]]] = {}
        self._linked: set[object] = set()

    def outside(self, module: str, file: str, outline: Outline) -> list[Unit]:
        """Return the statements that act outside of the project when a module is imported.

        What acts on the project is seen by those who reach what it acts on; it is noted for late modules.
        """
        package = package_of(module, file)
        found: list[Unit] = []
        for unit in outline.acting:
            inside: set[tuple[str, str]] = set()
            stays = [self._stays_inside(outline, act, package, inside) for act in outline.acts(unit)]
            if not all(stays):
                found.append(unit)
            for one in inside:
                self._stores.setdefault(one, []).append((module, unit, outline))
        return found

    def _stays_inside(self, outline: Outline, act: Act, package: str, inside: set[tuple[str, str]]) -> bool:
        """Say whether an act changes nothing but the project; gather what of the project it changes."""
        found = self._owner(outline, act.chain, package)
        if found is None:
            return False
        if found in inside:
            return True
        inside.add(found)
        other = self._late.outline(found[0])
        if not act.is_call or other is None:
            return True
        inside.update((found[0], name) for name in other[0].reached_by(found[1]))
        there = package_of(found[0], other[1])
        # All are looked at, not only up to the first that leads outside: each may change something inside.
        acts = other[0].acts_of_call(found[1])
        stays = [self._stays_inside(other[0], one, there, inside) for one in acts]
        return all(stays)

    def _owner(self, outline: Outline, chain: Chain, package: str) -> tuple[str, str] | None:
        """Return the module of the project, and the name in it, that a chain leads to by an import."""
        for one in outline.imports.get(chain[0], []) if chain else ():
            module = absolute_name(one.module, package) or ""
            rest = chain[1:]
            if one.name is not None:
                rest = (one.name, *rest)
            elif not one.whole:
                module = module.partition(".")[0]
            while len(rest) > 1 and self._late.file(f"{module}.{rest[0]}") is not None:
                module, rest = f"{module}.{rest[0]}", rest[1:]
            if rest and self._late.is_ours(module, self._late.file(module)):
                return module, rest[0]
        return None

    def link(self) -> bool:
        """Lead from the names of late modules to what other modules store there; say whether something is new."""
        is_new = False
        for (module, name), stores in self._stores.items():
            for key in (("late", f"{module}:{name}"), f"{module}:*"):
                node = self._search.nodes.get(key)
                if node is not None and (key, module, name) not in self._linked:
                    self._linked.add((key, module, name))
                    is_new = True
                    for where, unit, outline in stores:
                        self._search.lead(
                            node, (where, unit), functools.partial(self._look_patch, where, unit, outline)
                        )
        return is_new

    def _look_patch(self, module: str, unit: Unit, outline: Outline, node: Node) -> object:
        node.line = unit.node.lineno
        names = vars(sys.modules[module]) if module in sys.modules else {}
        return ["Import", unit_text(unit.node, outline), self._search.names(unit.chains, names)]
