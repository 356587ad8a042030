"""The ``storage`` block of a configuration, for each engine."""

from __future__ import annotations

import difflib
import math
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias, cast

import attrs
from bsb import CastError, config, get_config_attributes
from bsb import StorageNode as _StorageNode

from .core.layouts.detection import LAYOUTS
from .errors import DtypeError, InputError
from .ports.services import ServiceOptions, check_alone, is_url, without_credentials
from .ports.versions import check_version

DURABILITIES = ("process", "power")
LOCK_LIMIT = 600.0
"""The default limit on waiting for a lock, in seconds."""


Root: TypeAlias = str | os.PathLike[str]
"""The location of a storage: a path, a URL or a name, depending on the engine."""


def plain_root(root: object) -> str:
    """
    A root as plain text, without the settings that may come with it.

    :raises DtypeError: it is neither a text nor a path.
    """
    try:
        return str(os.fsdecode(cast(Root, root)))
    except TypeError as error:
        raise DtypeError(
            # It may be an object with settings of a storage, including secrets.
            f"the root of a storage must be a str or a path, not {type(root).__name__}",
            asked=root,
        ) from error


def as_lock_limit(value: Any) -> float:
    """
    A limit of waiting for locks, in seconds; infinite for no limit.

    :raises InputError: it is not a number above 0.
    """
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not seconds > 0:
        raise InputError(
            f"lock_limit must be seconds above 0 (infinity for no limit), not {value!r}",
            asked=value,
        )
    return seconds


# The name of the type in BSB's errors.
as_lock_limit.__name__ = "seconds above 0"


def as_service_options(value: Any) -> ServiceOptions:
    """
    The options of an object store.

    :param value: an object with some of the options of
        :class:`~bsb_hdf5.ports.services.ServiceOptions`.
    :raises InputError: it has other options, or values of another type.
    """
    if isinstance(value, ServiceOptions):
        return value
    if not isinstance(value, Mapping):
        raise InputError(f"storage_options must be an object, not {type(value).__name__}")
    fields = attrs.fields_dict(ServiceOptions)
    for name, given in value.items():
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, 1)
            raise InputError(
                f"storage_options has no option {name!r}"
                + (f"; did you mean '{near[0]}'?" if near else f"; it has {', '.join(fields)}"),
                asked=name,
                valid=tuple(fields),
            )
        _check_option(str(name), given)
    return ServiceOptions(**value)


def _check_option(name: str, given: object) -> None:
    if name == "max_age":
        if isinstance(given, bool) or not isinstance(given, int | float) or not given >= 0:
            raise InputError(
                f"the storage option 'max_age' must be seconds, 0 or more, not {given!r}",
                asked=name,
            )
        return
    expected = bool if name == "anonymous" else str
    if type(given) is not expected:
        # The value may be a secret.
        raise InputError(
            f"the storage option {name!r} must be a {expected.__name__},"
            f" not {type(given).__name__}",
            asked=name,
        )


def _as_config(value: Any) -> ServiceOptions:
    try:
        return as_service_options(value)
    except InputError as error:
        # BSB replaces any other error by one that shows the value, which may contain secrets.
        raise CastError(str(error)) from error


def _as_stored(options: ServiceOptions) -> dict[str, object]:
    """The options that are stored with a configuration, without secrets."""
    return options.public


_as_config.__name__ = "options of a service"
_as_config.__inv__ = _as_stored  # type: ignore[attr-defined]


class NetworkRoot(str):
    """
    The root of a storage, and how to store a network there.

    It is equal to its text. An existing network keeps its layout.

    :param root: path of the file, or what the engine takes as a root.
    :param layout: see :attr:`StorageNode.layout`; None for the default.
    :param durability: see :attr:`StorageNode.durability`; None for the default.
    :param lock_limit: see :attr:`StorageNode.lock_limit`; None for the default.
    :param version: version of a network in an object store: id, tag or time; None for the latest.
    :param storage_options: see :attr:`ZarrStorageNode.storage_options`.
    :raises InputError: there are no such options, or the time of a version has no time zone.
    """

    layout: str | None
    durability: str | None
    lock_limit: float | None
    version: str | datetime | None
    storage_options: ServiceOptions | None

    def __new__(
        cls,
        root: object,
        layout: str | None = None,
        durability: str | None = None,
        lock_limit: float | None = None,
        version: str | datetime | None = None,
        storage_options: ServiceOptions | Mapping[str, object] | None = None,
    ) -> NetworkRoot:
        made = super().__new__(cls, root)
        made.layout, made.durability, made.lock_limit = layout, durability, lock_limit
        if version is not None:
            check_version(version)
        made.version = version
        given = storage_options
        made.storage_options = None if given is None else as_service_options(given)
        return made

    @classmethod
    def of(cls, root: object) -> NetworkRoot:
        """
        A root with the settings that come with it, if any do.

        :raises DtypeError: it is neither a text nor a path.
        """
        return root if isinstance(root, NetworkRoot) else cls(plain_root(root))

    def __reduce__(self) -> tuple[type[NetworkRoot], tuple[Any, ...]]:
        settings = (self.layout, self.durability, self.lock_limit, self.version)
        return type(self), (str(self), *settings, self.storage_options)

    def __str__(self) -> str:
        # The plain text, not this object, as formats know no subclasses of str.
        return "".join(self)


