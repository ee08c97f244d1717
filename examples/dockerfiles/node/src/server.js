import express from 'express';
import { greeting } from './greeting.js';

const app = express();

app.get('/', (req, res) => {
  res.json({ greeting: greeting(req.query.name ?? 'World'), node: process.version });
});

const server = app.listen(3000, () => console.log('listening on 3000'));
process.on('SIGTERM', () => server.close());
