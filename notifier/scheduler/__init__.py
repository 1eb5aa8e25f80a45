"""The scheduler: a few fixed ticks in a process of its own. Every act is an atomic claim, so two do no harm."""
