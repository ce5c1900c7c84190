// The peer: acknowledges each click, then shows it in the message. No policy, no record, nothing that outlives it.
import bolt from "@slack/bolt";

const app = new bolt.App({
  token: process.env.BOT_TOKEN, appToken: process.env.APP_TOKEN, socketMode: true, logLevel: bolt.LogLevel.ERROR,
  clientOptions: { slackApiUrl: process.env.API_URL },
});
app.action(/^approve/, async ({ ack, body, client }) => {
  await ack();
  await client.chat.update({
    channel: body.channel.id, ts: body.container.message_ts, text: body.message.text + " (approved)", blocks: body.message.blocks,
  });
});
await app.start();
