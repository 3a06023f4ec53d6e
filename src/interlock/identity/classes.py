"""Look into one class: its text, its members, its bases, and what makes classes of its kind."""

from __future__ import annotations

import abc
import ast
import functools
from abc import ABCMeta
from collections.abc import Iterator, Mapping
from enum import Enum, EnumMeta
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

from interlock.identity.digest import digest_bytes, digest_json
from interlock.identity.functions import extra_of, readers
from interlock.identity.references import chain_of, chains_of_tree, references_of_code
from interlock.identity.source import class_expressions, class_text
from interlock.identity.statements import nested_imports, texts_in
from interlock.identity.syntax import quoted_in
from interlock.identity.walk import type_name
from interlock.identity.web import Node
from interlock.identity.wrappers import attributes_of, file_of, is_code, is_generated, wrapped_by

if TYPE_CHECKING:
    from interlock.identity.reach import Search

# Made by Python for every class.
_OF_EVERY_CLASS = frozenset(
    {
        "__abstractmethods__",
        "__annotate_func__",
        "__annotations_cache__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__qualname__",
        "__static_attributes__",
        "__weakref__",
        "_abc_impl",
    }
)
# Made by `enum` for every member.
_OF_MEMBERS = frozenset({"__objclass__", "_name_", "_sort_order_", "_value_"})
# Metaclasses that do not look at the annotations of methods.
_PLAIN = (type, ABCMeta, EnumMeta)
_LAYOUT = (GetSetDescriptorType, MemberDescriptorType)


class ClassLook:
    """Looks into the classes of a project, for one search."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def node(self, cls: type, module: ModuleType | None, label: str) -> Node:
        """Return the node of a class; one that its name does not lead to is told apart by its text and data."""
        file = file_of(module)
        source = self._search.source(file)
        trees = source.classes(cls.__qualname__) if source is not None else []
        line = trees[0].lineno if trees else None
        name = label if _found(cls, module) is cls else f"{label}~{self._suffix(cls)}"
        return Node(name, label, file=file, line=line)

    def look(self, cls: type, module: ModuleType | None, node: Node) -> object:
        """Return what a class is made of, and note what it reaches."""
        search, file = self._search, file_of(module)
        source = search.source(file)
        trees = source.classes(cls.__qualname__) if source is not None else []
        names = vars(module) if module is not None else {}
        if file is not None and module is not None:
            search.late.loaded(node.label.partition(":")[0], file)
        if len(trees) == 1:
            node.extras = functools.partial(self._extra, cls.__qualname__, file)
        words = frozenset[str]().union(*(references_of_code(one.__code__).words for one in _functions(cls)))
        search.reads(readers(words))
        if "__subclasses__" in words:
            self.bind_subclasses(cls)
        expressions = [part for tree in trees for part in class_expressions(tree)]
        search.holds(text for one in expressions for text in texts_in(one))
        quoted = quoted_in(*_annotations(expressions))
        return [
            "Class",
            {
                "content": [digest_bytes(_text(cls, tree).encode("utf-8", "replace")) for tree in trees],
                "type": search.bind(type(cls)),
                "bases": [search.bind(base) for base in cls.__bases__ if base is not object],
                "members": self._members(cls, has_source=bool(trees)),
                "registered": self._registered(cls),
                "names": search.names(chains_of_tree(*expressions, *quoted), names, bound=vars(cls)),
                "imports": search.late.imported(
                    nested_imports(*expressions), (), str(names.get("__package__") or "")
                ),
            },
        ]

    def _extra(self, qualname: str, file: str | None, kind: str) -> str:
        source = self._search.source(file)
        return extra_of(source.classes(qualname)[0], kind) if source is not None else ""

    def _registered(self, cls: type) -> list[str]:
        """Note the classes that were declared to be derived from an abstract class."""
        found = registered(cls)
        if isinstance(cls, ABCMeta):
            self._search.witness.saw_answer(lambda: registered(cls), found)
        return sorted(self._search.bind(one) for one in found)

    def bind_subclasses(self, cls: type) -> None:
        """Note all classes that were derived from a class, for code that asks for them."""
        for one in _subclasses(cls):
            self._search.bind(one)
            self.bind_subclasses(one)
        self._search.witness.saw_answer(lambda: len(_subclasses(cls)), len(_subclasses(cls)))

    def _members(self, cls: type, *, has_source: bool) -> dict[str, Any]:
        """Note the members, those among them that were put there after the class was made."""
        values: dict[str, Any] = {}
        if issubclass(cls, Enum):
            members: Mapping[str, Enum] = vars(cls)["_member_map_"]
            values = {name: self._member(one) for name, one in members.items()}
        for name, member in sorted(vars(cls).items()):
            if name in _OF_EVERY_CLASS or isinstance(member, (*_LAYOUT, Enum)):
                continue
            code: list[Any] = [one for one in (member, *wrapped_by(member)) if is_code(one)]
            if has_source:
                # What a decorator such as `dataclass` generated follows from the source.
                code = [one for one in code if not is_generated(one)]
            if code:
                values[name] = [self._search.bind(one) for one in code]
            elif not has_source or not _is_made(cls, name, member):
                values[name] = self._search.bind(member)
        return values

    def _member(self, member: Enum) -> str:
        """Note the value of a member of an enum, and what else was put into it."""
        more = {name: one for name, one in attributes_of(member).items() if name not in _OF_MEMBERS}
        return self._search.value([member.value, more] if more else member.value)

    def _suffix(self, cls: type) -> str:
        codes = [name for name in vars(cls) if name not in _OF_EVERY_CLASS]
        held = [self._search.function_name(one) for one in _functions(cls)]
        return digest_json([codes, held]).rpartition(":")[2][:12]


def registered(cls: type) -> list[type]:
    """Return the classes that `register` of an abstract class has declared to be derived from it."""
    if not isinstance(cls, ABCMeta):
        return []
    # What `ABCMeta` itself uses to print the classes: nothing else tells them.
    held = (one() for one in abc._get_dump(cls)[0])  # type: ignore[attr-defined]  # noqa: SLF001
    return sorted((one for one in held if one is not None), key=type_name)


def _is_made(cls: type, name: str, member: Any) -> bool:
    """Say whether Python or a library made a member out of what the source says already."""
    if name.startswith("__") and name.endswith("__"):
        return True
    return is_generated(member) or (issubclass(cls, Enum) and name.startswith("_"))


def _subclasses(cls: type) -> list[type]:
    found: list[type] = type.__subclasses__(cls)
    return found


def _found(cls: type, module: ModuleType | None) -> Any:
    found: Any = module
    for part in cls.__qualname__.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found


def _functions(cls: type) -> Iterator[FunctionType]:
    for member in vars(cls).values():
        for one in (member, *wrapped_by(member)):
            if isinstance(one, FunctionType) and not is_generated(one):
                yield one


def _text(cls: type, tree: ast.ClassDef) -> str:
    decorated = [one for one in tree.decorator_list if "dataclass" not in _last(one)]
    return class_text(tree, with_annotations=type(cls) not in _PLAIN or bool(decorated))


def _annotations(expressions: list[ast.AST]) -> list[ast.expr]:
    """Return the annotations of the attributes of a class."""
    nodes = (node for one in expressions for node in ast.walk(one))
    return [node.annotation for node in nodes if isinstance(node, ast.AnnAssign)]


def _last(decorator: ast.expr) -> str:
    inner = getattr(decorator, "func", decorator)
    return (chain_of(inner) or ("",))[-1]
