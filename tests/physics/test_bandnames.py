"""Names of bands as surveys, headers and options have them."""

import pytest

from szmass_cli.errors import UsageError
from szmass_cli.physics.bandnames import effective_frequency_ghz, parse_band


@pytest.mark.parametrize(
    ("name", "frequency_ghz"),
    [
        ("f090", 90.0),
        ("f150", 150.0),
        ("F220", 220.0),
        ("pa5_f150", 150.0),
        ("act-planck_dr6.02_coadd_AA_daynight_f150", 150.0),
        ("150GHz", 150.0),
        ("95 GHz", 95.0),
        ("148.9 ghz", 148.9),
        ("spt_150ghz", 150.0),
        ("150", 150.0),
        (150.0, 150.0),
        (93, 93.0),
        ("027", 27.0),
        ("LF_027", 27.0),
        ("MFF1_145", 145.0),
        ("SPT-3G 95", 95.0),
        ("SPT-3G 150GHz", 150.0),
        ("HFI_143", 143.0),
        (" f090 ", 90.0),
    ],
)
def test_frequency_of_a_name(name, frequency_ghz):
    assert parse_band(name) == frequency_ghz


@pytest.mark.parametrize("name", ["", "SPT-3G", "pa5", "f1500", "nan", "0.15", "1.5e11", -150.0, "warm"])
def test_names_without_a_frequency_are_refused(name):
    with pytest.raises(UsageError) as caught:
        parse_band(name)
    assert "f150" in caught.value.hint


def test_name_with_two_frequencies_is_refused():
    with pytest.raises(UsageError, match="90 or 150"):
        parse_band("f090_f150")


@pytest.mark.parametrize(
    ("label", "frequency_ghz"),
    [
        ("f090", 97.8),
        ("pa5_f150", 149.6),
        ("f220", 216.5),
        ("SPT-3G 95", 95.7),
        ("spt3g_150ghz", 148.8),
        ("SPT-3G 220", 220.2),
        ("150GHz", 150.0),
        (145.0, 145.0),
        ("LF_027", 27.0),
    ],
)
def test_sz_effect_is_seen_at_the_effective_frequency(label, frequency_ghz):
    assert effective_frequency_ghz(label) == frequency_ghz
