"""How a service that keeps networks is reached."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

import attrs

from ..errors import InputError

OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "azure", "abfs"})
"""Schemes of the URLs at which networks can be stored."""


def check_alone(url: SplitResult, what: str) -> None:
    """
    Check that a URL is one alone.

    :param what: what it is, for the message.
    :raises InputError: it comes with credentials or options.
    """
    if url.username or url.password or url.query or url.fragment:
        shown = f"{url.scheme}://{url.hostname or ''}{url.path}"
        raise InputError(
            f"the {what} '{shown}' contains credentials or options;"
            " pass the URL alone, and the credentials in storage_options or environment variables"
        )


def check_endpoint(endpoint: str, what: str) -> SplitResult:
    """
    Check that something is the URL of a service.

    :param what: what it is, for the message.
    :raises InputError: it is not, or not one of HTTP.
    """
    # Where there is no scheme, everything before the first colon counts as one.
    shown = "" if "@" in endpoint else f", not {endpoint!r}"
    try:
        url = urlsplit(endpoint)
        # The port is looked at when it is read.
        is_valid = url.port != 0
    except ValueError:
        is_valid = False
    if is_valid and url.scheme in ("http", "https") and url.hostname:
        return url
    raise InputError(
        f"the {what} must be a URL that begins with http:// or https://, such as"
        f" https://s3.example.org{shown}"
    )


@attrs.frozen(kw_only=True)
class ServiceOptions:
    """
    How a service is reached; what is None comes from its usual environment variables.

    Secrets are neither shown nor stored.

    :param endpoint: URL of an S3 service other than that of AWS.
    :param region: of the bucket, for S3.
    :param anonymous: read without credentials what everybody may read.
    :param account: of Azure.
    :param access_key_id: for S3; ``secret_access_key``, ``session_token``: that go with it.
    :param account_key: for Azure.
    :param service_account: for Google Cloud: path of the JSON file of a service account.
    :param max_age: seconds for which the last state of a network is not asked for again. Until then
        a read may miss what another process stored. 0 asks at each read; by default, all reads ask
        but those in the first second after the network was opened, and those right after another.
    :raises InputError: the endpoint is not a URL of HTTP, or contains credentials; of a key for S3,
        a part is missing; or credentials come with ``anonymous``.
    """

    endpoint: str | None = None
    region: str | None = None
    anonymous: bool = False
    account: str | None = None
    service_account: str | None = None
    max_age: float | None = None
    access_key_id: str | None = attrs.field(default=None, repr=False)
    secret_access_key: str | None = attrs.field(default=None, repr=False)
    session_token: str | None = attrs.field(default=None, repr=False)
    account_key: str | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.endpoint:
            what = "storage option 'endpoint'"
            check_alone(check_endpoint(self.endpoint, what), what)
        self._check_credentials()

    def _check_credentials(self) -> None:
        secret = ("access_key_id", "secret_access_key", "session_token", "account_key")
        given = [name for name in (*secret, "service_account") if getattr(self, name) is not None]
        if self.anonymous and given:
            raise InputError(
                f"the storage option '{given[0]}' can't be given with 'anonymous', which is to"
                " read without credentials; pass one of the two"
            )
        needed = ("access_key_id", "secret_access_key")
        missing = [name for name in needed if name not in given]
        some = [name for name in secret[:3] if name in given]
        if some and missing:
            raise InputError(
                f"the storage option '{some[0]}' needs '{missing[0]}', too; pass both, or neither"
                " for the credentials of the environment"
            )

    @property
    def public(self) -> dict[str, object]:
        """Those that were given and are no secrets."""
        fields = [each for each in attrs.fields(ServiceOptions) if each.repr]
        values = {each.name: getattr(self, each.name) for each in fields}
        return {k: each for k, each in values.items() if each is not None and each is not False}


NO_OPTIONS = ServiceOptions()
