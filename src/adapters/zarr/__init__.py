"""Networks in zarr stores: directories, archives and object stores."""
