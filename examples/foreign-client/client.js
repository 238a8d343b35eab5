// A client of the Sorcha protocol that is no node: it knows the .proto files and nothing else of this project.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const USAGE = `Usage: node client.js --node HOST:PORT [--ca CERTIFICATE.pem] COMMAND

  ping                     ask whether the node is there
  list                     peers and clients that the node knows
  register                 be listed, as --as ID at --listen HOST:PORT
  get HASH --out FILE      one transaction in one message
  stream HASH --out FILE   one transaction in chunks
  publish FILE...          serve the files, notify the node of each, and wait until it has fetched them

  --ca       the node's tls/certificate.pem; without it nothing is encrypted
  --as       what this client calls itself (example-client)
  --listen   where this client serves what it publishes (127.0.0.1:0: any free port)
  --tls-key, --tls-certificate   serve with TLS
  --protos   the folder with the .proto files
`;
const HERE = dirname(fileURLToPath(import.meta.url));
const CHUNK_BYTES = 64 * 1024;
const MOST_BYTES = 16 * 1024 * 1024;
const DEADLINE_MS = 10_000;
const PATIENCE_MS = 30_000;
const PLAIN_OPTIONS = { "grpc.max_receive_message_length": MOST_BYTES };
const OPTIONS = {
  // The certificate names no host: nodes are known by key, and may move.
  "grpc.ssl_target_name_override": "sorcha-peer",
  "grpc.max_receive_message_length": MOST_BYTES,
};

function loadServices(folder) {
  const files = ["peer_discovery.proto", "transaction_distribution.proto"].map((name) => join(folder, name));
  const loaded = protoLoader.loadSync(files, { keepCase: true, longs: Number, enums: String, defaults: true });
  const { sorcha } = grpc.loadPackageDefinition(loaded);
  return { Discovery: sorcha.peer.discovery.PeerDiscovery, Distribution: sorcha.peer.transaction.TransactionDistribution };
}

// One unary call as a promise.
function ask(client, method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, { deadline: Date.now() + DEADLINE_MS }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

function say(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function stream(client, hash) {
  const chunks = [];
  for await (const chunk of client.StreamTransaction({ transaction_hash: hash }, { deadline: Date.now() + DEADLINE_MS })) {
    chunks.push(chunk.chunk_data);
  }
  return Buffer.concat(chunks);
}

// What a client has to serve, so that a node can fetch from it.
function serveTransactions(services, payloads, id) {
  const server = new grpc.Server({ "grpc.max_send_message_length": MOST_BYTES });
  const requested = { get: 0, stream: 0, ping: 0 };
  server.addService(services.Discovery.service, {
    Ping: (call, answer) => {
      requested.ping += 1;
      answer(null, { peer_id: id, timestamp: Math.floor(Date.now() / 1000), status: "ONLINE" });
    },
  });
  server.addService(services.Distribution.service, {
    GetTransaction: (call, answer) => {
      const hash = call.request.transaction_hash;
      requested.get += 1;
      answer(null, { transaction_hash: hash, transaction_data: payloads.get(hash), found: payloads.has(hash) });
    },
    StreamTransaction: (call) => {
      const hash = call.request.transaction_hash;
      const payload = payloads.get(hash);
      requested.stream += 1;
      if (!payload) {
        call.emit("error", { code: grpc.status.NOT_FOUND, details: "it is not here" });
        return;
      }
      const total = Math.ceil(payload.length / CHUNK_BYTES);
      for (let index = 0; index < total; index += 1) {
        const data = payload.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
        call.write({ transaction_hash: hash, chunk_index: index, total_chunks: total, chunk_data: data });
      }
      call.end();
    },
  });
  return { server, requested };
}

function listen(server, address, options) {
  const credentials = options["tls-key"]
    ? grpc.ServerCredentials.createSsl(null, [
        { private_key: readFileSync(options["tls-key"]), cert_chain: readFileSync(options["tls-certificate"]) },
      ])
    : grpc.ServerCredentials.createInsecure();
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

function register(discovery, id, host, port) {
  const capabilities = { supports_streaming: true, supports_transaction_distribution: true, max_transaction_size: MOST_BYTES };
  const info = { peer_id: id, address: host, port, supported_protocols: ["GrpcStream", "Grpc"], capabilities };
  return ask(discovery, "RegisterPeer", { peer_info: info });
}

// Until the node knows the transaction: it answers a notification before it has fetched.
async function notifyUntilKnown(distribution, notification) {
  const first = await ask(distribution, "NotifyTransaction", notification);
  let answer = first;
  for (const end = Date.now() + PATIENCE_MS; !answer.already_known && Date.now() < end; ) {
    await new Promise((wake) => setTimeout(wake, 100));
    answer = await ask(distribution, "NotifyTransaction", notification);
  }
  return { first, known: answer.already_known };
}

async function publish(clients, services, files, options) {
  const payloads = new Map();
  for (const file of files) {
    const payload = readFileSync(file);
    payloads.set(createHash("sha256").update(payload).digest("hex"), payload);
  }
  const { server, requested } = serveTransactions(services, payloads, options.as);
  const host = options.listen.slice(0, options.listen.lastIndexOf(":"));
  const port = await listen(server, options.listen, options);
  try {
    say({ registered: await register(clients.discovery, options.as, host.replace(/^\[|\]$/g, ""), port) });
    for (const [hash, payload] of payloads) {
      const notification = {
        transaction_hash: hash,
        sender_peer_id: options.as,
        timestamp: Math.floor(Date.now() / 1000),
        transaction_size: payload.length,
      };
      say({ hash, size: payload.length, ...(await notifyUntilKnown(clients.distribution, notification)) });
    }
    say({ requested });
  } finally {
    server.forceShutdown();
  }
}

async function run([command, ...rest], options) {
  const services = loadServices(options.protos);
  const credentials = options.ca ? grpc.credentials.createSsl(readFileSync(options.ca)) : grpc.credentials.createInsecure();
  const clients = {
    discovery: new services.Discovery(options.node, credentials, options.ca ? OPTIONS : PLAIN_OPTIONS),
    distribution: new services.Distribution(options.node, credentials, options.ca ? OPTIONS : PLAIN_OPTIONS),
  };
  const commands = {
    ping: async () => say(await ask(clients.discovery, "Ping", { peer_id: options.as })),
    list: async () => say(await ask(clients.discovery, "GetPeerList", { requesting_peer_id: "", max_peers: 100 })),
    register: async () => {
      const [host, port] = options.listen.split(/:(?=[0-9]+$)/);
      say(await register(clients.discovery, options.as, host, Number(port)));
    },
    get: async () => {
      const answer = await ask(clients.distribution, "GetTransaction", { transaction_hash: rest[0] });
      if (!answer.found) throw new Error(`the node does not have ${rest[0]}`);
      writeFileSync(options.out, answer.transaction_data);
    },
    stream: async () => writeFileSync(options.out, await stream(clients.distribution, rest[0])),
    publish: () => publish(clients, services, rest, options),
  };
  if (!options.node || !Object.hasOwn(commands, command ?? "")) throw new Error(USAGE);
  try {
    await commands[command]();
  } finally {
    clients.discovery.close();
    clients.distribution.close();
  }
}

const text = (fallback) => ({ type: "string", default: fallback });
try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      node: text(""),
      ca: text(""),
      as: text("example-client"),
      listen: text("127.0.0.1:0"),
      out: text("transaction"),
      "tls-key": text(""),
      "tls-certificate": text(""),
      protos: text(join(HERE, "..", "..", "sorcha_peer_core", "wire")),
    },
  });
  await run(positionals, values);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
