"""How a service that keeps networks is reached."""

from __future__ import annotations

import attrs


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

    @property
    def public(self) -> dict[str, object]:
        """Those that were given and are no secrets."""
        fields = [each for each in attrs.fields(ServiceOptions) if each.repr]
        values = {each.name: getattr(self, each.name) for each in fields}
        return {k: each for k, each in values.items() if each is not None and each is not False}


NO_OPTIONS = ServiceOptions()
