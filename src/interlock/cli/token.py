"""`interlock token`."""

from __future__ import annotations

from typing import Annotated

import typer

from interlock.cli.console import console, print_json, print_table
from interlock.cli.options import Json, this_project


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        help="Tokens for endpoints that are reached from other machines.", no_args_is_help=True
    )
    group.command("create")(create)
    group.command("list")(list_tokens)
    group.command("revoke")(revoke)
    app.add_typer(group, name="token")


def create(
    scope: Annotated[str, typer.Option(help="What the token allows: infer, read or admin.")] = "infer",
    json: Json = False,
) -> None:
    """Make a token and print it; it is shown this once and cannot be read again."""
    from interlock.serving.tokens import create_token

    token = create_token(this_project().home.create(), scope)
    if json:
        print_json({"token": token, "scope": scope})
    else:
        console().print(token)


def list_tokens(json: Json = False) -> None:
    """List the tokens by id and scope."""
    from interlock.serving.tokens import read_tokens

    found = read_tokens(this_project().home.token_file)
    rows = [{"id": token.id, "scope": token.scope} for token in found]
    if json:
        print_json(rows)
    else:
        print_table("", ("token", "scope"), [tuple(row.values()) for row in rows])


def revoke(token_id: Annotated[str, typer.Argument(help="The id of the token.")], json: Json = False) -> None:
    """Make a token worthless at once."""
    from interlock.serving.tokens import revoke_token

    revoke_token(this_project().home, token_id)
    if json:
        print_json({"revoked": token_id})
    else:
        console().print(f"revoked {token_id}")
