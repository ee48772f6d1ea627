/** Tries until it succeeds; after the limit (milliseconds) the last error is thrown. */
export async function eventually<T>(attempt: () => Promise<T> | T, limitMs = 30_000, everyMs = 100): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}
