"""The course of a training."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def loss_figure(history: list[dict[str, float]]) -> "Figure":
    """Return loss against epoch."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axis = figure.subplots()
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    epochs = [row["epoch"] for row in history]
    for key, style, label in (("loss", "o-", "training"), ("validation_loss", "s-", "validation")):
        axis.plot(epochs, [row[key] for row in history], style, ms=3, label=label)
    # a likelihood's loss may be negative
    if min(row[key] for row in history for key in ("loss", "validation_loss")) > 0:
        axis.set_yscale("log")
    axis.set(xlabel="epoch", ylabel="loss")
    axis.legend(frameon=False)
    axis.grid(alpha=0.3)
    return figure
