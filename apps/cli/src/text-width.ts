/* eslint-disable-next-line no-control-regex -- colours begin with one */
const colourCodes = /\u001B\[[0-9;]*m/g;
const ascii = /^[\u0020-\u007E]*$/;
/** What terminals give two columns: emoji, and the wide and full-width forms of UAX #11, as far as they are common. */
const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{20000}-\u{3FFFD}]/u;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** How many columns a text takes on a terminal, its colours aside. */
export function widthOf(text: string): number {
  const plain = text.replaceAll(colourCodes, "");
  if (ascii.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of graphemes.segment(plain)) width += wide.test(segment) ? 2 : 1;
  return width;
}

/** At most so many columns of a text without colours; what is cut off leaves an ellipsis. */
export function cut(text: string, columns: number): string {
  if (text.length <= columns && ascii.test(text)) return text;
  let width = 0;
  let fits = "";
  for (const { segment } of graphemes.segment(text)) {
    width += wide.test(segment) ? 2 : 1;
    if (width > columns) return `${fits}…`;
    if (width < columns) fits += segment;
  }
  return text;
}
