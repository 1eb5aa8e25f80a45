"""Notifier tells people what happened in a social app, and can prove that it lost nothing.

The layers, from the outside in; each may import only what stands below it:

    __main__                            the command and its settings
    app                                 puts the parts together; alone knows them all
    web | cli | scheduler | supervisor | catchers    the edges
    tasks                               Celery: queues and names; only ids travel
    pipeline                            the path of an event, step by step
    channels | media | store            how to reach a person | how to make renditions | all SQL
    languages                           what is said in each language
    policy                              pure: who, when, whether, why, when again
"""
