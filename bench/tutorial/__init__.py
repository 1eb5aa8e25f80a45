"""The baseline: the same jobs done as tutorials for Flask, Celery, Flask-Mail and pywebpush do them."""
