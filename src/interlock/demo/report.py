"""What the demo shows at the end: a summary in words, and one self-contained HTML page."""

from __future__ import annotations

import html
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from interlock.demo.plots import drift_plot, month_name, scores_plot
from interlock.demo.stage import Played
from interlock.store.publish import write_output


def summary(played: Played) -> dict[str, Any]:
    """Return the numbers of the demo, and lines that say them."""
    promoted = [event for event in played.events if event.kind == "promoted"]
    refused = [event for event in played.events if event.kind == "not promoted"]
    looped = statistics.fmean(score.looped_auc for score in played.scores)
    frozen = statistics.fmean(score.frozen_auc for score in played.scores)
    found: dict[str, Any] = {
        "promotions": len(promoted),
        "refused": len(refused),
        "requests": played.tally.served,
        "failed": played.tally.failed,
        "rows": played.tally.rows,
        "mean_auc_looped": looped,
        "mean_auc_frozen": frozen,
        "months": [score.__dict__ for score in played.scores],
        "reproduced": _reproduced(played),
        "seconds": played.seconds,
    }
    return found | {"lines": [*_score_lines(played), *_count_lines(found), *_place_lines(played)]}


def _score_lines(played: Played) -> Iterable[str]:
    yield "month   flights    AUC looped  frozen    log-loss looped  frozen    answered by version"
    for one in played.scores:
        versions = ", ".join(map(str, one.versions))
        yield (
            f"{month_name(one.month):<7} {one.flights:>7}    {one.looped_auc:>10.4f}  {one.frozen_auc:>6.4f}    "
            f"{one.looped_log_loss:>15.4f}  {one.frozen_log_loss:>6.4f}    {versions}"
        )


def _count_lines(found: dict[str, Any]) -> Iterable[str]:
    yield f"mean AUC: {found['mean_auc_looped']:.4f} looped, {found['mean_auc_frozen']:.4f} frozen in January"
    yield f"requests: {found['requests']} served ({found['rows']} flights), {found['failed']} failed"
    refusals = found["refused"] or "no challenger was refused: each beat the champion on its holdout"
    yield f"promotions: {found['promotions']}; refused: {refusals}"
    if found["reproduced"]:
        yield f"made again: {found['reproduced']}"


def _reproduced(played: Played) -> str:
    if played.certificate is None:
        return ""
    outputs = [one for step in played.certificate.body["steps"] for one in step["outputs"]]
    same = sum(one["verdict"] == "identical" for one in outputs)
    verdict = played.certificate.verdict
    return (
        f"{played.certificate.run_id} is {verdict}: {same} of {len(outputs)} artifacts have the same digest"
    )


def _place_lines(played: Played) -> Iterable[str]:
    yield f"the project: {played.folder}   (interlock runs, interlock models delays, interlock show delays@champion)"
    yield f"artifacts: {played.home / 'store'}   records: {played.home / 'records.db'}"
    yield f"predictions: {played.home / 'predictions' / 'delays'}"


def write_report(played: Played, path: Path) -> Path:
    """Write the page and return its path."""
    found = summary(played)
    body = [
        "<h1>A year of flights, and a model that stays alive</h1>",
        f"<p class=lead>{found['promotions']} promotions, {found['refused']} refused challengers.",
        f"{found['requests']:,} requests served, <b>{found['failed']} failed</b>.",
        f"Mean AUC {found['mean_auc_looped']:.4f} looped, {found['mean_auc_frozen']:.4f} frozen in January.",
        f"{html.escape(found['reproduced'])}.</p>",
        "<h2>Month by month</h2>",
        scores_plot(played.scores),
        _scores_table(played),
        "<h2>What happened</h2>",
        _timeline(played),
        "<h2>Drift of what was asked</h2>",
        _drift(played),
        "<h2>Where everything is</h2>",
        "<pre>" + html.escape("\n".join(_place_lines(played))) + "</pre>",
    ]
    write_output(path, _page("\n".join(body)).encode())
    return path


def _scores_table(played: Played) -> str:
    columns = (
        "month",
        "flights",
        "AUC looped",
        "AUC frozen",
        "log-loss looped",
        "log-loss frozen",
        "versions",
    )
    rows = [
        (
            month_name(one.month),
            f"{one.flights:,}",
            f"{one.looped_auc:.4f}",
            f"{one.frozen_auc:.4f}",
            f"{one.looped_log_loss:.4f}",
            f"{one.frozen_log_loss:.4f}",
            ", ".join(map(str, one.versions)),
        )
        for one in played.scores
    ]
    return _table(columns, rows)


def _timeline(played: Played) -> str:
    rows = [(time.strftime("%H:%M:%S", time.localtime(e.at)), e.kind, e.text) for e in played.events]
    return _table(("when", "what", "why"), rows)


def _drift(played: Played) -> str:
    if not played.drift:
        return "<p>No month was long enough to be judged.</p>"
    columns = list(dict.fromkeys(name for month in played.drift.values() for name in month))
    months = sorted(played.drift)
    psi = [[played.drift[month].get(name, 0.0) for month in months] for name in columns]
    return drift_plot(columns, months, psi)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _page(body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Interlock demo: a year of flights</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; color: #1c1917 }}
h1 {{ font-size: 1.7rem; margin-bottom: .2rem }} h2 {{ margin-top: 2.2rem; font-size: 1.15rem }}
.lead {{ font-size: 1.05rem; color: #44403c }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }}
th {{ text-align: left; font-weight: 600; border-bottom: 2px solid #d6d3d1; padding: .3rem .6rem }}
td {{ border-bottom: 1px solid #e7e5e4; padding: .3rem .6rem; vertical-align: top }}
svg {{ max-width: 100%; height: auto }} pre {{ background: #f5f5f4; padding: .8rem; overflow-x: auto }}
</style></head><body>
{body}
</body></html>
"""
