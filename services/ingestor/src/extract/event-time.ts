const LAST_MS = 253_402_300_799_999;
const FIRST_MS = -62_135_596_800_000;

/** Below: seconds, until about the year 5138; milliseconds from 1973 on, microseconds and nanoseconds likewise. */
const SECONDS_BELOW = 1e11;
const MILLISECONDS_BELOW = 1e14;
const MICROSECONDS_BELOW = 1e17;

/** ISO 8601 with a year first, as far as APIs use it: the time, its parts and the zone may be missing. */
const ISO =
  /^(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,3})\d*)?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?)?$/i;
/** "Mon, 02 Jan 2006 15:04:05 GMT": mail, RSS and HTTP (RFC 2822, its obsolete zones and two-digit years included). */
const MAIL =
  /^(?:[a-z]{3,9},?\s+)?\d{1,2}[\s-][a-z]{3}[\s-](?:\d{4}|\d\d)\s+\d\d:\d\d(?::\d\d)?(?:\s*(?:[+-]\d{4}|[a-z]{1,4}))?$/i;
/** "Mon Jan 02 15:04:05 +0000 2006": ctime, with a zone or without. */
const CTIME = /^[a-z]{3}\s+[a-z]{3}\s+\d{1,2}\s+\d\d:\d\d:\d\d(?:\s+(?:[+-]\d{4}|[a-z]{1,4}))?\s+\d{4}$/i;
const ZONE_AT_END = /(?:[+-]\d{4}|[a-z]{1,4})$/i;
/** The year alone, as text: as Unix seconds it would be one of the first hours of 1970. */
const YEAR = /^[12]\d{3}$/;
const NUMERAL = /^-?\d{1,19}(?:\.\d{1,9})?$/;

/**
 * A time as milliseconds since the Unix epoch, rounded down: Unix seconds and their finer relatives, ISO 8601 (RFC 3339)
 * and the dates of mail and RSS. A time without a zone is UTC. Undefined for anything else, and for what RFC 3339 cannot
 * write.
 */
export function parseTime(value: unknown): number | undefined {
  let ms = Number.NaN;
  if (typeof value === "number") ms = fromUnix(value);
  else if (typeof value === "string") ms = fromText(value.trim());
  const whole = Math.floor(ms);
  return whole >= FIRST_MS && whole <= LAST_MS ? whole : undefined;
}

/** The same as RFC 3339. */
export function toEventTime(value: unknown): string | undefined {
  const ms = parseTime(value);
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

function fromUnix(value: number): number {
  const size = Math.abs(value);
  if (size < SECONDS_BELOW) return value * 1000;
  if (size < MILLISECONDS_BELOW) return value;
  return size < MICROSECONDS_BELOW ? value / 1000 : value / 1e6;
}

function fromText(text: string): number {
  if (YEAR.test(text)) return Date.UTC(Number(text), 0);
  if (NUMERAL.test(text)) return fromUnix(Number(text));
  const iso = ISO.exec(text);
  if (iso !== null) {
    const [, year, month, day = "01", hour = "00", minute = "00", second = "00", fraction = "0", zone = "Z"] = iso;
    // A leap second is the second before: JavaScript knows none.
    const whole = second === "60" ? "59" : second;
    return Date.parse(
      `${year}-${month}-${day}T${hour}:${minute}:${whole}.${fraction.padEnd(3, "0")}${canonicalZone(zone)}`,
    );
  }
  if (CTIME.test(text)) return Date.parse(/(?:[+-]\d{4}|[a-z]{1,4})\s+\d{4}$/i.test(text) ? text : `${text} GMT`);
  if (!MAIL.test(text)) return Number.NaN;
  return Date.parse(ZONE_AT_END.test(text) ? text : `${text} GMT`);
}

function canonicalZone(zone: string): string {
  if (zone.toUpperCase() === "Z") return "Z";
  const digits = zone.slice(1).replace(":", "").padEnd(4, "0");
  return `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`;
}
