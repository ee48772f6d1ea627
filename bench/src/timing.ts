/** How long reading took, in seconds, and how many records came. */
export interface Timing {
  readonly records: number;
  readonly seconds: number;
}
