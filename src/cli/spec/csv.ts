/** One line of comma-separated fields, quoted as in CSV: `a,"b,c"`. @throws {Error} for quotes in the wrong place */
export function csvFields(line: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === '"') {
      let text = '';
      at++;
      for (;;) {
        const close = line.indexOf('"', at);
        if (close < 0)
          throw new Error(`parse error on line 1, column ${line.length + 1}: extraneous or missing " in quoted-field`);
        text += line.slice(at, close);
        at = close + 1;
        if (line[at] !== '"') break;
        text += '"';
        at++;
      }
      if (at < line.length && line[at] !== ',') {
        throw new Error(`parse error on line 1, column ${at + 1}: extraneous or missing " in quoted-field`);
      }
      fields.push(text);
    } else {
      const comma = line.indexOf(',', at);
      const text = line.slice(at, comma < 0 ? undefined : comma);
      if (text.includes('"')) {
        throw new Error(`parse error on line 1, column ${at + text.indexOf('"') + 1}: bare " in non-quoted-field`);
      }
      fields.push(text);
      at = comma < 0 ? line.length : comma;
    }
    if (at >= line.length) return fields;
    at++; // the comma
  }
}
