import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const timeOfDay = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** A count with its thousands marked. */
export function count(value: bigint | number): string {
  return whole.format(value);
}

/** A count with its noun: "1 record", "2 records". */
export function counted(value: bigint | number, noun: string): string {
  return `${count(value)} ${noun}${BigInt(value) === 1n ? "" : "s"}`;
}

/** A rate per second: tenths below ten, whole numbers above. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return "0";
  if (perSecond < 0.05) return "<0.1";
  return perSecond < 9.95 ? tenths.format(perSecond) : whole.format(perSecond);
}

/** How long something takes or took, from milliseconds: "250 ms", "1.2 s", "4 min", "3 h", "12 d". */
export function span(ms: number): string {
  if (ms < 1000) return `${whole.format(Math.max(0, ms))} ms`;
  if (ms < 9950) return `${tenths.format(ms / 1000)} s`;
  return coarse(ms);
}

/** As {@link span}, in whole units: what counts up or down before one's eyes must not flicker. */
export function coarse(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 36 ? `${hours} h` : `${whole.format(Math.round(hours / 24))} d`;
}

/** How long ago a time was, in milliseconds since the Unix epoch. The clocks of two machines may differ by a little. */
export function ago(then: number, now: number): string {
  return now - then < 1000 ? "just now" : `${coarse(now - then)} ago`;
}

/** How far away a time is. */
export function ahead(then: number, now: number): string {
  return then - now < 500 ? "now" : `in ${coarse(then - now)}`;
}

/** A time of this day as "12:03:04.567"; of another day with its date. In the reader's own time zone. */
export function moment(ms: number, now: number): string {
  const date = new Date(ms);
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday
    ? `${timeOfDay.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`
    : dayAndTime.format(date);
}

/** A size in bytes. */
export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  return size < 1_000_000 ? `${tenths.format(size / 1000)} kB` : `${tenths.format(size / 1e6)} MB`;
}

/** Milliseconds since the Unix epoch. */
export function msOf(timestamp: Timestamp): number;
export function msOf(timestamp: Timestamp | undefined): number | undefined;
export function msOf(timestamp: Timestamp | undefined): number | undefined {
  return timestamp === undefined ? undefined : Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6;
}

/** Milliseconds. */
export function durationMs(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
