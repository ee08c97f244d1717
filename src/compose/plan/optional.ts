/** `{[key]: value}`, or nothing when there is no value: absent is not the same as `undefined` on the wire. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
