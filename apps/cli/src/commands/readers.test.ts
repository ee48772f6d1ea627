import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FakeGateway, at } from "../testing/fake-gateway.js";
import { TestSurroundings } from "../testing/run.js";

describe("readers", () => {
  let gateway: FakeGateway;
  let around: TestSurroundings;

  beforeEach(async () => {
    gateway = await FakeGateway.start();
    around = new TestSurroundings();
    around.env = { APISPOOL_URL: gateway.url };
    gateway.readers = [
      {
        name: "dashboard",
        unread: 120n,
        oldestUnreadAt: at(-7200),
        lastActivityAt: at(-7210),
        positions: [{ source: "quakes", partition: 0, offset: 42n }],
      },
      { name: "me", unread: 7n, unreadIsEstimate: true },
    ];
  });
  afterEach(async () => gateway.stop());

  it("lists them", async () => {
    const expected = {
      code: 0,
      err: "",
      out: `READER     UNREAD  OLDEST   ACTIVE
dashboard     120  2 h ago  2 h ago
me             ~7  –        –
`,
    };
    expect(await around.run("readers")).toEqual(expected);
    expect(await around.run("readers", "list")).toEqual(expected);
    gateway.readers = [];
    expect((await around.run("readers")).out).toBe("nobody has read anything yet\n");
  });

  it("shows one, partition by partition", async () => {
    expect((await around.run("readers", "show", "dashboard")).out).toBe(`READER     UNREAD  OLDEST   ACTIVE
dashboard     120  2 h ago  2 h ago

SOURCE  PARTITION  OFFSET
quakes          0      42
`);
    expect(await around.run("readers", "show", "bogus")).toEqual({
      code: 1,
      out: "",
      err: 'apispool: reader "bogus" has never fetched\n',
    });
  });

  it("is JSON where that is wanted", async () => {
    const reader = {
      name: "dashboard",
      unread: 120,
      unreadIsEstimate: false,
      oldestUnreadAt: "2026-11-25T10:00:00.000Z",
      lastActivityAt: "2026-11-25T09:59:50.000Z",
      positions: [{ source: "quakes", partition: 0, offset: 42 }],
    };
    expect(JSON.parse((await around.run("readers", "show", "dashboard", "--json")).out)).toEqual(reader);
    expect(JSON.parse((await around.run("readers", "--json")).out)).toMatchObject({
      readers: [reader, { name: "me" }],
    });
  });

  it("deletes one that is meant: after a yes at the terminal, or with --yes", async () => {
    const questions: string[] = [];
    let answer = "n";
    around.ask = async (question) => {
      questions.push(question);
      return Promise.resolve(answer);
    };
    expect(await around.run("readers", "delete", "me")).toEqual({
      code: 1,
      out: "",
      err: "apispool: nothing was deleted\n",
    });
    expect([questions, gateway.deleted]).toEqual([['Forget the reader "me" and its position? [y/N] '], []]);
    answer = "Yes";
    expect(await around.run("readers", "delete", "me")).toEqual({ code: 0, out: "me: deleted\n", err: "" });
    around.ask = undefined;
    expect((await around.run("readers", "delete", "dashboard")).code).toBe(2);
    expect((await around.run("readers", "delete", "dashboard", "--yes")).code).toBe(0);
    expect(gateway.deleted).toEqual(["me", "dashboard"]);
  });

  describe("seek", () => {
    it.each([
      [["--to", "latest", "--source", "quakes"], { to: { case: "latest" }, sources: ["quakes"] }],
      [["--to", "earliest"], { to: { case: "earliest" }, sources: [] }],
      [["--to", "2h"], { to: { case: "timestamp", value: at(-7200) } }],
      [["--cursor", "cursor-1"], { to: { case: "cursor", value: "cursor-1" } }],
      [
        ["--offset", "quakes/0=42", "a.b-c/1=0"],
        {
          to: {
            case: "offsets",
            value: {
              positions: [
                { source: "quakes", offset: 42n },
                { source: "a.b-c", partition: 1, offset: 0n },
              ],
            },
          },
        },
      ],
    ])("moves a reader: %j", async (args, asked) => {
      expect((await around.run("seek", "me", ...args)).code).toBe(0);
      expect(gateway.seeks).toMatchObject([{ reader: "me", ...asked }]);
    });

    it("tells where it stands then", async () => {
      expect((await around.run("seek", "me", "--to", "earliest")).out).toBe(
        "SOURCE  PARTITION  OFFSET\nquakes          0       0\n",
      );
      expect((await around.run("seek", "me", "--to", "earliest", "--json")).out).toBe(
        '{"positions":[{"source":"quakes","partition":0,"offset":0}]}\n',
      );
    });
  });
});
