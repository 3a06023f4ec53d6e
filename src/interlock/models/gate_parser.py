"""Read one line of the gate language into a small tree, by hand: a gate is never evaluated as code.

auc >= 0.70                    a floor
auc > champion.auc by 0.002    better than the champion, and by how much
log_loss <= champion.log_loss + 0.01
parity                         the served slice reproduces the recorded answer
no leakage                     no fit has seen the rows it is judged on
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from interlock.errors import InterlockError

Operator: TypeAlias = Literal[">=", ">", "<=", "<", "==", "!="]
"""How the two sides of a gate are compared."""

_OPERATORS: tuple[Operator, ...] = (">=", "<=", "==", "!=", ">", "<")
_WITH_MARGIN = frozenset({">", ">=", "<", "<="})
_KEYWORDS = frozenset({"by", "champion", "leakage", "no", "parity"})
_NAME = r"[^\W\d][\w@/]*"
_PLAIN_NAME = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_TOKEN = re.compile(
    rf"""(?P<number>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
       | (?P<name>`[^`]+`|{_NAME})
       | (?P<symbol>>=|<=|==|!=|=>|=<|[<>=≥≤+\-.*/])
       | (?P<other>\S)""",
    re.VERBOSE,
)
_ONLY_SUMS = "Only + and - are known here; use them, or let a step compute the metric."
_NEAR = {"=>": ">=", "=<": "<=", "=": "==", "≥": ">=", "≤": "<="}


class GateSyntaxError(InterlockError):
    """A gate that cannot be read; the message points at the column where reading stopped.

    Args:
        text: The gate as it was written.
        column: Where reading stopped, counted from 0.
        expected: What could have stood there.
        hint: The way out, where one is known.
    """

    def __init__(self, text: str, column: int, expected: str, *, hint: str = "") -> None:
        super().__init__(
            f"Gate {text!r} cannot be read: expected {expected} at column {column + 1}.\n"
            f"    {text}\n"
            f"    {' ' * column}^",
            hint=hint,
        )
        self.text = text
        self.column = column
        self.expected = expected


@dataclass(frozen=True)
class Metric:
    """A metric of the model that is judged, or of the champion on the same holdout."""

    name: str
    champion: bool = False

    def __str__(self) -> str:
        plain = _PLAIN_NAME.fullmatch(self.name) and not _KEYWORDS & set(self.name.split("."))
        name = self.name if plain else f"`{self.name}`"
        return f"champion.{name}" if self.champion else name


@dataclass(frozen=True)
class Term:
    """A metric or a number with its sign in a sum."""

    item: Metric | float
    negative: bool = False

    def __str__(self) -> str:
        return str(self.item)


@dataclass(frozen=True)
class Sum:
    """One side of a comparison."""

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        first, *rest = self.terms
        text = f"-{first}" if first.negative else str(first)
        return text + "".join(f" {'-' if term.negative else '+'} {term}" for term in rest)

    def metrics(self) -> Iterator[Metric]:
        """Give the metrics of this side, from left to right."""
        return (term.item for term in self.terms if isinstance(term.item, Metric))


@dataclass(frozen=True)
class Comparison:
    """`left operator right`, with a margin where the gate says "by"."""

    left: Sum
    operator: Operator
    right: Sum
    by: float | None = None

    def __str__(self) -> str:
        margin = "" if self.by is None else f" by {self.by}"
        return f"{self.left} {self.operator} {self.right}{margin}"

    def metrics(self) -> tuple[Metric, ...]:
        """Return the metrics of both sides, from left to right."""
        return (*self.left.metrics(), *self.right.metrics())


@dataclass(frozen=True)
class ParityRule:
    """The word "parity"."""

    def __str__(self) -> str:
        return "parity"


@dataclass(frozen=True)
class LeakageRule:
    """The words "no leakage"."""

    def __str__(self) -> str:
        return "no leakage"


Rule: TypeAlias = Comparison | ParityRule | LeakageRule
"""What a gate asks for."""


def parse_rule(text: str) -> Rule:
    """Read one gate.

    Raises:
        GateSyntaxError: The text is not a gate; it says where and what was expected.
    """
    return _Parser(text).rule()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def _tokens(text: str) -> list[_Token]:
    found = [_Token(match.lastgroup or "", match.group(), match.start()) for match in _TOKEN.finditer(text)]
    return [*found, _Token("end", "", len(text))]


class _Parser:
    """A recursive descent over the tokens of one gate."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0

    def rule(self) -> Rule:
        words = [token.text for token in self._tokens[:-1]]
        if words == ["parity"]:
            return ParityRule()
        if words == ["no", "leakage"]:
            return LeakageRule()
        if words[:1] == ["no"]:
            self._at = 1
            raise self._stop("'leakage'")
        comparison = Comparison(self._sum(), self._operator(), self._sum(), self._margin())
        self._end(comparison)
        if not comparison.metrics():
            self._at = 0
            raise self._stop("the name of a metric somewhere in the gate")
        return comparison

    def _sum(self) -> Sum:
        terms = [self._term(negative=self._skip("-"))]
        while self._token.text in {"+", "-"}:
            negative = self._token.text == "-"
            self._at += 1
            terms.append(self._term(negative=negative))
        return Sum(tuple(terms))

    def _term(self, *, negative: bool) -> Term:
        if self._token.kind == "number":
            return Term(self._number(), negative)
        if self._token.kind == "name" and self._token.text != "by":
            return Term(self._metric(), negative)
        raise self._stop("a metric or a number")

    def _number(self) -> float:
        token = self._token
        try:
            number = float(token.text)
        except ValueError:
            raise self._stop(
                "a number", hint="Digits may be grouped by single underscores: 10_000."
            ) from None
        if number == float("inf"):
            raise self._stop("a number that a float can hold")
        self._at += 1
        if self._token.kind == "name" and self._token.start == token.end:
            raise self._stop("the end of the number", hint="Numbers have no unit here: p99_ms <= 25.")
        return number

    def _metric(self) -> Metric:
        parts = [self._name()]
        while self._token.text == "." and self._token.start == self._tokens[self._at - 1].end:
            self._at += 1
            parts.append(self._name())
        if parts[0] != "champion":
            return Metric(".".join(part.strip("`") for part in parts))
        if len(parts) == 1:
            raise self._stop("'.' and a metric of the champion", hint="For example: auc > champion.auc")
        return Metric(".".join(part.strip("`") for part in parts[1:]), champion=True)

    def _name(self) -> str:
        token = self._token
        if token.kind != "name" or token.text == "by":
            raise self._stop(
                "the name of a metric", hint="A name with other signs goes in backquotes: `f1-score`."
            )
        self._at += 1
        return token.text

    def _operator(self) -> Operator:
        for operator in _OPERATORS:
            if self._skip(operator):
                return operator
        near = _NEAR.get(self._token.text)
        if near:
            hint = f"Did you mean {near!r}?"
        elif self._token.text in {"*", "/"}:
            hint = _ONLY_SUMS
        else:
            hint = "A gate is a comparison such as auc >= 0.70, or one of: parity, no leakage."
        raise self._stop("one of >=, >, <=, <, ==, !=", hint=hint)

    def _margin(self) -> float | None:
        if self._token.text != "by":
            return None
        if not any(token.text in _WITH_MARGIN for token in self._tokens):
            raise self._stop("the end of the gate", hint="'by' goes with >, >=, < and <=.")
        self._at += 1
        if self._token.kind != "number":
            raise self._stop("a number after 'by'")
        return self._number()

    def _end(self, comparison: Comparison) -> None:
        if self._token.kind == "end":
            return
        hint = ""
        if self._token.text in _OPERATORS:
            hint = "One comparison a gate: write two gates, all of them have to pass."
        elif self._token.text.lower() in {"and", "or"}:
            hint = "Write each comparison as a gate of its own: all of them have to pass."
        elif self._token.text in {"*", "/"}:
            hint = _ONLY_SUMS
        more = "" if comparison.by is not None else "+, -, 'by' or "
        raise self._stop(f"{more}the end of the gate", hint=hint)

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _skip(self, text: str) -> bool:
        if self._token.text != text:
            return False
        self._at += 1
        return True

    def _stop(self, expected: str, *, hint: str = "") -> GateSyntaxError:
        return GateSyntaxError(self._text, self._token.start, expected, hint=hint)
