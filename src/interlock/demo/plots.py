"""The plots of the demo's report, as SVG text that stands in the page."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.figure import Figure

from interlock.demo.judge import MonthScore

_LOOPED, _FROZEN = "#0f766e", "#b45309"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def month_name(number: int) -> str:
    """Return the short name of a month."""
    return _MONTHS[number - 1]


def scores_plot(scores: Sequence[MonthScore]) -> str:
    """Plot AUC and log-loss month by month, looped beside frozen."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    auc, loss = figure.subplots(1, 2)
    names = [month_name(one.month) for one in scores]
    for axes, title, looped, frozen in (
        (auc, "AUC (higher is better)", [s.looped_auc for s in scores], [s.frozen_auc for s in scores]),
        (
            loss,
            "log-loss (lower is better)",
            [s.looped_log_loss for s in scores],
            [s.frozen_log_loss for s in scores],
        ),
    ):
        axes.plot(names, looped, color=_LOOPED, marker="o", label="looped")
        axes.plot(names, frozen, color=_FROZEN, marker="o", linestyle="--", label="frozen in January")
        axes.set_title(title, loc="left", fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
        axes.legend(frameon=False)
    return _svg(figure)


def drift_plot(columns: Sequence[str], months: Sequence[int], psi: Sequence[Sequence[float]]) -> str:
    """Plot the drift of each column (rows) in each month (columns) as a heat map of its PSI."""
    figure = Figure(figsize=(11, 0.32 * len(columns) + 1.2), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(psi, aspect="auto", cmap="YlOrBr", vmin=0, vmax=0.5)
    axes.set_xticks(range(len(months)), [month_name(month) for month in months])
    axes.set_yticks(range(len(columns)), columns)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="PSI", extend="max", shrink=0.9)
    return _svg(figure)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
