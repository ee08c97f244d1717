// Makes a page of each file in pages/.
const { mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { marked } = require('marked');

mkdirSync('public', { recursive: true });
for (const file of readdirSync('pages').sort()) {
  const body = marked.parse(readFileSync(`pages/${file}`, 'utf8'));
  const name = file.replace(/\.md$/, '.html');
  writeFileSync(`public/${name}`, `<!doctype html>\n<meta charset="utf-8">\n<title>${name}</title>\n${body}`);
  console.log(name);
}
