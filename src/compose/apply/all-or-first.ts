/** All must succeed; all are waited for, so that nothing goes on behind an error. */
export async function allOrFirst(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
