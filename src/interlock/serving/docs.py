"""The page that shows how to ask: one file without scripts, fonts or anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import shlex

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from interlock.models.codec import Column, Schema
from interlock.serving.live import Live, Servable
from interlock.serving.openapi import example_row, openapi
from interlock.serving.service import json_response

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h1 small { font-weight: normal; opacity: .7; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
pre { padding: .8rem; overflow-x: auto; background: #8882; border-radius: .4rem; }
code { font: 14px/1.5 ui-monospace, monospace; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
_CSP = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"
_SHOWN_CATEGORIES = 12


class Docs:
    """The documentation of the version that is live."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the documentation."""
        return [Route("/docs", self.page), Route("/openapi.json", self.openapi)]

    async def page(self, request: Request) -> Response:
        """Return the page."""
        text = _page(self._live.current.bundle, str(request.base_url).rstrip("/"))
        return Response(text, media_type="text/html", headers={"content-security-policy": _CSP})

    async def openapi(self, _request: Request) -> Response:
        """Return the OpenAPI document."""
        return json_response(openapi(self._live.current.bundle))


def _page(bundle: Servable, url: str) -> str:
    model = html.escape(bundle.model)
    ask = json.dumps({"rows": [example_row(bundle.request_schema)]}, indent=1)
    curl = (
        f"curl {url}/models/{bundle.model}/predict -H 'Content-Type: application/json' -d {shlex.quote(ask)}"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{model}</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>{model} <small>version {bundle.version}, run {html.escape(bundle.run_id)}</small></h1>
<p>Send rows, get one answer for each, in their order.
The same as a machine reads it: <a href="/openapi.json">openapi.json</a>.
The Open Inference Protocol: <a href="/v2/models/{model}">/v2/models/{model}</a>.
Numbers of this endpoint: <a href="/metrics">metrics</a>.</p>
<h2>Ask</h2>
<pre><code>{html.escape(curl)}</code></pre>
<p>Optional <code>"ids"</code>, one for each row, name the rows in the prediction log, where the outcome is joined to
them later. Where a token is needed, add <code>-H "Authorization: Bearer TOKEN"</code>.</p>
<h2>A row</h2>
{_table(bundle.request_schema)}
<h2>An answer</h2>
{_table(bundle.answer_schema)}
<h2>Errors</h2>
<p>Every error is JSON with <code>error</code> and <code>request_id</code>; a request that does not fit the model also
has <code>faults</code>: a list of <code>row</code>, <code>column</code> and <code>problem</code>.</p>
</body></html>
"""


def _table(schema: Schema) -> str:
    lines = [_line(column, schema) for column in schema.columns]
    return f"<table><tr><th>Column</th><th>Type</th><th>Null</th></tr>{''.join(lines)}</table>"


def _line(column: Column, schema: Schema) -> str:
    kind = f"{schema.width} values of type {column.type}" if schema.container == "matrix" else column.type
    if column.categories:
        shown = ", ".join(json.dumps(value) for value in column.categories[:_SHOWN_CATEGORIES])
        more = len(column.categories) - _SHOWN_CATEGORIES
        kind += f": {shown}" + (f" and {more} more" if more > 0 else "")
    cells = (column.name, kind, "yes" if column.nullable else "no")
    return f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
