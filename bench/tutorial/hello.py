"""The least that a Flask view costs."""

from flask import Flask

app = Flask(__name__)


@app.post("/hello")
def hello() -> tuple[str, int]:
    return "hello", 202
