"""``python -m bsb_hdf5`` does what ``bsb storage`` does."""

from __future__ import annotations

from .cli.starting import INTERRUPTED, ending_at_interrupts

if __name__ == "__main__":
    try:
        with ending_at_interrupts():
            from .cli.running import main

        code = main()
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise SystemExit(code)
