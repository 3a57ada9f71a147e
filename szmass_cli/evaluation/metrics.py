"""The numbers of reports, as they stand in metrics.json, of either kind of model."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from szmass_cli.errors import InputError
from szmass_cli.evaluation.instruments.metrics import InstrumentsMetrics
from szmass_cli.evaluation.paper.metrics import PaperMetrics

AnyMetrics = PaperMetrics | InstrumentsMetrics

_ANY: TypeAdapter[AnyMetrics] = TypeAdapter(Annotated[AnyMetrics, Field(discriminator="format_version")])


def read_metrics(path: Path) -> AnyMetrics:
    """Return the metrics of a report.

    Raises
    ------
    InputError
        If the file does not hold any, or is of another version.
    """
    try:
        return _ANY.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise InputError(
            f"{path} does not hold metrics: {reason}.", "Evaluate the model again, or update szmass."
        ) from None
