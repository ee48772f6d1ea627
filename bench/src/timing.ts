/** How long reading took, in seconds, and how many records came. */
export interface Timing {
  readonly records: number;
  readonly seconds: number;
  /** The most memory that the reading process had, in MB, where it is one of its own. */
  readonly memory?: number | undefined;
}
