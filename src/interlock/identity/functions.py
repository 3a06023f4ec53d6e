"""Look into one function: its text, the names it uses, and all that it holds."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from interlock.identity.bytecode import code_shape
from interlock.identity.constants import digest_constant
from interlock.identity.digest import digest_bytes, digest_json, digest_value
from interlock.identity.references import Chain, References, chain_of, chains_of_tree, references_of_code
from interlock.identity.statements import nested_imports
from interlock.identity.syntax import (
    Function,
    annotations_of,
    annotations_text,
    code_text,
    function_text,
    quoted_in,
)
from interlock.identity.web import Node
from interlock.identity.wrappers import content_of, is_code, module_name, step_function
from interlock.identity.writing import apart_from_writing, may_write

if TYPE_CHECKING:
    from interlock.identity.reach import Search

# Code that uses one of these names may do something else when a docstring or an annotation changes.
_READERS = {
    "docs": frozenset({"__doc__", "getdoc"}),
    "annotations": frozenset(
        {"__annotations__", "get_annotations", "get_type_hints", "getfullargspec", "signature"}
    ),
    "text": frozenset({"getsource", "getsourcelines", "getsourcefile"}),
    # Or import another module when a text changes.
    "imports": frozenset(
        {"import_module", "__import__", "find_spec", "locate", "resolve_name", "run_module", "run_path"}
    ),
    # Or find another content in a file that a text names.
    "files": frozenset(
        {
            "FileSystemLoader",
            "get_data",
            "get_template",
            "open",
            "open_binary",
            "open_text",
            "read",
            "resources",
        }
    ),
    # Or find other files in a folder.
    "folders": frozenset({"iterdir", "listdir", "scandir", "walk", "rglob", "glob", "iglob"}),
}
_ALL_READERS = frozenset[str]().union(*_READERS.values())
# How names of functions begin that read files, as in pandas, polars, pyarrow and numpy.
_READING = re.compile(r"\n(read_|scan_|load|safe_load|from_file|fromfile|genfromtxt|imread|parse)")
# Code with one of these may reach any name of its module.
_SEES_MODULE = frozenset({"__globals__", "getmodule"})
# Methods of tables that look up names in a text.
_EVALUATES = frozenset({"query", "eval"})
_WORD = re.compile(r"[^\W\d]\w*")
_OURS = "interlock"


class FunctionLook:
    """Looks into the functions of a project, for one search."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._contents: dict[int, tuple[CodeType, str]] = {}

    def name(self, function: FunctionType, label: str) -> tuple[str, str]:
        """Return the name of a function in digests, and the one for people.

        Functions that cannot be told apart by where they are defined, as two closures that one
        function made, are told apart by what they hold.
        """
        around = getattr(function, "__wrapped__", None)
        if isinstance(around, FunctionType):
            label += f"[{module_name(around.__globals__)}:{around.__qualname__}]"
        if function.__closure__ is None and self._found(function) is function:
            return label, label
        suffix = digest_json(self._self(function, {id(function)})).rpartition(":")[2][:12]
        return f"{label}~{suffix}", label

    def look(self, function: FunctionType, node: Node) -> object:
        """Return what a function is made of, and note what it reaches."""
        search, code = self._search, function.__code__
        tree = self._tree(code)
        references = references_of_code(code)
        names = function.__globals__
        module = module_name(names)
        if isinstance(names.get("__file__"), str):
            search.late.loaded(module, names["__file__"])
        kinds, texts = readers(references.words), references.texts
        if "files" in kinds and tree is not None and may_write(references.words):
            words, texts = apart_from_writing(tree)
            kinds = kinds - {"files"} | readers(words)
        search.reads(kinds)
        search.holds(texts)
        if isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.line = tree.lineno
            node.extras = functools.partial(self._extra, code)
            if function.__annotations__:
                node.follow = functools.partial(self._follow, function, node)
        held = dict(zip(code.co_freevars, map(content_of, function.__closure__ or ()), strict=True))
        return [
            "Function",
            {
                "content": self._content(code),
                "names": search.names([*references.chains, *self._in_texts(references, names)], names),
                "imports": self._imports(function, tree, references),
                "defaults": [
                    search.value(one) for one in (function.__defaults__, function.__kwdefaults__) if one
                ],
                "closure": {name: search.bind(value) for name, value in held.items()},
                "attributes": {name: search.bind(value) for name, value in sorted(vars(function).items())},
                "around": self._around(function, tree),
            },
        ]

    def _in_texts(self, references: References, names: dict[str, Any]) -> list[Chain]:
        """Return the global names in texts that code evaluates, as `rows.query("day > @FIRST")`."""
        words = references.words
        file = names.get("__file__")
        is_seen = not _SEES_MODULE.isdisjoint(words) or ("sys" in references.imports and "modules" in words)
        if is_seen and isinstance(file, str):
            self._search.late.whole(module_name(names), file)
        if _EVALUATES.isdisjoint(words):
            return []
        held = (names.get(chain[0]) for chain in references.chains)
        texts = [*references.texts, *(one for one in held if isinstance(one, str))]
        return sorted({(word,) for text in texts for word in _WORD.findall(text) if word in names})

    def _follow(self, function: FunctionType, node: Node) -> None:
        """Note what the annotations of a function name, which is a part of its own for code that reads them."""
        label = f"{node.label}:<annotations>"
        inner = Node(f"{node.name}:<annotations>", label, file=node.file, line=node.line)
        key = ("annotations", id(function))
        self._search.note(key, function, inner, lambda _: self._look_annotations(function))

    def _look_annotations(self, function: FunctionType) -> object:
        tree, names = self._tree(function.__code__), function.__globals__
        read = annotations_of(tree) if tree is not None and not isinstance(tree, ast.Lambda) else []
        values = [self._search.bind(one) for one in function.__annotations__.values() if type(one) is not str]
        return ["Annotations", self._search.names(chains_of_tree(*read, *quoted_in(*read)), names), values]

    def _extra(self, code: CodeType, kind: str) -> str:
        tree = self._tree(code)
        return extra_of(tree, kind) if isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)) else ""

    def _tree(self, code: CodeType) -> Function | ast.Lambda | None:
        source = self._search.source(code.co_filename)
        return source.function(code) if source is not None else None

    def _content(self, code: CodeType) -> str:
        known = self._contents.get(id(code))
        if known is None:
            tree = self._tree(code)
            text = function_text(tree).encode("utf-8", "replace") if tree is not None else None
            digest = digest_bytes(text) if text is not None else digest_value(code_shape(code))
            known = self._contents[id(code)] = code, digest
        return known[1]

    def _found(self, function: FunctionType) -> Any:
        """Return what is found in the module under the name of the function, a step's function for a step."""
        found: Any = function.__globals__
        for part in function.__code__.co_qualname.split("."):
            members = found if isinstance(found, dict) else getattr(found, "__dict__", {})
            found = members.get(part)
        if isinstance(found, (staticmethod, classmethod)):
            return found.__func__
        step = step_function(found)
        return found if step is None else step

    def _around(self, function: FunctionType, tree: Function | ast.Lambda | None) -> dict[str, Any]:
        """Return what may have read the function: a decorator that made something else of it, or a step."""
        if not isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return {}
        names = function.__globals__
        decorators = [one for one in tree.decorator_list if not _is_ours(one, names)]
        is_bare = self._found(function) is function
        if not tree.decorator_list or (is_bare and len(decorators) == len(tree.decorator_list)):
            return {}
        annotations = annotations_of(tree)
        read = annotations if is_bare else [*annotations, *decorators]
        return {
            "decorators": "" if is_bare else code_text(*decorators),
            "annotations": code_text(*annotations),
            "names": self._search.names(chains_of_tree(*read, *quoted_in(*annotations)), names),
        }

    def _imports(
        self, function: FunctionType, tree: Function | ast.Lambda | None, references: References
    ) -> dict[str, str]:
        """Note what the function imports when it runs: exactly, where its text is known."""
        names = function.__globals__
        package = str(names.get("__package__") or "")
        late = self._search.late
        if tree is None:
            return {f"import {one}": late.import_named(one, package) for one in references.imports}
        words = {"import_module", "__import__", "find_spec"} & references.words
        if not references.imports and not words:
            return {}
        return late.imported(nested_imports(tree), chains_of_tree(tree), package)

    def _self(self, thing: Any, seen: set[int]) -> Any:
        """Return what a function is by itself and by what it holds, without what it reaches by name."""
        step = step_function(thing)
        if step is not None:
            return self._self(step, seen)
        if isinstance(thing, FunctionType):
            label = f"{module_name(thing.__globals__)}:{thing.__code__.co_qualname}"
            is_plain = thing.__closure__ is None and self._found(thing) is thing
            if (
                is_plain
                or self._search.origin(label.partition(":")[0], thing.__code__.co_filename).kind != "project"
            ):
                return label
            held = [content_of(cell) for cell in thing.__closure__ or ()]
            content = self._content(thing.__code__)
            return [label, content, *(self._held(one, seen) for one in (*held, thing.__defaults__))]
        if isinstance(thing, type):
            return f"{thing.__module__}:{thing.__qualname__}"
        search = self._search
        return digest_constant(thing, lambda one: self._named(one, seen), search.roots, search.is_ours)[0]

    def _held(self, thing: Any, seen: set[int]) -> Any:
        if id(thing) in seen and is_code(thing):
            return "^"
        return self._self(thing, seen | {id(thing)})

    def _named(self, thing: Any, seen: set[int]) -> str:
        return (
            digest_json(self._held(thing, seen)) if is_code(thing) else str(getattr(thing, "__name__", thing))
        )


def readers(words: Iterable[str]) -> frozenset[str]:
    """Return which extras of others code with these words may read."""
    used = frozenset(words)
    found = frozenset() if _ALL_READERS.isdisjoint(used) else _kinds_of(used)
    return found | {"files"} if _READING.search("\n" + "\n".join(used)) else found


def _kinds_of(words: frozenset[str]) -> frozenset[str]:
    return frozenset(kind for kind, names in _READERS.items() if not names.isdisjoint(words))


def extra_of(tree: Function | ast.ClassDef, kind: str) -> str:
    """Return the docstring, the annotations or the text of a definition."""
    if kind == "docs":
        return ast.get_docstring(tree, clean=False) or ""
    if kind == "annotations":
        return annotations_text(tree) if not isinstance(tree, ast.ClassDef) else ""
    return digest_bytes(ast.unparse(tree).encode())


def _is_ours(decorator: ast.expr, names: dict[str, Any]) -> bool:
    """Say whether a decorator is one of Interlock's, which say how a step is run and not what it does."""
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    chain = chain_of(inner)
    thing = names.get(chain[0]) if chain else None
    module = getattr(thing, "__module__", None) or getattr(thing, "__name__", "")
    return str(module).partition(".")[0] == _OURS
