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
    """

    endpoint: str | None = None
    region: str | None = None
    anonymous: bool = False
    account: str | None = None
    service_account: str | None = None
    access_key_id: str | None = attrs.field(default=None, repr=False)
    secret_access_key: str | None = attrs.field(default=None, repr=False)
    session_token: str | None = attrs.field(default=None, repr=False)
    account_key: str | None = attrs.field(default=None, repr=False)

    @property
    def public(self) -> dict[str, object]:
        """Those that were given and are no secrets."""
        fields = [each for each in attrs.fields(ServiceOptions) if each.repr]
        values = {each.name: getattr(self, each.name) for each in fields}
        return {name: value for name, value in values.items() if value}


NO_OPTIONS = ServiceOptions()
