"""Command lines as text come out of a shell as they went in."""

import os
import subprocess

from hypothesis import example, given, settings
from hypothesis import strategies as st

from szmass_cli.system.shelltext import shell_line

WORDS = st.lists(st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"])), min_size=1)


@settings(max_examples=60)
@example(["'/a b'", "µ!", 'a$(b)`c`"d"\\', "", "don't/ 'x'"])
@given(WORDS)
def test_a_shell_reads_back_the_words_from_printable_ascii(words):
    line = shell_line(words)
    assert line.isascii() and line.isprintable() and "'" not in line
    echoed = subprocess.run(["sh", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout
    assert [os.fsdecode(word) for word in echoed.split(b"\0")[:-1]] == words
