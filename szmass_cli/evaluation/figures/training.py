"""The course of a training."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


GAIN_LOSS = "loss: −ln p gained by the correction [nats a cluster],\nand the SZ map's mean square"
"""What the loss of a correction of the likelihood is; 0 for none, see `network.fit.lessons`."""

MSE_LOSS = "loss: weighted mean square error\nof SZ map and mass pixel"
"""What the loss of the paper's network is, see `network.paper.lesson`."""


def loss_figure(history: list[dict[str, float]], meaning: str) -> "Figure":
    """Return loss against epoch.

    Parameters
    ----------
    history : list of dict
        ``epoch``, ``loss`` and ``validation_loss`` of each epoch.
    meaning : str
        What the loss is: `GAIN_LOSS` or `MSE_LOSS`.
    """
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
    axis.set(xlabel="epoch", ylabel=meaning)
    axis.legend(frameon=False)
    axis.grid(alpha=0.3)
    return figure