def check_new_root(root: object) -> None:
    """
    Check that a network can be made at a root.

    :raises DtypeError: it is neither a text nor a path.
    :raises InputError: it comes with a version.
    """
    place = NetworkRoot.of(root)
    if place.version is not None:
        raise InputError(
            f"a network can't be made at version '{place.version}' of"
            f" '{without_credentials(str(place))}'; pass the root without a version",
            asked=place.version,
        )


SETTINGS = ("layout", "durability", "lock_limit", "storage_options")
"""The settings of a configuration with which a network is opened, apart from its root."""
_Attribute: Any = type(config.attr())


class RootAttribute(_Attribute):
    """
    Returns the root with the settings beside it in the configuration.

    The settings of a root that has some are moved there.
    """

    def __get__(self, instance: object, owner: object) -> Any:
        root = super().__get__(instance, owner)
        if not isinstance(root, str):
            return root
        settings = {name: getattr(instance, name, None) for name in SETTINGS}
        given = {name: value for name, value in settings.items() if value is not None}
        return NetworkRoot(root, **given) if given else str(root)

    def __set__(self, instance: Any, value: object) -> None:
        super().__set__(instance, value)
        attributes = get_config_attributes(type(instance))
        for name in _settings_of(value):
            attributes[name].take_from_root(instance)

    def _cast(self, instance: object, value: object) -> object:
        plain = super()._cast(instance, value)
        if not isinstance(value, NetworkRoot):
            return plain
        if value.version is not None:
            raise CastError(
                "a configuration opens the last version of a network; open an earlier one with"
                " bsb_hdf5.open_storage(root, version=...)"
            )
        attributes = get_config_attributes(type(instance))
        for name in _settings_of(value):
            if not isinstance(attributes.get(name), SettingAttribute):
                raise CastError(
                    f"the root comes with the setting '{name}', which its engine does not have"
                )
        return value

    def tree(self, instance: object) -> object:
        """The value that is stored: the plain text."""
        root = self.__get__(instance, type(instance))
        return root if root is None else str(root)

    def __catch__(self, node: _CheckedAtBoot, key: str, value: object) -> None:
        """Look at a key that no attribute has, which BSB sets next and then refuses."""
        node.__dict__[_REFUSED] = key
        raise KeyError(key)

    def contains(self, node: object, key: str) -> bool:
        """Whether it has caught a key: none."""
        return False


def _settings_of(root: object) -> list[str]:
    """The settings that come with a root."""
    return [name for name in SETTINGS if getattr(root, name, None) is not None]


class SettingAttribute(_Attribute):
    """A setting beside a root; that of the root has precedence."""

    def __get__(self, instance: object, owner: object) -> Any:
        own = super().__get__(instance, owner)
        return self._of_root(instance) if own is None else own

    def take_from_root(self, instance: object) -> None:
        """Let what the root says hold in place of what was said before."""
        self.flag_dirty(instance)
        self.fset(instance, None)

    def is_dirty(self, instance: object) -> bool:
        """Whether it was said, here or with the root: BSB sets what is not said here to None."""
        return bool(super().is_dirty(instance)) or self._of_root(instance) is not None

    def tree(self, instance: object) -> object:
        """The value that is stored."""
        return self.tree_of(self.__get__(instance, type(instance)))

    def _of_root(self, instance: object) -> Any:
        return getattr(vars(instance).get("_root"), self.attr_name, None)


# The attribute in which a node notes the key that BSB is about to refuse.
_REFUSED = "_bsb_hdf5_refused"


