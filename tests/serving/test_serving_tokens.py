from __future__ import annotations

import stat
from pathlib import Path

import pytest

from interlock.serving.tokens import (
    TokenBook,
    TokenFileUnreadable,
    UnknownScope,
    UnknownToken,
    UnsafeBind,
    check_bind,
    create_token,
    is_loopback,
    read_tokens,
    revoke_token,
)
from interlock.stack.layout import Home


def test_a_token_is_recognised_and_its_secret_is_not_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    token = create_token(home, "infer")

    assert TokenBook(home.token_file).verify(token.encode()) == "infer"
    assert token not in home.token_file.read_text()
    assert stat.S_IMODE(home.token_file.stat().st_mode) == 0o600


def test_a_revoked_token_is_refused_at_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    token, other = create_token(home, "infer"), create_token(home, "read")
    book = TokenBook(home.token_file)
    assert book.verify(token.encode()) == "infer"

    revoke_token(home, read_tokens(home.token_file)[0].id)

    assert book.verify(token.encode()) is None
    assert book.verify(other.encode()) == "read"


def test_a_token_made_while_the_book_is_open_is_recognised(tmp_path: Path) -> None:
    book = TokenBook(Home(tmp_path).token_file)
    assert book.verify(b"ilk_00000000_" + b"A" * 43) is None

    assert book.verify(create_token(Home(tmp_path), "admin").encode()) == "admin"


@pytest.mark.parametrize(
    "change", [lambda t: t + b"x", lambda t: t[:-1], bytes.upper, lambda t: t[:-1] + b"\xe9"]
)
def test_a_changed_token_is_refused(tmp_path: Path, change) -> None:
    token = create_token(Home(tmp_path), "admin").encode()

    assert TokenBook(Home(tmp_path).token_file).verify(change(token)) is None


def test_an_unknown_scope_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownScope, match="'infr'") as error:
        create_token(Home(tmp_path), "infr")

    assert error.value.hint == "Did you mean 'infer'?"
    assert error.value.exit_code == 2


def test_revoking_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownToken, match="no token 'abc'"):
        revoke_token(Home(tmp_path), "abc")


def test_a_damaged_file_of_tokens_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("{")

    with pytest.raises(TokenFileUnreadable, match="does not hold a list of tokens"):
        TokenBook(tmp_path / "token").verify(b"ilk_00000000_" + b"A" * 43)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "*", "10.0.0.1", "example.org"])
def test_an_open_address_needs_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(UnsafeBind, match="open to other machines") as error:
        check_bind(Home(tmp_path), host)
    assert error.value.exit_code == 2

    create_token(Home(tmp_path), "infer")
    check_bind(Home(tmp_path), host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1", "[::1]"])
def test_loopback_needs_none(tmp_path: Path, host: str) -> None:
    assert is_loopback(host)
    check_bind(Home(tmp_path), host)
