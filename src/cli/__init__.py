"""`bsb storage ...` and `python -m bsb_hdf5 ...`: parsing and printing only."""
