import { describe, expect, it } from "@jest/globals";
import type { Broker } from "./kafkajs-internals.js";
import { grouped, quick } from "./quick-broker.js";

const refusal = (type: string): Error => Object.assign(new Error(type), { type });

describe("a broker that is quick for producers", () => {
  it("asks again where the transaction before is just ending", async () => {
    const answers = [refusal("CONCURRENT_TRANSACTIONS"), refusal("CONCURRENT_TRANSACTIONS"), "added"];
    const broker = {
      produce: async () => undefined,
      addPartitionsToTxn: async () => {
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer;
      },
    } as unknown as Broker;
    expect(await quick(broker).addPartitionsToTxn({})).toBe("added");
  });

  it("passes every other refusal on, after one question", async () => {
    let asked = 0;
    const broker = {
      produce: async () => undefined,
      addPartitionsToTxn: async () => {
        asked += 1;
        throw refusal("INVALID_PRODUCER_EPOCH");
      },
    } as unknown as Broker;
    await expect(quick(broker).addPartitionsToTxn({})).rejects.toThrow("INVALID_PRODUCER_EPOCH");
    expect(asked).toBe(1);
  });

  it("groups messages by partition, each in its order", () => {
    const messages = [3, 0, 3, 1, 0].map((partition, n) => ({ partition, value: String(n) }));
    const groups = grouped(messages).reduce((all) => all, {} as never) as unknown as Record<
      number,
      { value: string }[]
    >;
    expect(Object.entries(groups).map(([p, group]) => [p, group.map(({ value }) => value)])).toEqual([
      ["0", ["1", "4"]],
      ["1", ["3"]],
      ["3", ["0", "2"]],
    ]);
    expect([...grouped(messages)]).toEqual(messages);
  });
});
