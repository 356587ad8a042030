"""HDF5 files through h5py; the only place that imports it."""
