"""A catalogue with some of its fields changed, to try what that would do: checked as the file is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from notifier.policy.catalogue import DELETED, Catalogue, CatalogueFault, entry_of, read_caps, read_kind


@dataclass(frozen=True, slots=True)
class Change:
    """Fields of entries, by the type's long or short name, and caps by channel: as in the catalogue file."""

    types: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    caps: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing wrong in a change: where, and what would be right."""

    where: tuple[str, ...]
    right: str


class WrongChange(ValueError):
    """The change cannot be made. It names everything that is wrong."""

    def __init__(self, faults: Sequence[Wrong]) -> None:
        super().__init__("; ".join(f"{'.'.join(fault.where)}: {fault.right}" for fault in faults))
        self.faults = faults


def changed(catalogue: Catalogue, change: Change) -> Catalogue:
    """The catalogue with the change in it. Raises `WrongChange`."""
    if faults := [*_faults(catalogue, change)]:
        raise WrongChange(faults)
    kinds = dict(catalogue.kinds)
    for name, fields in change.types.items():
        kind = catalogue.find(name)
        if kind is not None:
            kinds[kind.name] = read_kind(kind.name, {**entry_of(kinds[kind.name]), **fields})
    return replace(catalogue, kinds=kinds, caps={**catalogue.caps, **read_caps(change.caps)})


def _faults(catalogue: Catalogue, change: Change) -> Iterator[Wrong]:
    for name, fields in change.types.items():
        kind = catalogue.find(name)
        if kind is None or kind.name.endswith(DELETED):
            yield Wrong(("types", name), f"This type is not in the catalogue; we know {_listed(catalogue)}.")
            continue
        for field_, value in fields.items():
            try:
                read_kind(kind.name, entry_of(kind) | {field_: value})
            except CatalogueFault as fault:
                yield Wrong(("types", name, field_), _right(fault))
    for channel, most in change.caps.items():
        try:
            read_caps({channel: most})
        except CatalogueFault as fault:
            yield Wrong(("caps", channel), _right(fault))


def _right(fault: CatalogueFault) -> str:
    """What would be right, without what was given."""
    right = str(fault).rpartition("; ")[2]
    return f"{right[:1].upper()}{right[1:]}."


def _listed(catalogue: Catalogue) -> str:
    return ", ".join(catalogue.short_names)
