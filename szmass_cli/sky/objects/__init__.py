"""What is painted on a sky one by one: sources, halos, and all that a cluster shines with besides its gas."""
