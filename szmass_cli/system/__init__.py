"""What every room uses: files, HDF5, memory, threads, progress."""
