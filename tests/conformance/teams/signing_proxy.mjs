// Between the Agents Playground, which signs nothing, and our bot, which believes nothing that isn't signed: what the
// playground sends, the Teams stand-in delivers as the Bot Connector would, with a token for the activity's serviceUrl.
// So the product needs no mode without authentication, and its whole path of trust is walked.
import { createServer } from "node:http";
import { bodyOf } from "./support.mjs";

export async function startSigningProxy(teams) {
  let forward = false;
  const unsigned = [];  // activities as the playground sent them
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    if (request.method === "HEAD" || !forward) {  // it looks whether there is a bot before it serves
      response.writeHead(200).end();
      return;
    }
    const activity = JSON.parse(String(body));
    unsigned.push({ activity, authorization: request.headers.authorization });
    const { delivery } = await teams.control("deliver", { activity });
    const { statuses, answer } = await teams.settled(delivery);
    response.writeHead(statuses.at(-1) || 502, { "Content-Type": "application/json; charset=utf-8" });
    response.end(answer === null ? "" : JSON.stringify(answer));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/api/messages`,
    unsigned,
    // From now on to the bot at this address; what came before was answered with an empty 200.
    forwardTo: async (endpoint) => {
      await teams.control("options", { bot_endpoint: endpoint });
      forward = true;
    },
    stop: () => { server.closeAllConnections(); server.close(); },
  };
}
