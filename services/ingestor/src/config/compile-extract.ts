import type { At } from "./at.js";
import { bytes, expression, neededExpression, shown } from "./compile-values.js";
import type { Problems } from "./problems.js";
import type { SourceFile } from "./schema.js";
import type { ExtractConfig } from "./source-config.js";

export function compileExtract(at: At<SourceFile>, problems: Problems): ExtractConfig {
  const format = at.get("format")?.value ?? "json";
  const records = at.get("records");
  if (records !== undefined && (format === "ndjson" || format === "csv")) {
    problems.add(records.place, `is for json and xml; in ${format} every line is a record, so leave records out`);
  }
  return {
    format,
    charset: charset(at.get("charset"), problems),
    records: expression(records, problems),
    id: at
      .get("id")
      ?.items()
      .map((item) => neededExpression(item, problems)),
    eventTime: expression(at.get("event_time"), problems),
    key: expression(at.get("key"), problems),
    filter: expression(at.get("filter"), problems),
    project: expression(at.get("project"), problems),
    csv: compileCsv(at, format, problems),
    maxRecordBytes: bytes(at.get("max_record_bytes"), { fallback: 1e6, min: 1, max: 512 * 2 ** 20 }, problems),
  };
}

function compileCsv(at: At<SourceFile>, format: string, problems: Problems): ExtractConfig["csv"] {
  const csv = at.get("csv");
  if (csv !== undefined && format !== "csv") {
    problems.add(at.keyPlace("csv"), `is only for format: csv, but the format is ${format}`);
  }
  const header = csv?.get("header");
  const columns = csv?.get("columns");
  const delimiter = csv?.get("delimiter");
  if (header?.value === false && columns === undefined) {
    problems.add(header.place, "leaves the columns without names; give columns, or header: true");
  }
  if (columns !== undefined && new Set(columns.value).size < columns.value.length) {
    problems.add(columns.place, "has a name twice; every column needs its own");
  }
  if (delimiter !== undefined && /["\r\n]/.test(delimiter.value)) {
    problems.add(delimiter.place, "cannot be a quote or a line break; must be one other character");
  }
  return { delimiter: delimiter?.value ?? ",", header: header?.value ?? true, columns: columns?.value };
}

function charset(at: At<string> | undefined, problems: Problems): string | undefined {
  if (at === undefined) return undefined;
  try {
    return new TextDecoder(at.value).encoding;
  } catch {
    problems.add(at.place, `${shown(at)} is no known character set; must be such as utf-8, latin1 or shift_jis`);
    return undefined;
  }
}
