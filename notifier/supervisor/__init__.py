"""The small process supervisor behind `notifier up`, and the private broker: what keeps the parts alive on one machine.

It knows nothing of web pages or queues: roles are handed in, each a function that runs in a process of its own.
"""
