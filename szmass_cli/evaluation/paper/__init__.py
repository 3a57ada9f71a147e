"""The report of Gupta & Reichardt (2020) on its own network: figures 3 to 6, and three estimators."""
