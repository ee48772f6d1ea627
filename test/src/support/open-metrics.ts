/** What a scrape gave: by `name{label="value",…}` as it stands there, its number. */
export type Scrape = ReadonlyMap<string, number>;

/** Scrapes `host:port`, and holds it to what OpenMetrics 1.0 asks of a text. */
export async function scrape(address: string): Promise<{ readonly text: string; readonly values: Scrape }> {
  const response = await fetch(`http://${address}/metrics`, { headers: { accept: "application/openmetrics-text" } });
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("application/openmetrics-text; version=1.0.0")) throw new Error(`not OpenMetrics: ${type}`);
  const text = await response.text();
  if (!text.endsWith("# EOF\n")) throw new Error("the text has no end");
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const match = /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$/.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    const [, name = "", value = ""] = match;
    if (values.has(name)) throw new Error(`said twice: ${name}`);
    values.set(name, value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value));
  }
  return { text, values };
}

/** The sum over all series of a name that have these labels. */
export function sum(values: Scrape, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let total = 0;
  for (const [series, value] of values) {
    const [given = "", rest = ""] = series.split(/(?=\{)/, 2);
    if (given === name && wanted.every((label) => rest.includes(label))) total += value;
  }
  return total;
}
