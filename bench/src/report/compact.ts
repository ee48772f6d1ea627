const DIGITS = 5;

/** JSON for a file that is committed: five digits of each number, and a list of numbers on one line. */
export function compactJson(value: object): string {
  const text = JSON.stringify(value, (_key, item: unknown) => (typeof item === "number" ? shortened(item) : item), 2);
  return `${text.replaceAll(/\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]/g, (_all, list: string) => `[${list.replaceAll(/\s+/g, " ")}]`)}\n`;
}

/** What JSON cannot say (NaN) becomes null either way. */
function shortened(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
}
