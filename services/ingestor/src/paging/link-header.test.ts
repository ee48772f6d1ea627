import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { nextLink, parseLinks } from "./link-header.js";

describe("a Link header", () => {
  it.each([
    ['<https://api.test/i?page=2>; rel="next", <https://api.test/i?page=9>; rel="last"', "https://api.test/i?page=2"],
    ['<https://api.test/i?page=1>; rel="prev", <https://api.test/i?page=3>; rel="next"', "https://api.test/i?page=3"],
    ["<?p=2>;rel=next", "?p=2"],
    ['<a,b;c>; title="x, <y>; rel=\\"next\\""; rel="last", </n>; REL="Next"', "/n"],
    ["</n>; rel=\"prefetch  next\"; title*=UTF-8''a%20b", "/n"],
    [",, </n> ; rel = next ,", "/n"],
    ["garbage, </n>; rel=next", "/n"],
    ['</bad>; =x, </n>; rel="next"', "/n"],
    ['</first>; rel="prev"; rel="next", </n>; rel=next', "/n"],
    ['</other>; rel=next; anchor="/elsewhere", </n>; rel=next', "/n"],
    ["</n>; nofollow; rel=next", "/n"],
    ['<https://api.test/i?page=9>; rel="last"', undefined],
    ["</n>", undefined],
    ["", undefined],
    ["<unclosed; rel=next", undefined],
    [undefined, undefined],
  ])("%s leads to %s", (value, expected) => {
    expect(nextLink(value)).toBe(expected);
  });

  it("is read to its end in whatever state it is", () => {
    const piece = fc.oneof(fc.constantFrom("<", ">", ";", ",", '"', "\\", "rel=next", "<a>", "=", " "), fc.string());
    fc.assert(fc.property(fc.array(piece), (pieces) => Array.isArray(parseLinks(pieces.join("")))));
  });
});
