"""What a trial may find."""


class Fault(AssertionError):
    """The program answered, and wrongly."""
