"""Benchmarks: what Notifier costs beside the way that a tutorial would do the same, each measured in one run."""
