"""The stage that trains a network and writes it as a bundle."""
