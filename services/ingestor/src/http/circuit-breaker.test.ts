import { describe, expect, it } from "@jest/globals";
import { CircuitBreaker } from "./circuit-breaker.js";

describe("a circuit breaker", () => {
  let now = 0;
  const make = (): CircuitBreaker => {
    now = 1000;
    return new CircuitBreaker({ openAfter: 3, probeEveryMs: 60_000, now: () => now });
  };
  const opened = (): CircuitBreaker => {
    const breaker = make();
    for (let i = 0; i < 3; i += 1) breaker.failed();
    return breaker;
  };

  it("opens after so many failures in a row, and not before", () => {
    const breaker = make();
    breaker.failed();
    breaker.failed();
    breaker.succeeded();
    breaker.failed();
    breaker.failed();
    expect(breaker.enter()).toEqual({ kind: "poll", probe: false });
    breaker.failed();
    expect(breaker.state).toEqual({ kind: "open", probeAt: 61_000 });
    now = 31_000;
    expect(breaker.enter()).toEqual({ kind: "wait", forMs: 30_000 });
  });

  it("lets one probe through at a time, and closes when it succeeds", () => {
    const breaker = opened();
    now = 61_000;
    expect(breaker.enter()).toEqual({ kind: "poll", probe: true });
    expect(breaker.enter()).toMatchObject({ kind: "wait" });
    breaker.failed();
    expect(breaker.enter()).toEqual({ kind: "wait", forMs: 60_000 });
    now = 121_000;
    expect(breaker.enter()).toEqual({ kind: "poll", probe: true });
    breaker.succeeded();
    expect(breaker.state).toEqual({ kind: "closed", failures: 0 });
  });

  it("waits for longer where the API asks for it", () => {
    const breaker = opened();
    now = 61_000;
    breaker.enter();
    breaker.failed(600_000);
    expect(breaker.enter()).toEqual({ kind: "wait", forMs: 600_000 });
  });

  it("does not count a probe that was given up, nor stay waiting for it", () => {
    const breaker = opened();
    now = 61_000;
    breaker.enter();
    breaker.abandoned();
    expect(breaker.enter()).toEqual({ kind: "poll", probe: true });
  });
});
