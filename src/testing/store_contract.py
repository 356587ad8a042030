"""
The promises of a store: one suite, with a subclass for each adapter.

A subclass overrides fixtures: ``new_store``; ``new_impatient_store`` if its stores wait long for
locks; ``filled_store`` if they are read-only. A subclass that replaces or removes a test raises a
``TypeError``.
"""

from __future__ import annotations

import pytest

from .contract_arrays import ArrayContract
from .contract_attributes import AttributeContract
from .contract_by_key import KeyContract
from .contract_claims import ClaimContract
from .contract_documents import DocumentContract
from .contract_faults import FaultContract
from .contract_files import FileContract
from .contract_groups import GroupContract
from .contract_names import NameContract
from .contract_place import PlaceContract
from .contract_reading import ReadingContract
from .contract_rewriting import RewritingContract
from .contract_samples import NewStore
from .contract_sessions import SessionContract
from .contract_sizes import SizeContract
from .contract_versions import VersionContract

__all__ = ["NewStore", "StoreContract"]


class StoreContract(
    GroupContract,
    ArrayContract,
    DocumentContract,
    AttributeContract,
    NameContract,
    SizeContract,
    ClaimContract,
    FaultContract,
    FileContract,
    SessionContract,
    VersionContract,
    PlaceContract,
    RewritingContract,
    ReadingContract,
    KeyContract,
):
    """
    The promises of ``ports/arrays.py`` and ``ports/store.py``.

    :raises TypeError: a subclass replaces a test.
    """

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        tests = [name for name in dir(StoreContract) if name.startswith("test")]
        replaced = [
            name for name in tests if getattr(cls, name, None) is not getattr(StoreContract, name)
        ]
        if replaced:
            raise TypeError(
                f"'{cls.__name__}' replaces {', '.join(replaced)} of the contract; a store has to"
                " pass all of it. Override only the fixtures 'new_store', 'new_impatient_store' and"
                " 'filled_store', and add tests under other names"
            )

    @pytest.fixture
    def new_store(self) -> NewStore:
        """A function that makes a store of a name; an equal name means the same place."""
        raise NotImplementedError
