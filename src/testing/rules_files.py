"""Random files: stored and removed."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from .network_choices import names
from .network_history import NetworkHistory


class FileRules(NetworkHistory):
    """The rules that change files."""

    def store_file(self, name: str, content: str | bytes, note: int) -> None:
        meta = {"note": note}
        assert name == self.storage.files.store(content, id=name, meta=meta, overwrite=True)
        self.model.files[name] = (content, meta)

    def remove_file(self, name: str) -> None:
        if name in self.model.files:
            self.storage.files.remove(name)
            del self.model.files[name]

    @rule(
        name=names,
        content=st.none() | st.text(max_size=20) | st.binary(max_size=20),
        note=st.integers(0, 9),
    )
    def change_files(self, name: str, content: str | bytes | None, note: int) -> None:
        if content is None:
            self.remove_file(name)
        else:
            self.store_file(name, content, note)
