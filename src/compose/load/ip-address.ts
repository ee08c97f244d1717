/** 4 or 6 for an IP address, else 0. Loading stays free of `node:net`, which would open the way to I/O. */
export function isIP(text: string): 0 | 4 | 6 {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return text.split('.').every((n) => Number(n) <= 255) ? 4 : 0;
  if (!text.includes(':')) return 0;
  return URL.canParse(`http://[${text}]/`) ? 6 : 0;
}
