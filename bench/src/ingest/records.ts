/** A record of so many bytes, all of them different: ids, numbers, a time and text, as APIs have them. */
export function recordText(n: number, bytes: number): string {
  const head = `{"id":"record-${n}","n":${n},"updated":"${new Date(1_700_000_000_000 + n * 1000).toISOString()}","tags":["a","b"],"text":"`;
  const words = `${(n * 2_654_435_761) % 4_294_967_296} lorem ipsum `;
  const room = Math.max(0, bytes - head.length - 2);
  return `${head}${words.repeat(Math.ceil(room / words.length)).slice(0, room)}"}`;
}

export const idOf = (n: number): string => `record-${n}`;