def _nearest(text: str, choices: Iterable[str]) -> str:
    near = difflib.get_close_matches(text, list(choices), 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str]:
    """A type of BSB's that takes one of some texts, and suggests the nearest to another."""

    def choose(value: object) -> str:
        if value in choices:
            return str(value)
        meant = _nearest(str(value), choices)
        raise CastError(f"{value!r} is not one of {', '.join(choices)}{meant}")

    choose.__name__ = f"one of {', '.join(choices)}"
    return choose


class KnownKeys:
    """A node whose keys are looked at: a root attribute of it catches those that are unknown."""

    def __setattr__(self, name: str, value: object) -> None:
        """
        Set an attribute.

        :raises bsb.CastError: the configuration has a key that nothing is known by; BSB says so
            without the nearest that is known, and shows all that the node was to be made of.
        """
        if self.__dict__.pop(_REFUSED, None) == name:
            known = _nearest(name, get_config_attributes(type(self)))
            raise CastError(f"Unknown attribute: '{name}'{known}")
        super().__setattr__(name, value)


class _CheckedAtBoot(KnownKeys):
    """A node whose network is looked at before BSB boots what it is to hold."""

    scaffold: Any

    def boot(self) -> None:
        self.scaffold.storage._engine.check_network()


def _as_root(value: object) -> str:
    root = str(value)
    if is_url(root):
        try:
            check_alone(root, "root")
        except InputError as error:
            # BSB replaces any other error by one that shows the root.
            raise CastError(str(error)) from error
    return root


# The name of the type in BSB's errors.
_as_root.__name__ = "str"


def _default_root() -> str:
    name = f"scaffold_network_{date.today():%Y_%m_%d}_{uuid.uuid4().hex}.hdf5"
    return str(Path(name).absolute())


@config.node
class StorageNode(_CheckedAtBoot, _StorageNode):
    """The ``storage`` block with ``engine: hdf5``."""

    root = RootAttribute(type=_as_root, default=_default_root, call_default=True)
    """Path of the file."""
    layout = SettingAttribute(type=_one_of(LAYOUTS))
    """
    Layout of a new file: ``classic``, which bsb-hdf5 8.0.2 reads and writes too, or ``columnar``.
    If it is not given, BSB's option ``hdf5_layout`` applies (environment variable
    ``BSB_HDF5_LAYOUT``), then the layout of a network that is cleared, then ``classic``.
    """
    durability = SettingAttribute(type=_one_of(DURABILITIES))
    """
    With ``process``, everything that was stored survives the death of a process; with ``power``
    also a power cut, for which each session waits for the disk at its end. If it is not given,
    BSB's option ``hdf5_durability`` applies, then ``process``.
    """
    lock_limit = SettingAttribute(type=as_lock_limit)
    """
    Seconds to wait for other threads or programs that use the network, before a
    :class:`~bsb_hdf5.errors.LockTimeoutError`: a number above 0, or infinite (``.inf`` in YAML)
    for no limit. By default 600.
    """


def _unique_root() -> str:
    return f"scaffold_network_{uuid.uuid4().hex}"


@config.node
class MemoryStorageNode(_CheckedAtBoot, _StorageNode):
    """The ``storage`` block with ``engine: memory``."""

    root = RootAttribute(type=_as_root, default=_unique_root, call_default=True)
    """Any text. Storages with the same root in one process see the same network."""
    lock_limit = SettingAttribute(type=as_lock_limit)
    """As for :attr:`StorageNode.lock_limit`, but for threads only."""


def _default_directory() -> str:
    return _default_root().removesuffix(".hdf5") + ".zarr"


@config.node
class ZarrStorageNode(_CheckedAtBoot, _StorageNode):
    """The ``storage`` block with ``engine: zarr``."""

    root = RootAttribute(type=_as_root, default=_default_directory, call_default=True)
    """Path of a directory, path of a ``.zip`` to read, or URL, such as ``s3://bucket/name``."""
    lock_limit = SettingAttribute(type=as_lock_limit)
    """As for :attr:`StorageNode.lock_limit`; programs wait for each other in directories only."""
    storage_options = SettingAttribute(type=_as_config)
    """
    Options of the service of a URL: ``endpoint``, ``region``, ``anonymous``, credentials and others
    (:class:`~bsb_hdf5.ports.services.ServiceOptions`). The usual environment variables apply to
    those that are not given. A stored configuration has no credentials.
    """
