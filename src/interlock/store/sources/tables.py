"""The parts of a dataset as one table of pandas, polars or pyarrow.

A column has one type, the same whatever part its rows came in. Where csv parts disagree, one part's numbers
being another's text, the column is text in all of them: read from the file again and not made from numbers,
so that leading zeros stay.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from interlock.errors import InterlockError
from interlock.identity.artifact import SourceFormat
from interlock.store.sources.faults import UnreadableData
from interlock.store.sources.formats import separator
from interlock.store.sources.libraries import LIBRARIES, NOTHING, TEXT, Joining, Library
from interlock.store.sources.unpack import open_part

_T = TypeVar("_T")


def read_table(library: str, file_format: SourceFormat, paths: Sequence[Path]) -> Any:
    """Return the rows of all files as one table of that library.

    Raises:
        UnreadableData: A file is malformed, or its columns are not those of the first one.
        MissingExtra: The library is not installed.
    """
    one = LIBRARIES[library]()
    if file_format == "csv":
        return _read_csv(one, paths)
    if file_format == "json":
        return _read_json(one, paths)
    return _read_columnar(one, file_format, paths)


def _read_csv(library: Library, paths: Sequence[Path]) -> Any:
    headers = [_guard(_header, path) for path in paths]
    check_columns(headers, paths)
    tables = [_csv_part(library, path, ()) for path in paths]
    kinds = [library.kinds(table) for table in tables]
    mixed = [name for name in headers[0] if _is_mixed(kinds, name)]
    for place, path in enumerate(paths):
        guessed = [name for name in mixed if kinds[place][name] not in (TEXT, NOTHING)]
        if guessed:
            tables[place] = _csv_part(library, path, guessed)
    return _join(library, tables, headers[0], paths)


def _csv_part(library: Library, path: Path, as_text: Sequence[str]) -> Any:
    def read(path: Path) -> Any:
        with open_part(path) as file:
            return library.csv(file, separator(path), as_text)

    return _guard(read, path)


def _header(path: Path) -> list[str]:
    """Return the names of the columns.

    Each library has its own idea of what to call the second of two columns of one name: such files are
    refused.
    """
    with open_part(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        rows = csv.reader(text, delimiter=separator(path))
        names = next(rows, [])
        first = next(filter(None, rows), [])
    if not names:
        raise _unreadable(path, "it is empty: not even the names of columns are there")
    if len(first) > len(names):  # pandas would take the first for names of rows, and shift the others
        raise _unreadable(path, f"its rows have {len(first)} fields, and there are {len(names)} columns")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise _unreadable(path, f"several columns are called {', '.join(map(repr, twice))}")
    return names


def _read_json(library: Library, paths: Sequence[Path]) -> Any:
    parts = [_guard(_json_rows, path) for path in paths]
    names = [list(dict.fromkeys(name for row in rows for name in row)) for rows in parts]
    check_columns(names, paths)
    # All parts at once, so that the types of a column are those of all of its values.
    columns = {name: [row.get(name) for rows in parts for row in rows] for name in names[0]}
    return _guard(lambda _: library.columns(columns), paths[0])


def _json_rows(path: Path) -> list[Mapping[str, Any]]:
    """Return the objects of a file: one a line, or all in one array."""
    with open_part(path) as file, io.TextIOWrapper(file, "utf-8-sig") as text:
        first = text.readline()
        rows: list[Any]
        if first.lstrip().startswith("["):
            rows = json.loads(first + text.read())
        else:
            rows = list(_json_lines(path, [first, *text]))
    if not rows:
        raise _unreadable(path, "it is empty: there is not one row")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise _unreadable(path, f"row {number} is no JSON object")
    return rows


def _json_lines(path: Path, lines: Iterable[str]) -> Iterable[Any]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise _unreadable(path, f"line {number} is no JSON: {error}") from error


def _read_columnar(library: Library, file_format: SourceFormat, paths: Sequence[Path]) -> Any:
    reader = library.columnar
    tables = [_guard(lambda path: reader.read(path, file_format), path) for path in paths]
    kinds = [reader.kinds(table) for table in tables]
    names = [list(kind) for kind in kinds]
    check_columns(names, paths)
    for name in names[0]:
        if _is_mixed(kinds, name):
            raise _mixed(kinds, name, paths)
    return library.finish(_join(reader, tables, names[0], paths))


def _join(library: Joining, tables: Sequence[Any], names: Sequence[str], paths: Sequence[Path]) -> Any:
    if len(tables) == 1:
        return tables[0]
    return _guard(lambda _: library.join(tables, names), paths[-1])


def _is_mixed(kinds: Sequence[Mapping[str, str]], name: str) -> bool:
    return len({kind[name] for kind in kinds} - {NOTHING}) > 1


def _mixed(kinds: Sequence[Mapping[str, str]], name: str, paths: Sequence[Path]) -> UnreadableData:
    known = [(kind[name], path) for kind, path in zip(kinds, paths, strict=True) if kind[name] != NOTHING]
    first, first_path = known[0]
    other, other_path = next(one for one in known if one[0] != first)
    return UnreadableData(
        f"The column {name!r} is {other} in {other_path.name} and {first} in {first_path.name}.",
        where=str(other_path),
        hint="Write the parts of a dataset with the same types.",
    )


def check_columns(names: Sequence[Sequence[str]], paths: Sequence[Path]) -> None:
    """See to it that all parts have the columns of the first one, in whatever order."""
    for other, path in zip(names[1:], paths[1:], strict=True):
        missing, extra = sorted(set(names[0]) - set(other)), sorted(set(other) - set(names[0]))
        if missing or extra:
            lacks = f"lacks {', '.join(map(repr, missing))}" if missing else ""
            has = f"has {', '.join(map(repr, extra))} more" if extra else ""
            raise UnreadableData(
                f"The columns of {path.name} are not those of {paths[0].name}: it "
                f"{' and '.join(filter(None, (lacks, has)))}.",
                where=str(path),
                hint="Give all parts of a dataset the same columns.",
            )


def _guard(read: Callable[[Path], _T], path: Path) -> _T:
    """Read, and say of what goes wrong which file it was."""
    try:
        return read(path)
    except InterlockError:
        raise
    except Exception as error:
        raise _unreadable(path, _reason(error)) from error


def _reason(error: Exception) -> str:
    """Return the first line of what a library says; the rest is advice on its own options."""
    said = str(error).strip().partition("\n")[0].rstrip(".")
    return said if type(error) is ValueError and said else f"{type(error).__name__}: {said}"


def _unreadable(path: Path, problem: str) -> UnreadableData:
    return UnreadableData(f"{path.name} cannot be read: {problem}.", where=str(path))
