"""The search through everything that a piece of code reaches, by the objects in memory."""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from interlock.identity.classes import ClassLook
from interlock.identity.constants import roots_of
from interlock.identity.depends import bind_dependency
from interlock.identity.digest import digest_bytes
from interlock.identity.functions import FunctionLook, readers
from interlock.identity.late import Late
from interlock.identity.named import Named
from interlock.identity.names import NameLook
from interlock.identity.origin import Origin, Origins
from interlock.identity.references import Chain
from interlock.identity.source import Source, source_of
from interlock.identity.values import ValueLook
from interlock.identity.walk import type_name
from interlock.identity.web import Node, closure_of
from interlock.identity.witness import Witness
from interlock.identity.wrappers import (
    attributes_of,
    content_of,
    file_of,
    is_code,
    module_name,
    step_depends,
    step_function,
    wrapped_by,
)

# What tells apart parts of one label: of no interest to people.
_SUFFIX = re.compile(r"~[0-9a-f]{12}")


class Search:
    """Collects the parts that code is made of.

    `bind` answers with how a thing is written in the code that reaches it, and notes it to be looked
    into; `finish` looks into all that was noted, which notes more. What is found is the same whatever
    was searched for before: one search serves all steps of a pipeline.

    Args:
        root: Folder of the project.
        apart: Files that count for nothing where code names them, as patterns relative to the root.
    """

    def __init__(self, root: Path | None, apart: tuple[str, ...] = ()) -> None:
        self.root = root
        self.apart = apart
        self.witness = Witness()
        self.nodes: dict[Any, Node] = {}
        self.late = Late(self)
        self._functions, self._classes, self._values = FunctionLook(self), ClassLook(self), ValueLook(self)
        self._names = NameLook(self, self._classes, self._values)
        self._named = Named(self)
        self._origins = Origins(root)
        self.roots = roots_of(root)
        self._sources: dict[str, Source | None] = {}
        self._texts: dict[int, str] = {}
        self._kept: list[Any] = []
        self._waiting: deque[tuple[Node, Callable[[Node], object]]] = deque()
        self._edges: set[Node] = set()
        self._node = Node("", "")
        self._are_readers = False

    def start(self, thing: Any) -> tuple[str, set[Node]]:
        """Search from a function, a class, a step or a value; return its name and what it leads to."""
        self._edges = edges = {self._python()}
        self._node = beginning = Node("", "")
        name = self.bind(thing)
        self.finish()
        while self._follow(beginning, edges):
            self.finish()
        return name, edges

    def _follow(self, beginning: Node, edges: set[Node]) -> bool:
        """Note what some of the code that was found may read of the rest; say whether it was not there before.

        What annotations name counts where code reads annotations, and a text that is the name of a
        module where code imports by a text, wherever the text comes from.
        """
        if not self._are_readers:
            return False
        found = {beginning, *closure_of(edges)}
        kinds = frozenset[str]().union(*(node.reads for node in found))
        self._edges = noted = set[Node]()
        if "annotations" in kinds:
            for node in found:
                if node.follow is not None:
                    node.follow()
        if "imports" in kinds:
            self._named.modules(found)
        if "files" in kinds:
            self._named.files(found)
        edges |= noted
        return not noted <= found

    def reads(self, kinds: frozenset[str]) -> None:
        """Note what the part that is looked into may read of others."""
        if kinds:
            self._are_readers = True
            self._node.reads |= kinds

    def holds(self, texts: Iterable[str]) -> None:
        """Note the texts in the part that is looked into."""
        self._node.texts.update(texts)

    def finish(self) -> None:
        """Look into everything that was noted."""
        while True:
            while self._waiting:
                node, look = self._waiting.popleft()
                self._edges, self._node = node.edges, node
                self._look(node, look)
            if not self.late.effects.link():
                return

    def _look(self, node: Node, look: Callable[[Node], object]) -> None:
        made_of = look(node)
        if made_of is not None:
            text = json.dumps(made_of, sort_keys=True)
            node.digest = node.shown = digest_bytes(text.encode())
            if "~" in text:
                node.shown = digest_bytes(_SUFFIX.sub("", text).encode())

    def lead(self, source: Node, key: Any, look: Callable[[Node], object]) -> None:
        """Lead from a part to a statement that changes it from elsewhere."""
        self._edges = source.edges
        module = key[0]
        label = f"{module}:<import>"
        self.note(key, key, Node(label, label, file=file_of(sys.modules.get(module))), look)

    def bind(self, thing: Any) -> str:
        """Note a function, a class or a value, and return its name or its digest."""
        code = self.bind_code(thing)
        return self.value(thing) if code is None else code

    def bind_code(self, thing: Any) -> str | None:
        """Note what is code; return None for a value."""
        known = self._texts.get(id(thing))
        if known is not None:
            self._edges.update(filter(None, [self.nodes.get(id(thing))]))
            return known
        if isinstance(thing, ModuleType):
            # First of all: a module may make its attributes when it is asked for them, and fail.
            return self.late.whole(thing.__name__, file_of(thing))
        if isinstance(thing, FunctionType):
            return self._bind_function(thing)
        if isinstance(thing, type):
            return self._bind_class(thing)
        if isinstance(thing, MethodType):
            return f"{self.bind(thing.__func__)} of {self.bind(thing.__self__)}"
        if isinstance(thing, BuiltinFunctionType):
            return self._bind_builtin(thing)
        step = step_function(thing)
        if step is not None:
            return self._bind_step(thing, step)
        return self._bind_wrapper(thing)

    def _bind_step(self, thing: Any, function: Any) -> str:
        depends = [bind_dependency(one, thing, self) for one in step_depends(thing)]
        return self.bind(function) + (f" and {depends}" if depends else "")

    def knows(self, thing: Any) -> bool:
        """Say whether a thing was noted before."""
        return id(thing) in self._texts

    def keep(self, thing: Any) -> None:
        """Keep a thing alive, so that its id is not given to another."""
        self._kept.append(thing)

    def _bind_function(self, function: FunctionType) -> str:
        code = function.__code__
        module = module_name(function.__globals__)
        label = f"{module}:{code.co_qualname}"
        if self.origin(module, code.co_filename).kind != "project":
            return self._bind_foreign(function, f"{function.__module__}:{function.__qualname__}")
        self.witness.saw_function(function)
        name, shown = self._functions.name(function, label)
        node = Node(name, shown, file=code.co_filename, line=code.co_firstlineno)
        look = self._functions.look
        return self.note(id(function), function, node, lambda node: look(function, node))

    def function_name(self, function: FunctionType) -> str:
        """Return the name that a function of the project has in digests."""
        return self._functions.name(function, function.__qualname__)[0]

    def _bind_foreign(self, function: FunctionType, label: str) -> str:
        """Note what a decorator of a library holds in its closure: the project's function."""
        kinds = readers((function.__name__,))
        self.reads(kinds)
        outer, self._edges = self._edges, set()
        self.origin(module_name(function.__globals__), function.__code__.co_filename)
        # Named before what it holds is looked at, which may be the function itself.
        self._texts[id(function)] = label
        held = [content_of(cell) for cell in function.__closure__ or ()]
        held.append(vars(function).get("__wrapped__"))
        bound = [text for text in map(self._bind_held, held) if text is not None]
        outer |= self._edges
        self._edges, node = outer, Node(label, label, edges=self._edges, reads=kinds)
        del self._texts[id(function)]
        if not bound:
            return label
        self.witness.saw_function(function)
        self._kept.append(function)
        # A node without a digest of its own leads those who come later to what is held.
        self.nodes[id(function)] = node
        self._texts[id(function)] = f"{label}({', '.join(bound)})"
        return self._texts[id(function)]

    def _bind_held(self, thing: Any) -> str | None:
        """Note code in a closure of a library, and what is in a dict or list that has code in it."""
        if is_code(thing):
            return self.bind(thing)
        items = [*thing, *thing.values()] if type(thing) is dict else thing
        if type(thing) in (dict, list, tuple) and any(map(is_code, items)):
            return self.value(thing)
        if self.origin(type(thing).__module__, None).kind == "project":
            return self.bind(thing)
        return None

    def _bind_class(self, cls: type) -> str:
        module = sys.modules.get(cls.__module__)
        module_label = module_name(vars(module)) if module else cls.__module__
        label = f"{module_label}:{cls.__qualname__}"
        if self.origin(module_label, file_of(module)).kind != "project":
            return label
        self.witness.saw_class(cls)
        node = self._classes.node(cls, module, label)
        return self.note(id(cls), cls, node, lambda node: self._classes.look(cls, module, node))

    def _bind_builtin(self, thing: BuiltinFunctionType) -> str | None:
        owner = thing.__self__
        if not isinstance(owner, (ModuleType, type(None))):
            return f"{thing.__name__} of {self.bind(owner)}"
        module = thing.__module__ or "builtins"
        file = file_of(sys.modules.get(module))
        if self.origin(module, file).kind == "project" and file is not None:
            # A compiled extension of the project: its file is all that can be seen.
            self.late.whole(module, file)
        return f"{module}:{thing.__qualname__}"

    def _bind_wrapper(self, thing: Any) -> str | None:
        cls = type(thing)
        if cls.__module__ == "builtins" and not isinstance(thing, (property, staticmethod, classmethod)):
            return None
        inner = wrapped_by(thing)
        if (
            not inner
            and self.origin(cls.__module__, file_of(sys.modules.get(cls.__module__))).kind != "project"
        ):
            around = attributes_of(thing).get("__wrapped__")
            inner = () if around is None or isinstance(around, ModuleType) else (around,)
        if not inner:
            return None
        return f"{type_name(cls)}({', '.join(self.bind(one) for one in inner)})"

    def note(self, key: Any, thing: Any, node: Node, look: Callable[[Node], object]) -> str:
        """Note a part to be looked into, unless it is known, and return its name."""
        known = self.nodes.get(key)
        if known is None:
            self.nodes[key] = known = node
            if isinstance(key, int):
                self._kept.append(thing)
                self._texts[key] = node.name
            self._waiting.append((node, look))
        self._edges.add(known)
        return known.name

    def is_project(self, module: str, file: str | None) -> bool:
        """Say whether a module is the project's; to ask is no use of a distribution."""
        return self._origins.of(module, file).kind == "project"

    def origin(self, module: str, file: str | None) -> Origin:
        """Return where a module comes from; a distribution is noted."""
        origin = self._origins.of(module, file)
        if origin.kind == "distribution":
            self._fact(f"dist:{origin.name}", origin.version)
        return origin

    def _fact(self, label: str, version: str) -> None:
        node = self.nodes.get(label)
        if node is None:
            node = self.nodes[label] = Node(label, label, version, version)
        self._edges.add(node)

    def _python(self) -> Node:
        self._edges = set()
        self._fact("python", f"{sys.version_info.major}.{sys.version_info.minor}")
        return self.nodes["python"]

    def source(self, file: str | None) -> Source | None:
        """Return the parsed file, which is taken not to change during one search."""
        if file is None:
            return None
        if file not in self._sources:
            self._sources[file] = source_of(file, self.witness.saw_file(file))
        return self._sources[file]

    def drop_sources(self) -> None:
        """Forget the parsed files; those that are asked for again are parsed again."""
        self._sources = {}

    def names(
        self, chains: Iterable[Chain], names: Mapping[str, Any], *, bound: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """Note what global names lead to; see `NameLook`."""
        return self._names.look(chains, names, bound or {})

    def value(self, value: Any) -> str:
        """Return the digest of a value; code inside it is noted."""
        return self._values.digest(value)

    def is_ours(self, cls: type) -> bool:
        """Say whether a class is defined in the project."""
        file = file_of(sys.modules.get(cls.__module__))
        return self.origin(cls.__module__, file).kind == "project"

    def lead_from(self, edges: set[Node]) -> None:
        """Note what follows as reached from elsewhere."""
        self._edges, self._node = edges, Node("", "")
