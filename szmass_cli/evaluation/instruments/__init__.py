"""How good a model for any instrument is: posteriors beside the exact ones, on many instruments and skies."""
