/** Before a record's time, among its bytes. */
const MARK = '"sent":"';
const DIGITS = 16;
const mark = Buffer.from(MARK);

/** Microseconds of the clock that all processes of a machine share and nobody sets. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** A JSON value of about so many bytes that says when it was made. */
export function stampedValue(n: number, bytes: number): string {
  const head = `{"id":"record-${n}","n":${n},${MARK}${String(nowUs()).padStart(DIGITS, "0")}","text":"`;
  return `${head}${"x".repeat(Math.max(0, bytes - head.length - 2))}"}`;
}

/** When the first record after a place in some bytes was made, in microseconds; undefined where none is whole. */
export function stampIn(bytes: Buffer, from: number): number | undefined {
  const at = bytes.indexOf(mark, from);
  if (at < 0 || at + mark.length + DIGITS > bytes.length) return undefined;
  return Number(bytes.toString("latin1", at + mark.length, at + mark.length + DIGITS));
}
