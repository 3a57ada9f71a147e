"""Pictures of what was simulated; the only place that imports matplotlib, and late."""
