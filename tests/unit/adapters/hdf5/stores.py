"""Changes of a store, and failures of the system."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Hold = Callable[..., subprocess.Popen[bytes]]


def change_much(root: Any) -> None:
    root.array("rows").write(0, -np.arange(3000.0))
    root.array("rows").append(np.ones(200_000))
    root.delete("group")
    root.write_document("new", "x" * 10_000)
    root.array("rows").attributes.set("text", "after, and longer")


def fail_with(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def files(tmp_path: Path) -> list[str]:
    return sorted(os.listdir(tmp_path))
