/** Orders names as people do, and docker's lists: `n2` before `n10`. */
export function naturalOrder(a: string, b: string): number {
  const pieces = (text: string) => text.split(/(\d+)/);
  const [left, right] = [pieces(a), pieces(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x = '', y = ''] = [left[i], right[i]];
    if (x === y) continue;
    const difference = i % 2 === 1 ? Number(x) - Number(y) || x.length - y.length : 0;
    return difference === 0 ? (x < y ? -1 : 1) : difference;
  }
  return left.length - right.length;
}
