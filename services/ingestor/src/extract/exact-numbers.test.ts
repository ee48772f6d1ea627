import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { compareDecimals, isDecimal, subtractDecimals } from "./decimal.js";
import { numberText, parseDocument, parseExact, printJson } from "./exact-numbers.js";

const numeral = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.bigInt({ min: 0n, max: 10n ** 40n }),
    fc.option(fc.stringMatching(/^\d{1,25}$/)),
    fc.option(fc.integer({ min: -400, max: 400 })),
  )
  .map(
    ([sign, whole, part, power]) =>
      `${sign}${whole}${part === null ? "" : `.${part}`}${power === null ? "" : `e${power}`}`,
  );

describe("numbers of JSON", () => {
  it("are printed as they were sent, however many digits they have", () => {
    fc.assert(
      fc.property(fc.uniqueArray(numeral, { comparator: (a, b) => compareDecimals(a, b) === 0 }), (numbers) => {
        const text = `{"list":[${numbers.join(",")}],"again":[${numbers.join(",")}]}`;
        const document = parseExact(text);
        expect(printJson(document, document)).toBe(text);
      }),
    );
  });

  it("stay plain numbers that can be compared, next to what they are", () => {
    const document = parseExact(
      "[12345678901234567890,12345678901234567891,12345678901234567891.0,2,1e400,-1e-400,0]",
    ) as number[];
    expect(document.slice(0, 5).map((number) => typeof number)).toEqual([
      "number",
      "number",
      "number",
      "number",
      "number",
    ]);
    expect(new Set(document).size).toBe(6);
    expect(document[1]).toBe(document[2]);
    expect(document[3]).toBe(2);
    expect(Math.abs((document[1] ?? 0) - 12345678901234567000) / 1e19).toBeLessThan(1e-15);
    expect(numberText(document, document[1] ?? 0)).toBe("12345678901234567891");
    expect(numberText(document, 0.5)).toBe("0.5");
  });

  it("lose nothing where a document is parsed the fast way", () => {
    fc.assert(
      fc.property(numeral, (number) => {
        const document = parseDocument(`{"a":${number}}`) as { a: number };
        expect(compareDecimals(numberText(document, document.a), number)).toBe(0);
      }),
    );
  });
});

describe("decimals", () => {
  const small = fc.tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 20 }));
  const text = ([value, scale]: [bigint, number]): string => `${value}e-${scale}`;
  const scaled = ([value, scale]: [bigint, number]): bigint => value * 10n ** BigInt(20 - scale);

  it("are compared and subtracted without loss", () => {
    fc.assert(
      fc.property(small, small, (a, b) => {
        const [x, y] = [scaled(a), scaled(b)];
        expect(Math.sign(compareDecimals(text(a), text(b)))).toBe(x < y ? -1 : x > y ? 1 : 0);
        expect(compareDecimals(subtractDecimals(text(a), text(b)), `${x - y}e-20`)).toBe(0);
      }),
    );
  });

  it.each([
    ["10", "1", "9"],
    ["9007199254740993", "1", "9007199254740992"],
    ["1.5", "2.25", "-0.75"],
    ["0.1", "0.1", "0"],
    ["1e3", "1", "999"],
    ["12.50", "0", "12.50"],
    ["1e300000000", "1", "1e300000000"],
  ])("%s less %s is %s", (a, b, difference) => {
    expect(subtractDecimals(a, b)).toBe(difference);
  });

  it("are told from other texts", () => {
    expect(["1", "-1.5e+7", "+007"].every(isDecimal)).toBe(true);
    expect(["", "1x", "0x10", "Infinity", "1e9999999999", "1".repeat(500)].some(isDecimal)).toBe(false);
  });
});
