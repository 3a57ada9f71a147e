"""Tables on disk: CSV, ECSV, FITS, VOTable and Parquet in and out, nothing lost on the way."""
