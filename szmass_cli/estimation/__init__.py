"""The stage that turns maps and a catalogue into masses."""
