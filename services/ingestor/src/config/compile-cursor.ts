import { parseDuration } from "@apispool/common/env.js";
import type { At } from "./at.js";
import { neededExpression, shown } from "./compile-values.js";
import type { Problems } from "./problems.js";
import type { CursorFile } from "./schema-pagination.js";
import type { CursorConfig } from "./source-config.js";
import { parseTime, timeFormatter } from "./template-time.js";

const rfc3339 = timeFormatter("rfc3339");

export function compileCursor(at: At<CursorFile> | undefined, problems: Problems): CursorConfig | undefined {
  if (at === undefined) return undefined;
  const type = at.get("type")?.value ?? "time";
  const format = at.get("format");
  if (format !== undefined && type !== "time") {
    problems.add(format.place, `is for times, but the cursor's type is ${type}; leave format out`);
  }
  return {
    field: neededExpression(at.need("field"), problems),
    type,
    initial: initial(at, type, problems),
    overlap: overlap(at, type, problems),
    format: format?.value ?? "rfc3339",
  };
}

function initial(at: At<CursorFile>, type: CursorConfig["type"], problems: Problems): string | undefined {
  const given = at.get("initial");
  if (given === undefined) return undefined;
  const text = given.scalar.source.trim();
  if (type === "string") return text;
  if (type === "number") {
    if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return text;
    problems.add(given.place, `${shown(given as At<string>)} is no number; the cursor's type is number`);
    return undefined;
  }
  const format = at.get("format")?.value ?? "rfc3339";
  const ms = parseTime(text, format === "rfc3339" ? undefined : format);
  if (ms !== undefined) return rfc3339(ms);
  problems.add(
    given.place,
    `${shown(given as At<string>)} is no time; must be such as 2020-01-01T00:00:00Z, a date, or seconds since 1970`,
  );
  return undefined;
}

function overlap(at: At<CursorFile>, type: CursorConfig["type"], problems: Problems): number {
  const given = at.get("overlap");
  if (given === undefined) return 0;
  const { value } = given;
  const amount = type === "time" ? parseDuration(value === 0 ? "0s" : String(value)) : Number(value);
  if (type !== "string" && amount !== undefined && amount >= 0 && Number.isFinite(amount)) return amount;
  const allowed = {
    time: "must be a duration such as 5m, because the cursor's type is time",
    number: "must be a number that is not negative, because the cursor's type is number",
    string: "cannot be, because the cursor's type is string, and from a text nothing can be taken away",
  }[type];
  problems.add(given.place, `${shown(given)} is wrong; ${allowed}`);
  return 0;
}
