'use strict';
// GET /notes tells all notes; POST /notes keeps the body as a new one.
const http = require('node:http');
const { text } = require('node:stream/consumers');
const mysql = require('mysql');

const pool = mysql.createPool({
  host: process.env.MARIADB_HOST,
  user: process.env.MARIADB_USER,
  password: process.env.MARIADB_PASSWORD,
  database: process.env.MARIADB_DATABASE,
  charset: 'utf8mb4',
});

function query(sql, values) {
  return new Promise((resolve, reject) => {
    pool.query(sql, values, (error, rows) => (error ? reject(error) : resolve(rows)));
  });
}

async function answer(req) {
  if (req.url !== '/notes') return [404, { error: 'only /notes is here' }];
  if (req.method === 'POST') {
    const { insertId } = await query('INSERT INTO notes (words) VALUES (?)', [await text(req)]);
    return [201, { id: insertId }];
  }
  const [{ version }] = await query('SELECT VERSION() AS version');
  return [200, { node: process.version, mariadb: version, notes: await query('SELECT id, words FROM notes ORDER BY id') }];
}

const server = http.createServer((req, res) => {
  answer(req)
    .catch((error) => {
      console.error(error);
      return [500, { error: error.code }];
    })
    .then(([status, body]) => {
      res.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
    });
});

query('CREATE TABLE IF NOT EXISTS notes (id INT PRIMARY KEY AUTO_INCREMENT, words TEXT NOT NULL) CHARACTER SET utf8mb4').then(
  () => server.listen(3000, () => console.log('listening on 3000')),
);

process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  pool.end();
});
