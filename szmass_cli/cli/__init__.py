"""The command line: Typer commands over the stages, Rich for the terminal."""
