import { Document, isScalar, parse, Scalar, visit } from 'yaml';

/** YAML as go-yaml writes it: words that others would read as something else are double-quoted, the rest single-quoted. */
export function toYaml(value: unknown): string {
  const document = new Document(value, { schema: 'yaml-1.1', aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, node) {
      if (!isScalar(node) || typeof node.value !== 'string') return;
      // oxlint-disable-next-line no-control-regex
      if (/[\u0000-\u0009\u000b-\u001f\u007f\u0085\u2028\u2029\ufeff]/.test(node.value))
        node.type = Scalar.QUOTE_DOUBLE;
      else if (!node.value.includes('\n') && isAmbiguous(node.value)) node.type = Scalar.QUOTE_DOUBLE;
      else if (node.value.startsWith("'")) node.type = Scalar.QUOTE_SINGLE;
    },
  });
  return document.toString({ lineWidth: 0, singleQuote: true });
}

/** Whether the bare word would be read as a number, a boolean, nothing or a date. */
function isAmbiguous(text: string): boolean {
  if (text === '' || /^[yn]$/i.test(text)) return true;
  if (!/^[-+.\w~=<:]+[-+.\w:\sTZ]*$/.test(text)) return false;
  try {
    const value: unknown = parse(text, { version: '1.1' });
    return typeof value !== 'string' && (typeof value !== 'object' || value === null || value instanceof Date);
  } catch {
    return false;
  }
}
