"""What a map is: CAR, any other WCS image or HEALPix behind one interface, and cutouts from it."""

from szmass_cli.maps.cutouts import Cutouts, extract_cutouts
from szmass_cli.maps.reader import open_map
from szmass_cli.maps.skymap import SkyMap, check_resolution
from szmass_cli.maps.units import MapUnits

__all__ = ["Cutouts", "MapUnits", "SkyMap", "check_resolution", "extract_cutouts", "open_map"]
