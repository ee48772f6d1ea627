import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { Metrics } from "@apispool/common/metrics.js";
import { root } from "../harness/paths.js";
import { type Described, metricsOf, metricsTables, services } from "./metrics-catalogue.js";

const read = (...path: string[]): string => readFileSync(join(root, ...path), "utf8");

/** Every series that a scrape of Apispool can have, with its labels. */
function series(): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  // What Prometheus adds by itself.
  const always = ["job", "instance"];
  const add = (name: string, labels: readonly string[]): void => {
    found.set(name, new Set([...(found.get(name) ?? always), ...labels]));
  };
  const node = new Metrics();
  node.addProcess();
  const all: Described[] = [...services.flatMap((service) => metricsOf(service).describe()), ...node.describe()];
  for (const { name, type, labels } of all) {
    if (type !== "histogram") add(name, labels);
    else {
      add(`${name}_bucket`, [...labels, "le"]);
      add(`${name}_sum`, labels);
      add(`${name}_count`, labels);
    }
  }
  add("up", []);
  return found;
}

const functions = new Set(
  "sum min max avg count by without rate increase histogram_quantile time vector or and unless on ignoring label_values".split(
    " ",
  ),
);

/** What is wrong with the names in a query: metrics and labels that nothing exports. */
function problemsIn(query: string, known: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const problems: string[] = [];
  const used: string[] = [];
  const text = query.replaceAll(/"[^"]*"/g, '""').replaceAll(/\[[^\]]*\]/g, "");
  for (const [, name = "", matchers = ""] of text.matchAll(/([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}/g)) {
    for (const [, label = ""] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
      if (known.get(name)?.has(label) === false) problems.push(`${name} has no label ${label}`);
    }
  }
  const bare = text.replaceAll(/\{[^}]*\}/g, "");
  const grouped = [...bare.matchAll(/\b(?:by|without)\s*\(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(/,\s*/));
  const rest = bare.replaceAll(/\b(by|without)\s*\([^)]*\)/g, "");
  for (const [name] of rest.matchAll(/[a-zA-Z_:][\w:]*/g)) {
    if (functions.has(name)) continue;
    if (known.has(name)) used.push(name);
    else problems.push(`nothing exports ${name}`);
  }
  for (const label of grouped) {
    for (const name of used) if (known.get(name)?.has(label) === false) problems.push(`${name} has no label ${label}`);
  }
  if (used.length === 0) problems.push("it asks for nothing");
  return problems;
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly type: string;
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly type: string; readonly definition?: string }[] };
}

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

describe("what is made of the metrics", () => {
  const known = series();
  const dashboard = JSON.parse(read("deploy", "grafana", "apispool.json")) as Dashboard;
  const { groups } = parse(read("deploy", "prometheus", "alerts.yml")) as {
    groups: readonly { readonly rules: readonly Alert[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules);

  it("the test finds what is wrong", () => {
    expect(problemsIn('sum by (nowhere) (rate(apispool_pols_total{source="x"}[5m]))', known)).toEqual([
      "nothing exports apispool_pols_total",
      "it asks for nothing",
    ]);
    expect(problemsIn('sum by (nowhere) (rate(apispool_polls_total{colour="x"}[5m]))', known)).toEqual([
      "apispool_polls_total has no label colour",
      "apispool_polls_total has no label nowhere",
    ]);
  });

  it("Grafana's dashboard asks for what is exported, in every panel", () => {
    const panels = dashboard.panels.filter(({ type }) => type !== "row");
    expect(panels.length).toBeGreaterThan(30);
    const wrong = panels.flatMap(({ title, targets = [] }) => {
      expect([title, targets.length]).not.toEqual([title, 0]);
      return targets.flatMap(({ expr }) => problemsIn(expr, known).map((problem) => `${title}: ${problem}`));
    });
    expect(wrong).toEqual([]);
    const asked = dashboard.templating.list.flatMap(({ definition }) => definition ?? []);
    for (const definition of asked) {
      const [, name = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
      expect([definition, known.get(name)?.has(label)]).toEqual([definition, true]);
    }
  });

  it("it shows every metric that Apispool exports", () => {
    const text = JSON.stringify(dashboard);
    const own = services.flatMap((service) => metricsOf(service).describe()).map(({ name }) => name);
    expect(own.filter((name) => !text.includes(name))).toEqual([]);
  });

  it("the alerts ask for what is exported, and each is explained", () => {
    const docs = read("docs", "operations.md");
    expect(alerts.length).toBeGreaterThan(10);
    for (const { alert, expr, labels, annotations } of alerts) {
      expect([alert, problemsIn(expr, known)]).toEqual([alert, []]);
      expect(["critical", "warning"]).toContain(labels.severity);
      expect([annotations.summary, annotations.description].every((text) => text.length > 10)).toBe(true);
      expect([alert, docs.includes(`| \`${alert}\` |`)]).toEqual([alert, true]);
    }
    const told = [...docs.matchAll(/^\| `(Apispool\w+)` \|/gm)].map(([, name]) => name);
    expect(new Set(told)).toEqual(new Set(alerts.map(({ alert }) => alert)));
  });

  it("docs/operations.md lists every metric as it is", () => {
    expect(read("docs", "operations.md")).toContain(metricsTables());
  });

  it("the names are Prometheus's: base units, and _total on what only grows", () => {
    for (const { name, type } of services.flatMap((service) => metricsOf(service).describe())) {
      expect(name).toMatch(/^apispool_[a-z0-9_]+$/);
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
      if (type === "histogram") expect(name).toMatch(/_seconds$/);
    }
  });
});
