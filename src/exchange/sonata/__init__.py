"""Networks as circuits of SONATA, the format of HDF5 files that simulators exchange."""
