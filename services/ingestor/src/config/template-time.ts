/** The ways of writing a time that have a name. */
export const timeFormats = ["rfc3339", "unix", "unix_ms", "date"] as const;

const patternToken = /'((?:[^']|'')*)'|yyyy|MM|dd|HH|mm|ss|SSS|[A-Za-z]+|[^A-Za-z']+|'/g;

/** Writes a time; always in UTC. Throws an Error that says what is wrong where there is no such format. */
export function timeFormatter(format: string): (ms: number) => string {
  switch (format) {
    case "rfc3339":
      return (ms) => new Date(ms).toISOString().replace(".000Z", "Z");
    case "unix":
      return (ms) => String(Math.floor(ms / 1000));
    case "unix_ms":
      return (ms) => String(Math.floor(ms));
    case "date":
      return (ms) => new Date(ms).toISOString().slice(0, 10);
    default:
      return pattern(format);
  }
}

function pattern(format: string): (ms: number) => string {
  const parts = [...format.matchAll(patternToken)].map(([token, literal]) => {
    if (literal !== undefined) return (): string => (literal === "" ? "'" : literal.replaceAll("''", "'"));
    const field = fields[token];
    if (field !== undefined) return field;
    if (/[A-Za-z']/.test(token)) throw new Error(`"${token}" is no part of a time`);
    return (): string => token;
  });
  if (!parts.some((part) => Object.values(fields).includes(part))) throw new Error(`"${format}" has no part of a time`);
  return (ms) => {
    const iso = new Date(ms).toISOString();
    return parts.map((part) => part(iso)).join("");
  };
}

/** Cut out of an ISO time such as 2020-01-02T03:04:05.678Z; years beyond 9999 are longer. */
const fields: Readonly<Record<string, (iso: string) => string>> = {
  yyyy: (iso) => iso.slice(0, -20),
  MM: (iso) => iso.slice(-19, -17),
  dd: (iso) => iso.slice(-16, -14),
  HH: (iso) => iso.slice(-13, -11),
  mm: (iso) => iso.slice(-10, -8),
  ss: (iso) => iso.slice(-7, -5),
  SSS: (iso) => iso.slice(-4, -1),
};

/**
 * Reads a time: RFC 3339, a date, or seconds or milliseconds since 1970. Without a zone it is UTC. Undefined where it is
 * none.
 * @param unit What a number counts; told by its size where not given: seconds up to the year 5138.
 */
export function parseTime(text: string, unit?: "unix" | "unix_ms"): number | undefined {
  const trimmed = text.trim();
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) {
    const number = Number(trimmed);
    const seconds = unit === undefined ? Math.abs(number) < 1e11 : unit === "unix";
    return within(seconds ? number * 1000 : number);
  }
  const match = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*([Zz]|[+-]\d\d:?\d\d)?)?$/.exec(trimmed);
  if (match === null) return undefined;
  const [, day = "", time = "00:00", zone = "Z"] = match;
  return within(Date.parse(`${day}T${time}${zone.toUpperCase().replace(/^([+-]\d\d)(\d\d)$/, "$1:$2")}`));
}

function within(ms: number): number | undefined {
  return Math.abs(ms) <= 8.64e15 ? ms : undefined;
}
