"""Reads a push endpoint, a URL that any user may post, and refuses every one that could lead elsewhere."""

from notifier.channels import BadAddress
from notifier.channels.push.settings import PushSettings
from notifier.policy import endpoints
from notifier.policy.endpoints import BadEndpoint, Endpoint, Rules


def read_endpoint(url: str, settings: PushSettings) -> Endpoint:
    """Check the URL by everything that can be said without asking the DNS. Raises `BadAddress`."""
    rules = Rules(
        settings.allowed_hosts, settings.allow_loopback, settings.trusted_prefix, "endpoint", "a push service"
    )
    try:
        return endpoints.read_endpoint(url, rules)
    except BadEndpoint as bad:
        raise BadAddress(str(bad), "/endpoint") from bad
