"""The stages that simulate: training cutouts, survey fields, and their figures."""
