// A small bot made of Microsoft's own SDK: botbuilder's CloudAdapter and TeamsActivityHandler, MSAL for its token.
import { createServer } from "node:http";
import { bodyOf, require } from "./support.mjs";

const { CardFactory, CloudAdapter, ConfigurationBotFrameworkAuthentication, MessageFactory, TeamsActivityHandler, TeamsInfo, TurnContext } = require("botbuilder");
const { MsalServiceClientCredentialsFactory } = require("botframework-connector");
const { ConfidentialClientApplication } = require("@azure/msal-node");

export const card = (text, entities = []) => ({
  type: "AdaptiveCard", version: "1.5", msteams: { entities },
  body: [{ type: "TextBlock", text, wrap: true }, { type: "Input.Text", id: "why", label: "Why?" },
    { type: "ActionSet", actions: [
      { type: "Action.Execute", id: "approve", title: "Approve", verb: "approve", data: { request: "R1" }, fallback: { type: "Action.Submit", title: "Approve", data: { request: "R1", verb: "approve" } } },
      { type: "Action.Execute", id: "refuse", title: "Refuse", verb: "refuse", data: { request: "R1" } }] }],
});

// MSAL takes https authorities alone: it is told one, and its network goes to the stand-in's instead.
function application(teams) {
  const authority = "https://login.playground.example/" + teams.tenant;
  const send = async (method, url, options) => {
    const answer = await fetch(url.replace("https://login.playground.example", teams.login_url), { method, headers: options?.headers, body: options?.body });
    return { headers: Object.fromEntries(answer.headers), body: await answer.json(), status: answer.status };
  };
  return new ConfidentialClientApplication({
    auth: { clientId: teams.app_id, clientSecret: teams.app_secret, authority, knownAuthorities: ["login.playground.example"] },
    system: { networkClient: { sendGetRequestAsync: (url, options) => send("GET", url, options), sendPostRequestAsync: (url, options) => send("POST", url, options) } },
  });
}

class SmallBot extends TeamsActivityHandler {
  constructor() {
    super();
    this.seen = [];
    this.onTurn(async (context, next) => {
      this.seen.push({ type: context.activity.type, activity: context.activity });
      await next();
    });
    this.onMessage(async (context, next) => {
      await this.command(context);
      await next();
    });
  }
  async command(context) {
    if (context.activity.value) return void await context.sendActivity("submitted " + JSON.stringify(context.activity.value));
    const text = (TurnContext.removeRecipientMention(context.activity) ?? context.activity.text).replaceAll("&nbsp;", " ").trim();
    const say = (words) => context.sendActivity(MessageFactory.text(words));
    switch (text) {
      case "card": await context.sendActivity({ attachments: [CardFactory.adaptiveCard(card("Restart web?"))] }); break;
      case "members": {
        let token, names = [];
        do {
          const page = await TeamsInfo.getPagedMembers(context, 50, token);
          names.push(...page.members.map((one) => one.name));
          token = page.continuationToken;
        } while (token);
        await say(names.join(", "));
        break;
      }
      case "me": {
        const me = await TeamsInfo.getMember(context, context.activity.from.id);
        await say(`${me.name} ${me.aadObjectId} ${me.userPrincipalName}`);
        break;
      }
      case "team": {
        const team = await TeamsInfo.getTeamDetails(context);
        const channels = await TeamsInfo.getTeamChannels(context);
        await say(`${team.name} ${channels.map((one) => one.name ?? "General").join("+")}`);
        break;
      }
      case "thread": {
        const [reference] = await TeamsInfo.sendMessageToTeamsChannel(context, MessageFactory.text("a new thread"), context.activity.channelData.channel.id, this.appId);
        await say(reference.conversation.id);
        break;
      }
      case "edit": {
        const sent = await say("first");
        await context.updateActivity({ ...MessageFactory.text("second"), id: sent.id });
        break;
      }
      case "delete": {
        const sent = await say("gone soon");
        await context.deleteActivity(sent.id);
        break;
      }
      case "chat": {
        const { conversation, from, serviceUrl, channelId, recipient } = context.activity;
        await context.adapter.createConversationAsync(this.appId, channelId, serviceUrl, "https://api.botframework.com",
          { isGroup: false, bot: recipient, members: [{ id: from.id }], tenantId: conversation.tenantId, channelData: { tenant: { id: conversation.tenantId } } },
          (chat) => chat.sendActivity("hello in private"));
        break;
      }
      case "fail": await context.adapter.continueConversationAsync(this.appId, { ...TurnContext.getConversationReference(context.activity), conversation: { id: "19:quiet@thread.tacv2" } },
        (quiet) => quiet.sendActivity("x")).catch((error) => say(`${error.statusCode} ${error.code ?? error.body?.error?.code}`)); break;
      default: await say("you said: " + text);
    }
  }
  async onAdaptiveCardInvoke(context, value) {
    const { verb, data } = value.action;
    if (verb === "approve") {
      await context.updateActivity({ type: "message", id: context.activity.replyToId, attachments: [CardFactory.adaptiveCard(card("approved: " + data.why))] });
      return { statusCode: 200, type: "application/vnd.microsoft.card.adaptive", value: card("you approved") };
    }
    return { statusCode: 200, type: "application/vnd.microsoft.activity.message", value: "no" };
  }
}

// `teams`: what the stand-in says of itself; null: without any authentication, as the Agents Playground wants it.
export function makeBot(teams) {
  const bot = new SmallBot();
  bot.appId = teams?.app_id ?? "";
  const authentication = teams === null ? new ConfigurationBotFrameworkAuthentication({}) : new ConfigurationBotFrameworkAuthentication(
    {
      ToChannelFromBotLoginUrl: teams.login_url + "/" + teams.tenant, ToChannelFromBotOAuthScope: "https://api.botframework.com",
      ToBotFromChannelTokenIssuer: "https://api.botframework.com", OAuthUrl: teams.login_url,
      ToBotFromChannelOpenIdMetadataUrl: teams.metadata_url, ToBotFromEmulatorOpenIdMetadataUrl: "http://127.0.0.1:9/no-emulator",
    },
    new MsalServiceClientCredentialsFactory(teams.app_id, application(teams)));
  const adapter = new CloudAdapter(authentication);
  adapter.onTurnError = async (_, error) => { bot.error = error; throw error; };
  // Takes node's requests, and hyco-https's, which look alike.
  const listener = async (request, response) => {
    const text = String(await bodyOf(request));
    let status = 200, body;
    await adapter.process(
      { method: request.method, headers: request.headers, body: text ? JSON.parse(text) : undefined },
      { status: (code) => { status = code; }, header: () => {}, send: (what) => { body = what; }, end: () => {} },
      (context) => bot.run(context));
    response.writeHead(status, { "Content-Type": typeof body === "string" ? "text/plain" : "application/json; charset=utf-8" });
    response.end(body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body));
  };
  return { bot, listener };
}

// The same behind a plain port.
export async function serveBot(teams) {
  const { bot, listener } = makeBot(teams);
  const server = createServer(listener);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { bot, url: `http://127.0.0.1:${server.address().port}/api/messages`, stop: () => { server.closeAllConnections(); server.close(); } };
}
