/** What one `where` may hold, so that no query costs more to understand than to answer. */
export const whereLimits = {
  /** Characters (UTF-16 units). */
  length: 2000,
  /** Parentheses and nots within each other. */
  depth: 20,
  /** Comparisons and `exists` together. */
  comparisons: 50,
  /** Steps of one path. */
  steps: 20,
  /** The greatest index of an array's element, from either end. */
  index: 999_999,
} as const;
