"""The command line: run the service, look into it, mend it."""
