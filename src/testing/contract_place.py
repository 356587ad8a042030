"""Stores as a whole: made, copied, moved and removed."""

from __future__ import annotations

import pytest

from ..errors import (
    StoreExistsError,
    StoreNotFoundError,
)
from ..ports.store import AdoptsHandles, Capability
from .contents import (
    contents_of,
    make,
    require_claim,
    snapshot,
    writing,
)
from .contract_samples import (
    CHANGES,
    ROWS,
    NewStore,
    prepare,
)


class PlaceContract:
    """The promises of a store as a whole."""

    def test_a_store_is_there_once_its_creation_is_committed(self, new_store: NewStore) -> None:
        store = new_store("a")
        require_claim(store, Capability.WRITABLE)
        assert not store.exists()
        assert not store.recognizes()
        session = store.create()
        prepare(session.root)
        made = contents_of(session.root)
        assert not new_store("a").exists()
        session.commit()
        assert new_store("a").exists()
        assert new_store("a").recognizes()
        assert made == snapshot(new_store("a"))

    def test_a_creation_that_is_rolled_back_leaves_nothing(self, new_store: NewStore) -> None:
        store = new_store("a")
        require_claim(store, Capability.WRITABLE)
        session = store.create()
        prepare(session.root)
        session.rollback()
        assert not store.exists()
        with pytest.raises(StoreNotFoundError):
            store.open_read()
        assert snapshot(make(store)) == {"attributes": {}, "members": {}}

    def test_a_creation_counts_its_changes(self, new_store: NewStore) -> None:
        require_claim(new_store("a"), Capability.WRITABLE)
        session = new_store("a").create()
        assert session.changes == 0
        session.root.require_group("new")
        assert session.changes > 0
        session.rollback()

    def test_a_store_that_exists_is_not_created_again(self, new_store: NewStore) -> None:
        store = make(new_store("a"), prepare)
        before = snapshot(store)
        with pytest.raises(StoreExistsError):
            store.create()
        assert before == snapshot(store)

    def test_of_two_creations_the_first_to_commit_wins(self, new_store: NewStore) -> None:
        require_claim(new_store("a"), Capability.WRITABLE)
        first, second = new_store("a").create(), new_store("a").create()
        prepare(first.root)
        second.root.require_group("late")
        first.commit()
        before = snapshot(new_store("a"))
        with pytest.raises(StoreExistsError):
            second.commit()
        assert before == snapshot(new_store("a"))

    def test_a_store_that_is_not_there_is_not_found(self, new_store: NewStore) -> None:
        verbs = ["open_read"]
        if Capability.WRITABLE in new_store("missing").capabilities:
            verbs += ["open_write", "remove"]
        for verb in verbs:
            with pytest.raises(StoreNotFoundError):
                getattr(new_store("missing"), verb)()
            assert not new_store("missing").exists()

    def test_what_is_not_there_goes_nowhere(self, new_store: NewStore) -> None:
        target = new_store("target")
        require_claim(target, Capability.WRITABLE)
        for verb in ("copy", "move"):
            with pytest.raises(StoreNotFoundError):
                getattr(new_store("missing"), verb)(target.location)
            assert not target.exists()

    def test_a_copy_is_equal_and_independent(self, new_store: NewStore) -> None:
        store, copy = make(new_store("a"), prepare), new_store("b")
        before = snapshot(store)
        store.copy(copy.location)
        assert before == snapshot(copy)
        for changed, other in ((store, copy), (copy, store)):
            kept = snapshot(other)
            with writing(changed) as root:
                CHANGES["rows overwritten"](root)
                root.array("array").append(ROWS)
                root.attributes.set("text", changed.location)
            assert kept == snapshot(other)

    def test_a_moved_store_is_at_its_new_place_only(self, new_store: NewStore) -> None:
        store, target = make(new_store("a"), prepare), new_store("b")
        before = snapshot(store)
        store.move(target.location)
        assert not store.exists()
        assert before == snapshot(target)
        with pytest.raises(StoreNotFoundError):
            store.open_read()

    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_a_target_where_something_is_keeps_it(self, new_store: NewStore, verb: str) -> None:
        store, target = make(new_store("a"), prepare), make(new_store("b"))
        with writing(target) as root:
            root.attributes.set("of", "the target")
        before = snapshot(store), snapshot(target)
        with pytest.raises(StoreExistsError):
            getattr(store, verb)(target.location)
        assert before == (snapshot(store), snapshot(target))

    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_a_store_that_goes_where_it_is_stays(self, new_store: NewStore, verb: str) -> None:
        store = make(new_store("a"), prepare)
        before = snapshot(store)
        with pytest.raises(StoreExistsError):
            getattr(store, verb)(store.location)
        assert store.exists()
        assert before == snapshot(store)

    def test_a_removed_store_is_gone_and_can_be_made_again(self, new_store: NewStore) -> None:
        store = make(new_store("a"), prepare)
        store.remove()
        assert not new_store("a").exists()
        assert not new_store("a").recognizes()
        assert snapshot(make(store)) == {"attributes": {}, "members": {}}

    def test_what_it_can_not_do_is_said_in_a_sentence_each(self, new_store: NewStore) -> None:
        for capability, sentence in new_store("a").capabilities.limits.items():
            assert isinstance(capability, Capability)
            assert sentence[0].isupper() and sentence.endswith(".")

    def test_identity_distinguishes_places(self, new_store: NewStore) -> None:
        assert new_store("a").identity == new_store("a").identity
        assert new_store("a").identity != new_store("b").identity
        assert new_store("a").location == new_store("a").location

    def test_a_handle_of_no_backend_is_not_adopted(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        for handle in (None, "a path", 5, object()):
            assert not isinstance(store, AdoptsHandles) or store.adopt(handle) is None
