"""``python -m bsb_hdf5`` does what ``bsb storage`` does."""

from __future__ import annotations

from .cli.running import main

if __name__ == "__main__":
    raise SystemExit(main())
