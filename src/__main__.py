"""``python -m bsb_hdf5`` does what ``bsb storage`` does."""

from __future__ import annotations

from .cli.running import main

raise SystemExit(main())
