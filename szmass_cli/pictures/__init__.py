"""Pictures of what was measured: clusters one by one, and the report of a run."""
