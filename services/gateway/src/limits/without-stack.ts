/** Makes an error of which it is no news where it comes from: under a flood the stack would be most of what it costs. */
export function withoutStack<T extends Error>(make: () => T): T {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = before;
  }
}
