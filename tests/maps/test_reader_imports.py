"""What opening a map does not load."""

import subprocess
import sys


def test_maps_that_are_images_are_read_without_healpy():
    """It loads matplotlib, which is a fifth of the start of a run."""
    code = (
        "import sys, szmass_cli.estimation.run; "
        "sys.exit('healpy' in sys.modules or 'matplotlib' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
