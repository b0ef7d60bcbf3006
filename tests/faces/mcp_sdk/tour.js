// SPDX-License-Identifier: MIT OR Apache-2.0
// A tour of dgx-pixels-mcp with the official TypeScript SDK's client; prints what it was told as JSON.
// usage: tour.js stdio COMMAND ARGUMENT... | tour.js http URL
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [how, first, ...rest] = process.argv.slice(2);
const transport = how === "stdio"
  ? new StdioClientTransport({ command: first, args: rest, env: process.env, stderr: "inherit" })
  : new StreamableHTTPClientTransport(new URL(first));
const client = new Client({ name: "dgx-pixels-tests", version: "1.0.0" });
await client.connect(transport);

const told = { server: client.getServerVersion(), tools: (await client.listTools()).tools, progress: [] };
const call = (name, args, options = {}) => client.callTool({ name, arguments: args }, { timeout: 900_000, ...options });
const job = { prompt: "medieval knight", kind: "character", seed: 7, more: { steps: 4 } };

// A call waits 25 s at most; a machine with much to do needs longer, and then get_job tells the rest.
told.generate = await call("generate", { ...job, count: 2 }, { onprogress: (progress) => told.progress.push(progress) });
while (["queued", "running"].includes(told.generate.structuredContent?.state)) {
  told.generate = await call("get_job", { job_id: told.generate.structuredContent.job_id });
}
told.deploy = await call("deploy", { paths: [told.generate.structuredContent.images[0].path], to: "sprites/hero.png" });
told.jobs = await call("list_jobs", {});
told.wrong = await call("generate", { ...job, kind: "nonsense" });
told.outside = await call("fix_image", { path: "/etc/passwd" });
await client.close();
process.stdout.write(JSON.stringify(told) + "\n");
