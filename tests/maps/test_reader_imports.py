import subprocess
import sys


def test_runs_do_not_import_healpy_or_matplotlib():
    """They load slowly: a fifth of the start of a run."""
    code = (
        "import sys, szmass_cli.estimation.run; "
        "sys.exit('healpy' in sys.modules or 'matplotlib' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
