// `npm run proto:breaking [base]`: whether the contracts still serve those who use the ones of the base: origin/main
// (where this branch left it) unless told otherwise.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pinnedNode, root, run } from "./setup.mjs";

function git(...args) {
  try {
    return execFileSync("git", args, { cwd: root, stdio: ["ignore", "pipe", "ignore"], encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

const [asked] = process.argv.slice(2);
const base = asked ?? git("merge-base", "HEAD", "origin/main") ?? git("rev-parse", "--verify", "HEAD");
if (base === undefined || base === "" || !git("ls-tree", base, "proto/")) {
  const why = base === undefined || base === "" ? "there is no commit to compare with" : `${base} has no contracts`;
  console.log(`proto:breaking is skipped: ${why}`);
  process.exit(0);
}
console.log(`comparing the contracts with those of ${base}`);
process.exit(
  await run(pinnedNode(), [
    join(root, "node_modules", "@bufbuild", "buf", "bin", "buf"),
    "breaking",
    "proto",
    "--against",
    `.git#ref=${base},subdir=proto`,
  ]),
);
