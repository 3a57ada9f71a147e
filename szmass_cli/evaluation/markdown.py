"""Tables of Markdown."""


def table(headings: list[str], rows: list[list[str]]) -> str:
    """Return a table; all columns but the first are flush right."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


LEAK = "The network is better than the best possible estimator by over three sigma."
LEAK_HINT = "It has seen the test set, or its skies have weaker foregrounds than they should."


def leak_warning() -> str:
    """Return what stands at the top of a report whose network did better than is possible."""
    return f"**FAILED: {LEAK}** {LEAK_HINT}"
