import os

import redis
from flask import Flask

app = Flask(__name__)
cache = redis.Redis(host=os.environ["REDIS_HOST"], socket_timeout=5)


@app.get("/")
def hello():
    return f"Hello! I have been seen {cache.incr('hits')} times.\n"
