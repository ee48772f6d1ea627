// The years 1 to 9999, which are what protobuf's Timestamp can say; in milliseconds since the Unix epoch.
const FIRST_MS = -62_135_596_800_000;
const LAST_MS = 253_402_300_799_999;
/** What Kafka has for no time. */
const NO_TIME = -1;

/** Whether a Timestamp can say it. */
export function isSayable(ms: number): boolean {
  return ms >= FIRST_MS && ms <= LAST_MS;
}

/** Whether a record has a time that can be told: others write microseconds for milliseconds, or none. */
export function isRecordTime(ms: number): boolean {
  return ms !== NO_TIME && isSayable(ms);
}
