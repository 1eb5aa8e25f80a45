"""The local catchers of development: every mail and push of a fresh install lands here, and nothing leaves the machine.

A mail catcher (an SMTP server in its own process), a push catcher (a push service with subscriptions of its own),
switches that make both fail on purpose, and the pages under `/dev` that show it all. They share a folder of
files and nothing else, so that they work while everything they watch is broken.

Beside them stands `/demo`, a page on which two people do things to each other; that one needs the service.
"""
