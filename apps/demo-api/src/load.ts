import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Quake, QuakeFeed } from "./geojson.js";

/** The week of the real USGS catalogue that comes with the npm package vega-datasets: 1,707 quakes of early 2018. */
export async function loadQuakes(): Promise<readonly Quake[]> {
  // The package exports its entry point only; the data lies beside it.
  const entry = import.meta.resolve("vega-datasets");
  const file = fileURLToPath(new URL("../data/earthquakes.json", entry));
  return (JSON.parse(await readFile(file, "utf8")) as QuakeFeed).features;
}
