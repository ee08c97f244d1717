"""The shop's page: a counter that MariaDB keeps, one more at each visit."""

import os
import socket

import pymysql
from flask import Flask, render_template

app = Flask(__name__)


def connect():
    return pymysql.connect(
        host=os.environ["DB_HOST"],
        user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"],
        database=os.environ["DB_NAME"],
        connect_timeout=5,
        autocommit=True,
    )


def create_table():
    with connect() as db, db.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS visits (id INT PRIMARY KEY, count BIGINT NOT NULL)")
        cursor.execute("INSERT IGNORE INTO visits VALUES (1, 0)")


create_table()


@app.get("/")
def page():
    with connect() as db, db.cursor() as cursor:
        cursor.execute("UPDATE visits SET count = LAST_INSERT_ID(count + 1) WHERE id = 1")
        cursor.execute("SELECT LAST_INSERT_ID(), VERSION()")
        count, version = cursor.fetchone()
    return render_template("page.html", count=count, version=version, host=socket.gethostname())


@app.get("/health")
def health():
    with connect() as db, db.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok\n"
