// SPDX-License-Identifier: MIT OR Apache-2.0
// OpenAI's Node package against a dgx-pixels-server; prints what it was told as JSON.
// usage: images.js URL SPRITE.png SIDE
import { readFile } from "node:fs/promises";
import OpenAI, { toFile } from "openai";

const [url, path, side] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0, timeout: 900_000 });
const refused = (call) => call.then(() => null, (error) => ({ status: error.status, param: error.param }));
const sprite = async () => toFile(await readFile(path), "sprite.png", { type: "image/png" });

const told = { models: (await client.models.list()).data.map((model) => model.id) };
told.model = await client.models.retrieve("dgx-pixels");
told.generated = await client.images.generate({
  model: "dgx-pixels", prompt: "a red potion", n: 2, size: "512x512", response_format: "b64_json",
});
told.edited = await client.images.edit({
  image: await sprite(), prompt: "a blue potion", size: "512x512", response_format: "b64_json",
});
told.kept = await client.images.edit({ image: [await sprite()], prompt: "a blue potion", response_format: "url" });
told.wrongSize = await refused(client.images.generate({ prompt: "a", size: "1009x1009" }));
told.wrongEdit = await refused(client.images.edit({ image: await sprite(), prompt: "a", size: `${side}x1` }));
told.wrongModel = await refused(client.models.retrieve("nothing"));
process.stdout.write(JSON.stringify(told) + "\n");
