import platform

import flask

app = flask.Flask(__name__)


@app.get("/")
def hello():
    name = flask.request.args.get("name", "World")
    return flask.jsonify(greeting=f"Hello {name}!", python=platform.python_version(), flask=flask.__version__)
