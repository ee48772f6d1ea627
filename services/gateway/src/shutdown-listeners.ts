const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls a function when a signal fires that very many listen to; returns what ends that. An EventTarget looks through all of its
 * listeners for each that comes or goes.
 */
export function onShutdown(signal: AbortSignal, listener: () => void): () => void {
  let all = listeners.get(signal);
  if (all === undefined) {
    const those = new Set<() => void>();
    all = those;
    listeners.set(signal, those);
    signal.addEventListener("abort", () => {
      for (const each of those) each();
    });
  }
  all.add(listener);
  return () => void all.delete(listener);
}
