"""Puts the parts together: the only package that knows them all.

home       what the first start makes and the next ones find: secrets, keys, the default app
parts      every part of the service, made when it is first asked for
roles      what each process of `notifier up` runs
tools      what the command line works with
"""
