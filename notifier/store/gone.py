"""Why addresses are gone: given up by their person, or refused by their provider for good."""

MOST_DEVICES = 20
# Why an address is gone that its person, not its provider, gave up.
REMOVED, CROWDED_OUT = "removed", f"more than {MOST_DEVICES} devices"


def refused_for_good(gone_why: str | None) -> bool:
    """Whether an address that is gone for this reason was given up by its provider."""
    return (gone_why or REMOVED) not in (REMOVED, CROWDED_OUT)
