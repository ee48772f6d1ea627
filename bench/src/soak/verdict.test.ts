import { expect, test } from "@jest/globals";
import { metricsIn } from "./sample.js";
import { type Series, lows, theilSen, verdictOn } from "./verdict.js";

/** Half an hour, a point every ten seconds; the noise is the same at every run. */
function series(value: (seconds: number, noise: number) => number): Series {
  let seed = 7;
  const noise = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647 - 0.5;
  };
  return Array.from({ length: 180 }, (_, i) => [i * 10, value(i * 10, noise())] as const);
}

const memory = { most: 15, share: 0.1 };

test("the slope of a line is its own, whatever a quarter of the points are", () => {
  expect(theilSen(series((at) => 5 + at / 100))).toBeCloseTo(0.01);
  expect(theilSen(series((at) => (at % 40 === 0 ? 9999 : 5 + at / 100)))).toBeCloseTo(0.01, 3);
});

test("noise, a saw and a fall are flat; a leak is not, even beneath noise", () => {
  expect(
    verdictOn(
      series((_at, noise) => 200 + 60 * noise),
      memory,
    ).flat,
  ).toBe(true);
  expect(
    verdictOn(
      series((at) => 100 + (at % 70)),
      memory,
    ).flat,
  ).toBe(true);
  expect(
    verdictOn(
      series((at) => 300 - at / 30),
      memory,
    ).flat,
  ).toBe(true);
  expect(
    verdictOn(
      series((at, noise) => 200 + 60 * noise + at / 50),
      memory,
    ),
  ).toMatchObject({ flat: false });
});

test("a series that has no values is not flat", () => {
  expect(
    verdictOn(
      series(() => Number.NaN),
      memory,
    ).flat,
  ).toBe(false);
});

test("what stays of a heap that fills and is emptied is its lows", () => {
  expect(
    lows(
      [
        [0, 5],
        [10, 9],
        [30, 7],
        [40, 6],
      ],
      30,
    ),
  ).toEqual([
    [0, 5],
    [30, 6],
  ]);
});

test("metrics are read by name, with their labels summed up", () => {
  const text = '# TYPE a gauge\na{type="x"} 1\na{type="y"} 2.5\nb 1e-3 1700000000\n# EOF\n';
  expect(metricsIn(text)).toEqual(
    new Map([
      ["a", 3.5],
      ["b", 0.001],
    ]),
  );
});
